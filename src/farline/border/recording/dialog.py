"""The border's own dialog with a recording server: INVITE, re-INVITE and BYE (RFC 7866).

What of it must outlive the process is `ServerDialog`; the connection is asked for anew with each
request, since one that is there is given at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from farline.border.exchange import Side
from farline.border.plan import Candidate
from farline.border.recording.bodies import ACCEPTED, numbered
from farline.border.routing.failover import leave_behind
from farline.border.steps import NEXT, Connect, NoAnswer
from farline.sip import Address, Flow, Message, NameAddr, Transport, WireError
from farline.sip.transaction import RequestFailed, ResponseArrived

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

    from farline.border.context import Context
    from farline.border.steps import Operation, Step
    from farline.config import ServerFlow
    from farline.sip.ids import Ids

ANSWER_SECONDS = 8.0
"""How long a recording server may take to answer."""


@dataclass(slots=True)
class ServerDialog:
    """Our side of the dialog, as it is kept."""

    call_id: str
    tag: str
    boundary: str
    """Of the multipart bodies."""
    cseq: int = 0
    interface: str = ""
    flow: str = ""
    """Name of the server flow that leads to the server."""
    server: str = ""
    transport: str = ""
    remote: tuple[str, int] = ("", 0)
    host: str = ""
    """The host name that led there; "" where an address is configured."""
    target: str = ""
    to: str = ""
    routes: tuple[str, ...] = ()
    heard: int = 0
    """CSeq of the server's last request."""
    interval: int = 0
    """Seconds of the session timer (RFC 4028); 0: none."""
    refreshes: bool = False
    """The refreshes are ours to send."""
    version: int = 0
    described: bytes = b""
    """The last description of ours, whose o= has this version."""

    @classmethod
    def begin(cls, ids: Ids) -> ServerDialog:
        """A dialog that is to be."""
        state = cls("", ids.token(), ids.token())
        state.rename(ids)
        return state

    def rename(self, ids: Ids) -> None:
        """Another Call-ID."""
        self.call_id = f"recording-{ids.token()}"

    def lead_to(self, place: Candidate, interface: str, flow: str) -> None:
        """A try with another address of the server."""
        self.interface, self.flow, self.server = interface, flow, place.server
        self.transport, self.host = place.transport.value, place.name
        self.remote = (place.remote.host, place.remote.port)
        self.target = f"sip:{place.remote};transport={place.transport.uri_param}"
        self.to, self.routes = f"<{self.target}>", ()

    @property
    def place(self) -> Candidate:
        """Where the server is. Raises ValueError for a record of another making."""
        transport = Transport(self.transport)
        return Candidate(self.server, transport, Address(*self.remote), name=self.host)


