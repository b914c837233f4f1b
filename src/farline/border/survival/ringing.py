"""Calls that ring: what is kept of each, so that the next process can end them on both sides.

An INVITE that is under way dies with its process. What rings would ring on for minutes, and its
caller hear nothing of it. The next process cancels the called side, and gives the caller a 503: its
INVITE and its CANCEL, when they come again, find a transaction that knows them. Where one of the
two had a connection it is a phone that has to come back first; a server is connected to anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farline.border.exchange import Side
from farline.border.plan import Candidate
from farline.border.steps import Connect, Operation
from farline.border.survival import records
from farline.border.survival.keeper import session_key
from farline.border.survival.records import HostPort, Record, RecordError
from farline.sip import Address, Flow, Message, Transport, WireError, responses
from farline.sip.headers import via_address
from farline.trace.events import CallChanged, Trace

if TYPE_CHECKING:
    from collections.abc import Callable

    from farline.border.context import Context
    from farline.border.passage import Passage
    from farline.border.steps import Steps
    from farline.sip.transaction import ClientTransaction, ServerTransaction

RINGING = "ringing"
"""The noun. The key is that of the call."""
STATUS = 503
WHY = "the border began anew while it rang"
MAX_AGE = 300.0
"""Seconds: nothing rings for longer."""


@dataclass(frozen=True, slots=True)
class Way:
    """Where an INVITE came from, or went to."""

    interface: str
    transport: str
    local: HostPort
    remote: HostPort
    back: HostPort = ("", 0)
    """Where answers go over UDP."""
    server: str = ""
    """The server profile; "" for a phone."""
    name: str = ""
    """The host name that led to it."""

    @classmethod
    def of(cls, flow: Flow, back: Flow, server: tuple[str, str]) -> Way:
        """The way over a flow. `server`: profile and host name."""
        local, remote, answers = (
            (one.host, one.port) for one in (flow.local, flow.remote, back.remote)
        )
        return cls(flow.interface, flow.transport.value, local, remote, answers, *server)

    def flow(self, *, back: bool = False) -> Flow | None:
        """The flow, where it outlives a process (UDP). Raises ValueError for no transport."""
        kind = Transport(self.transport)
        remote = self.back if back else self.remote
        if kind is not Transport.UDP:
            return None
        return Flow(0, self.interface, kind, Address(*self.local), Address(*remote))


class RingingRecord(Record, frozen=True, kw_only=True):
    """One INVITE under way."""

    subid: str
    """The binding's token."""
    at: float
    came: bytes
    """The INVITE of the caller, with what was noted in its Via."""
    caller: Way
    sent: bytes
    """The INVITE as it was sent last."""
    called: Way


class RingingKeeper:
    """Writes an INVITE down while nobody has answered it."""

    def __init__(self, context: Context, passage: Passage, tx: ServerTransaction) -> None:
        self._context = context
        self._passage = passage
        self._tx = tx
        self._key = ""

    def sent(self, client: ClientTransaction) -> None:
        """The first INVITE of a call went to a next hop."""
        passage, session = self._passage, self._passage.session
        if session is None:
            return
        context, tx = self._context, self._tx
        self._key = session_key(session.key)
        record = RingingRecord(
            version=records.VERSION,
            subid=passage.binding.subid,
            at=context.wall(context.now),
            came=tx.request.to_bytes(),
            caller=Way.of(tx.flow, tx.back, self._server(passage.sender)),
            sent=client.request.to_bytes(),
            called=Way.of(client.flow, client.flow, self._server(passage.sender.other)),
        )
        context.keeper.keep(RINGING, self._key, records.encode(record))

    def answered(self) -> None:
        """The caller has a final answer."""
        if self._key:
            self._context.keeper.keep(RINGING, self._key, None)
            self._key = ""

    def _server(self, side: Side) -> tuple[str, str]:
        """Profile and host name of the server on a side; empty for a phone."""
        binding = self._passage.binding
        if side is Side.OUTSIDE:
            return ("", "") if binding.peer is None else (binding.peer.server_profile, "")
        candidate = binding.upstream.candidate if binding.upstream is not None else None
        if candidate is not None:
            return candidate.server, candidate.name
        return ("", "") if binding.line is None else (binding.line.server.server_profile, "")


# ---- after a restart ----


def restore(context: Context, key: str, value: bytes) -> None:
    """Take a record: the caller is remembered at once, both are told when the border begins.

    Raises RecordError.
    """
    record = records.decode(value, RingingRecord)
    if context.wall(context.now) - record.at > MAX_AGE:
        raise RecordError("nothing rings for so long")
    try:
        came, sent = Message.parse(record.came), Message.parse(record.sent)
        came.validate()
        sent.validate()
        flow, back = record.caller.flow(), record.caller.flow(back=True)
        Transport(record.called.transport)
    except (WireError, ValueError) as error:
        raise RecordError(str(error)) from None
    for way in (record.caller, record.called):
        if way.interface not in context.plan.interfaces:
            raise RecordError(f"no Signaling Interface is called {way.interface!r}")
    tx = None
    if flow is not None and back is not None:
        tx = context.layer.take_over(came, flow, back, context.now)
    ended = _Ended(context, key, record, came, sent)
    context.upon_start.append(lambda: ended.begin(tx))


class _Ended:
    """One call that rang, and is ended on both sides."""

    def __init__(
        self, context: Context, key: str, record: RingingRecord, came: Message, sent: Message
    ) -> None:
        self._context = context
        self._key = key
        self._record = record
        self._came = came
        self._sent = sent

    def begin(self, tx: ServerTransaction | None) -> None:
        """Tell both; `tx`: the caller's INVITE, where it came over UDP."""
        context = self._context
        context.keeper.keep(RINGING, self._key, None)
        context.call = call = context.plan.call_ids.canonical(self._came.call_id)
        context.counters["calls.failed"] += 1
        context.put(Trace(CallChanged(call, "failed", WHY)))
        context.abandoned.expect(self._sent.call_id)
        self._reach(self._record.called, self._record.called.flow(), self._cancel)
        if tx is not None:
            self._answer(tx)
        else:
            self._reach(self._record.caller, None, self._refuse)

    def _reach(self, way: Way, flow: Flow | None, then: Callable[[Flow], None]) -> None:
        """Go over the flow of before, a new connection to a server, or a phone's next one."""
        context = self._context
        if flow is not None:
            then(flow)
        elif way.server in context.plan.servers:
            operation = Operation(context.call)
            context.start(operation, self._connect(way, then))
        else:
            context.abandoned.upon_return(self._record.subid, then)

    def _connect(self, way: Way, then: Callable[[Flow], None]) -> Steps:
        """Where an INVITE went goes the CANCEL; an answer to where its Via says (18.2.2)."""
        remote = Address(*way.remote)
        via = self._came.top_via
        if way is self._record.caller and via is not None:
            remote = Address(remote.host, via_address(via).port)
        place = Candidate(way.server, Transport(way.transport), remote, name=way.name)
        flow = yield Connect(way.interface, place)
        if isinstance(flow, Flow):
            then(flow)

    def _cancel(self, flow: Flow) -> None:
        self._context.abandoned.cancel(self._sent, flow)

    def _refuse(self, flow: Flow) -> None:
        context = self._context
        tx = context.layer.take_over(self._came, flow, flow, context.now)
        if tx is not None:
            self._answer(tx)

    def _answer(self, tx: ServerTransaction) -> None:
        context = self._context
        context.decided("call", f"answered {STATUS}", WHY)
        context.respond(tx, responses.make(self._came, STATUS, to_tag=context.ids.token()))
