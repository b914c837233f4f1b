"""What registrar, switch and legs share: transactions, connections, timers, media, names."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from farline.media.engine import Delete, Media, MediaReply
from farline.office.connections import Connections
from farline.sip import Transport, responses
from farline.sip.schedule import Schedule
from farline.sip.transaction import TransactionLayer
from farline.sip.transport import Address
from farline.trace.events import Trace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from farline.config import Office
    from farline.media.engine import MediaRequest
    from farline.office.connections import Way
    from farline.office.leg import Leg
    from farline.sip import Flow, Message
    from farline.sip.ids import Ids
    from farline.sip.transaction import ClientTransaction, ServerTransaction
    from farline.trace.events import Event

    Headers = Iterable[tuple[str, str]]
    OnResponse = Callable[[int, Message | None, float], None]

REGISTRAR_ALLOW = "INVITE,ACK,CANCEL,OPTIONS,BYE,REFER,NOTIFY,INFO,SUBSCRIBE,REGISTER,PUBLISH"
CALL_ALLOW = "INVITE,ACK,CANCEL,OPTIONS,BYE,INFO,REFER,NOTIFY,SUBSCRIBE,REGISTER,PUBLISH,UPDATE"
"""The methods in the order of the guide's traces."""

SUPPORTED = "timer"
"""Option tags that the office honours. The guide's office also says 100rel; ours has no PRACK."""

GONE = 503
"""How a request reads that could not be sent (RFC 3261 section 8.1.3.1)."""


class Asked:
    """A request of ours on its way: `tx` is None as long as its connection is being made."""

    __slots__ = ("cancelled", "on_response", "tx")

    def __init__(self, on_response: OnResponse) -> None:
        self.tx: ClientTransaction | None = None
        self.on_response = on_response
        self.cancelled = False


class Stack:
    """One a core. Everything that shall leave the core is in `out`."""

    def __init__(
        self, office: Office, ids: Ids, wall: Callable[[float], float], *, version: str
    ) -> None:
        """`wall(now)` gives seconds since 1970 for monotonic seconds."""
        registrar = office.registrar
        ports = {
            Transport.UDP: registrar.udp_port,
            Transport.TCP: registrar.tcp_port,
            Transport.TLS: registrar.tls_port,
        }
        self.ids = ids
        self.wall = wall
        self.ip = office.ip
        self.domain = registrar.domain
        self.product = f"{office.name} {version}"
        self.local = {t: Address(office.ip, port) for t, port in ports.items() if port is not None}
        self.out: deque[object] = deque()
        self.layer = TransactionLayer(ids=ids, merged=True, rport=True)
        self.connections = Connections(self.local, self.out.append)
        self.timers = Schedule()
        self.dialogs: dict[tuple[str, str, str], Leg] = {}
        """Legs by Call-ID, our tag, the peer's tag."""

        self._media: dict[int, Callable[[MediaReply, float], None]] = {}
        self._next_media = 0

    # ---- answers and requests ----

    def call_fields(self) -> Headers:
        """What every request of ours says about what the office can do."""
        return [("Allow", CALL_ALLOW), ("Supported", SUPPORTED), ("User-Agent", self.product)]

    def reply(
        self,
        tx: ServerTransaction,
        status: int,
        now: float,
        *,
        headers: Headers = (),
        body: bytes = b"",
        to_tag: str = "",
    ) -> Message:
        """Answer a request in the guide's form: Allow, Supported and Server on every response."""
        request = tx.request
        fields = list(headers)
        if request.method == "REGISTER":
            fields = [("User-Agent", self.product), ("Allow", REGISTRAR_ALLOW), *fields]
        else:
            fields.append(("Allow", CALL_ALLOW))
        fields += [("Supported", SUPPORTED), ("Server", self.product)]
        if status == 100:
            fields = [("Record-Route", value) for value in request.all("Record-Route")] + fields
        elif not to_tag:
            to_tag = self.ids.token()
        response = responses.make(request, status, to_tag=to_tag, headers=fields, body=body)
        self.layer.respond(tx, response, now)
        return response

    def ask(
        self, build: Callable[[Flow], Message], way: Way, now: float, on_response: OnResponse
    ) -> Asked:
        """Send what `build` makes for the flow that is found.

        `on_response(status, message, now)` hears every response; message is None where none came
        (408, or 503 for no connection).
        """
        asked = Asked(on_response)

        def send(flow: Flow | None, now: float) -> None:
            if asked.cancelled:
                on_response(487, None, now)
            elif flow is None:
                on_response(GONE, None, now)
            else:
                sent_by = self.local.get(flow.transport, flow.local)
                asked.tx = self.layer.request(build(flow), flow, now, sent_by=sent_by)
                asked.tx.user = asked

        self.connections.obtain(way, now, send)
        return asked

    def cancel(self, asked: Asked, now: float, headers: Headers = ()) -> None:
        """Cancel an INVITE; its `on_response` hears 487 or whatever final response came first."""
        asked.cancelled = True
        if asked.tx is not None:
            self.layer.cancel(asked.tx, now, tuple(headers))

    def send_ack(self, build: Callable[[Flow], Message], way: Way, now: float) -> None:
        """Send an ACK to a 2xx; where no connection can be had the peer's timer ends the call."""

        def send(flow: Flow | None, _now: float) -> None:
            if flow is not None:
                sent_by = self.local.get(flow.transport, flow.local)
                self.layer.send_stateless(build(flow), flow, sent_by=sent_by)

        self.connections.obtain(way, now, send)

    # ---- media ----

    def media(
        self, request: MediaRequest, then: Callable[[MediaReply, float], None] | None = None
    ) -> None:
        """Ask the media engine; nobody waits for the reply to a Delete."""
        ticket = 0
        if then is not None and not isinstance(request, Delete):
            self._next_media += 1
            ticket = self._next_media
            self._media[ticket] = then
        self.out.append(Media(ticket, request))

    def media_done(self, ticket: int, reply: MediaReply, now: float) -> None:
        """The engine answered."""
        then = self._media.pop(ticket, None)
        if then is not None:
            then(reply, now)

    def trace(self, event: Event) -> None:
        """Say what happened."""
        self.out.append(Trace(event))