class RecordingDialog:
    """The requests of one dialog, each with its answer."""

    def __init__(self, context: Context, operation: Operation, state: ServerDialog) -> None:
        self._context = context
        self._operation = operation
        self.state = state
        self.inviting = False
        """An INVITE of ours has no final answer yet."""

        self.refusal: Message | None = None
        """The final answer to the last INVITE of ours, where it was none of success."""

    def described(self, sdp: bytes) -> bytes:
        """A description as the server is to read it: another one has the next version."""
        state = self.state
        plain = numbered(sdp, 0)
        if plain != state.described:
            state.described, state.version = plain, state.version + 1
        return numbered(sdp, state.version)

    def moved(self, request: Message) -> None:
        """A request of the server's may give another Contact (RFC 3261 section 12.2.2)."""
        if request.get("Contact") is not None:
            self._aim(request)

    def reach(self) -> Generator[Step, Any, Flow | str]:
        """The connection to the server, or why there is none."""
        flow = yield Connect(self.state.interface, self.state.place)
        return flow if isinstance(flow, Flow) else str(getattr(flow, "reason", "not reachable"))

    def invite(
        self, body: bytes, told: Iterable[tuple[str, str]] = ()
    ) -> Generator[Step, Any, Message | str]:
        """An INVITE with a multipart body: its 2xx, which is acknowledged, or why there is none.

        `told`: further headers.
        """
        message = self._request("INVITE")
        message.add("Contact", f"<{self.contact()}>;+sip.src")
        message.add("Require", "siprec")
        message.add("Accept", ACCEPTED)
        for name, value in told:
            message.add(name, value)
        message.add("Content-Type", f"multipart/mixed;boundary={self.state.boundary}")
        message.body = body
        self.inviting, self.refusal = True, None
        try:
            event = yield from self._final(message)
        finally:
            self.inviting = False
        if isinstance(event, str):
            return event
        response = event.message
        if response.status >= 300:
            self.refusal = response
            return f"{response.status} {response.reason}"
        self._learn(response, begins=not message.to_tag)
        self._context.send_ack(self._request("ACK", cseq=response.cseq), event.tx.flow)
        return response

    def bye(self) -> Generator[Step, Any, str]:
        """Hang up; "" or why the server has not confirmed it."""
        said = yield from self._final(self._request("BYE"))
        return said if isinstance(said, str) else ""

    def _final(self, message: Message) -> Generator[Step, Any, ResponseArrived | str]:
        """Send a request and wait for its final answer, or for why there is none.

        An INVITE that is given up is cancelled. A 2xx that crosses the CANCEL is acknowledged, and
        hung up on where it began the dialog (RFC 3261 sections 9.1, 13.2.2.4 and 15).
        """
        context, operation = self._context, self._operation
        flow = yield from self.reach()
        if isinstance(flow, str):
            return flow
        client = context.request(operation, message, flow, Side.INSIDE)
        late = NoAnswer(client)
        alarm = context.schedule.start(
            context.now + ANSWER_SECONDS, "recording server",
            lambda _: context.deliver(operation, late),
        )  # fmt: skip
        try:
            while True:
                event = yield NEXT
                if isinstance(event, ResponseArrived) and event.tx is client:
                    if event.message.status >= 200:
                        return event
                elif isinstance(event, RequestFailed) and event.tx is client:
                    return str(event.cause)
                elif event is late:
                    leave_behind(context, client, hang_up=not message.to_tag)
                    return f"no answer in {ANSWER_SECONDS:.0f} s"
        finally:
            alarm.stop()

    def contact(self) -> str:
        """Our Contact URI towards the server."""
        transport = self.state.place.transport
        own = self._context.plan.own.shown(self.state.interface, transport)
        return f"sip:{own};transport={transport.uri_param}"

    def _request(self, method: str, cseq: int | None = None) -> Message:
        state = self.state
        if cseq is None:
            state.cseq += 1
        message = Message.request(method, state.target)
        for route in state.routes:
            message.add("Route", route)
        own = self.contact().partition(";")[0]
        message.add("Max-Forwards", "70")
        message.add("From", f"<{own}>;tag={state.tag}")
        message.add("To", state.to)
        message.add("Call-ID", state.call_id)
        message.add("CSeq", f"{state.cseq if cseq is None else cseq} {method}")
        message.body = b""
        return message

    def _learn(self, response: Message, *, begins: bool) -> None:
        """The dialog as the server's 2xx makes it (RFC 3261 section 12.1.2)."""
        state = self.state
        state.to = response.get("To") or state.to
        if begins:
            state.routes = tuple(reversed(response.values("Record-Route")))
        self._aim(response)

    def _aim(self, message: Message) -> None:
        """Take the Contact of the server as the dialog's remote target."""
        try:
            self.state.target = str(NameAddr.parse(message.get("Contact") or "").uri)
        except WireError:
            self._context.note("recording server", "its Contact cannot be read")


def flow_to(context: Context, place: Candidate) -> ServerFlow | None:
    """The first server flow of a server."""
    for flow in context.plan.border.server_flows:
        if flow.server_profile == place.server:
            return flow
    return None


def flow_named(context: Context, name: str) -> ServerFlow | None:
    """The server flow of a name; None: the configuration has it no longer."""
    return next((one for one in context.plan.border.server_flows if one.name == name), None)
