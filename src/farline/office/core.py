"""The office as one object without I/O: transactions, registrar and switch put together."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from farline.media.engine import Delete, MediaDone
from farline.media.reports import MediaTimeout, PortsExhausted
from farline.office import outside
from farline.office.answering import Answering
from farline.office.bindings import Bindings
from farline.office.causes import Cause
from farline.office.connections import Target
from farline.office.doorkeeper import Doorkeeper
from farline.office.registrar import SWEEP_SECONDS, Registrar
from farline.office.show import show
from farline.office.stack import GONE, Asked, Stack
from farline.office.switch import Switch
from farline.office.users import Users
from farline.sip import Address, Message, Transport, WireError, headers, responses
from farline.sip.effects import Closed, Expired, Opened, OpenFailed, Received, Send
from farline.sip.routing import is_numeric
from farline.sip.transaction import (
    AckArrived,
    CancelArrived,
    RequestArrived,
    RequestFailed,
    ResponseArrived,
    ResponseLost,
)
from farline.sip.transaction import (
    Cause as TransactionCause,
)
from farline.store.call_records import MemoryCallRecords
from farline.store.registrations import MemoryRegistrations
from farline.trace.events import MediaSeen, Note, Refused, Trace

if TYPE_CHECKING:
    from collections.abc import Callable

    from farline.config import Office
    from farline.sip import Flow
    from farline.sip.effects import Deadline
    from farline.sip.ids import Ids
    from farline.sip.transaction import Event, ServerTransaction
    from farline.store.call_records import CallRecordStore
    from farline.store.registrations import RegistrationStore

EXTENSIONS = frozenset({"timer"})
"""Option tags that may stand in Require."""


class OfficeCore:
    """Shape: `farline.sip.effects`. Besides its outputs there is `CallRecord`, one a call."""

    def __init__(
        self,
        office: Office,
        *,
        ids: Ids,
        wall: Callable[[float], float],
        now: float,
        registrations: RegistrationStore | None = None,
        records: CallRecordStore | None = None,
        version: str = "0.1",
    ) -> None:
        """`wall(now)`: seconds since 1970 for monotonic seconds. Raises StoreError."""
        self.office = office
        self.stack = Stack(office, ids, wall, version=version)
        self.users = Users(office.users)
        self.doorkeeper = Doorkeeper(office.registrar, self.users, ids)
        self.bindings = Bindings(registrations or MemoryRegistrations(), self.stack.local)
        self.registrar = Registrar(
            self.stack, office.registrar, self.users, self.doorkeeper, self.bindings
        )
        self.records = records or MemoryCallRecords()
        self.switch = Switch(
            self.stack, office.telephony, self.users, self.registrar, self.doorkeeper, self.records
        )
        self.counters: Counter[str] = Counter()
        self._domains = (office.registrar.domain.lower(), office.ip)
        found = self.bindings.restore(self._known, wall(now))
        if found:
            self.stack.trace(Note("registrations restored", str(found)))
        self._sweep(now)

    def _known(self, extension: str) -> bool:
        return self.users.extension(extension) is not None

    # ---- the three calls ----

    def handle(self, event: object, now: float) -> None:
        """Take one input."""
        stack = self.stack
        if isinstance(event, Received):
            self._received(event.flow, event.data, now)
        elif isinstance(event, Expired):
            stack.layer.expire(now)
            self._drain(now)
            stack.timers.run(now)
        elif isinstance(event, Opened):
            stack.connections.opened(event.flow, event.ticket, now)
        elif isinstance(event, OpenFailed):
            stack.connections.failed(event.ticket, now)
        elif isinstance(event, Closed):
            stack.connections.closed(event.flow)
            stack.layer.flow_lost(event.flow, now)
        elif isinstance(event, MediaDone):
            stack.media_done(event.ticket, event.reply, now)
        elif isinstance(event, MediaTimeout):
            self._media_lost(event, now)
        elif isinstance(event, PortsExhausted):
            why = f"media interface {event.interface} has no free ports"
            stack.trace(MediaSeen("", "ports exhausted", why))
        self._drain(now)

    def poll(self) -> object | None:
        """The next output."""
        out = self.stack.out
        return out.popleft() if out else None

    def next_deadline(self) -> Deadline | None:
        """The soonest of the transactions' timers and the office's own."""
        layer, own = self.stack.layer.next_deadline(), self.stack.timers.next_deadline()
        if layer is None or own is None:
            return layer or own
        return min(layer, own)

    def show(self) -> dict[str, object]:
        """Users, registrations, calls and counters for the control socket; no secrets."""
        return show(self)

    # ---- messages ----

    def _received(self, flow: Flow, data: bytes, now: float) -> None:
        try:
            message = Message.parse(data)
        except WireError as error:
            self._malformed(flow, error)
            return
        try:
            message.validate()
        except WireError as error:
            self._malformed(flow, error, message.call_id)
            answer = responses.for_error(message, error, to_tag=self.stack.ids.token())
            if answer is not None:
                self.stack.out.append(Send(flow, answer.to_bytes()))
            return
        self.counters[message.method if message.is_request else "responses"] += 1
        self.stack.layer.receive(message, flow, now)

    def _malformed(self, flow: Flow, error: WireError, call: str = "") -> None:
        self.counters["malformed"] += 1
        detail = f"{error.where}: {error.reason}"
        refused = Refused("malformed", detail, flow.interface, str(flow.remote), call)
        self.stack.out.append(Trace(refused))

    def _drain(self, now: float) -> None:
        """Pass on what the transaction layer says until it is silent."""
        while (output := self.stack.layer.poll()) is not None:
            if isinstance(output, Send):
                self.stack.out.append(output)
            else:
                self._event(output, now)

    def _event(self, event: Event, now: float) -> None:
        if isinstance(event, RequestArrived):
            try:
                self._request(event, now)
            except WireError as error:
                self._malformed(event.flow, error, event.message.call_id)
                self._refuse_malformed(event, error, now)
        elif isinstance(event, ResponseArrived):
            self._answered(event.tx.user, event.message.status, event.message, now)
        elif isinstance(event, RequestFailed):
            status = 408 if event.cause is TransactionCause.TIMEOUT else GONE
            self._answered(event.tx.user, status, None, now)
        elif isinstance(event, AckArrived):
            message = event.message
            leg = self.stack.dialogs.get((message.call_id, message.to_tag, message.from_tag))
            if leg is not None:
                leg.on_ack(message, now)
        elif isinstance(event, ResponseLost):
            self._find_way_back(event.tx, now)
        elif isinstance(event, CancelArrived) and isinstance(event.tx.user, Answering):
            event.tx.user.cancelled(now)

    def _find_way_back(self, tx: ServerTransaction, now: float) -> None:
        """The connection of a request is gone: connect to its Via's address (RFC 3261 18.2.2)."""
        via = tx.request.top_via
        if via is None or tx.flow.transport is not Transport.TCP:
            return
        sent_by = headers.via_address(via)
        back = Target(Transport.TCP, Address(via.param("received") or sent_by.host, sent_by.port))

        def found(flow: Flow | None, _now: float) -> None:
            if flow is not None:
                self.stack.layer.reroute(tx, flow)

        if is_numeric(back.remote.host):
            self.stack.connections.obtain((back,), now, found)

    def _refuse_malformed(self, event: RequestArrived, error: WireError, now: float) -> None:
        status = error.status if 400 <= error.status < 700 else 400
        fields = [("Accept", "application/sdp")] if status == 415 else []
        self.stack.reply(event.tx, status, now, headers=fields)

    def _answered(self, user: object, status: int, message: Message | None, now: float) -> None:
        if isinstance(user, Asked):
            user.on_response(status, message, now)

    def _request(self, event: RequestArrived, now: float) -> None:
        """A new request: inside a dialog, or for one of the office's parts. Raises WireError."""
        tx, message, flow = event.tx, event.message, event.flow
        wanted = headers.tokens(message, "Require") - EXTENSIONS
        if wanted:
            fields = [("Unsupported", ",".join(sorted(wanted)))]
            self.stack.reply(tx, 420, now, headers=fields)
        elif message.to_tag:
            leg = self.stack.dialogs.get((message.call_id, message.to_tag, message.from_tag))
            if leg is None:
                self.stack.reply(tx, 481, now)
            else:
                leg.on_request(tx, message, flow, now)
        elif message.method == "REGISTER":
            self.registrar.handle(tx, message, flow, now)
        elif message.method == "INVITE":
            self.switch.invite(tx, message, flow, now)
        else:
            outside.handle(self.stack, self.switch, tx, message, flow, now)

    # ---- time ----

    def _sweep(self, now: float) -> None:
        self.registrar.sweep(now)
        self.stack.connections.sweep(now)
        self.stack.timers.start(now + SWEEP_SECONDS, "sweep", self._sweep)

    def _media_lost(self, event: MediaTimeout, now: float) -> None:
        for call in list(self.switch.calls):
            if call.media is not None and call.media.name == event.session:
                call.end(Cause.TEMPORARY_FAILURE, now)
                return
        # A call of the process before this one: its phones are silent, its ports are free.
        self.stack.media(Delete(event.session, "silent, and of no call that is known here"))
