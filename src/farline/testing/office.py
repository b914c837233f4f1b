"""An office core and its phones in virtual time: who sends what, and a media engine that only writes.

bench = OfficeBench(core, clock)
ruel = bench.phone("3001", Address("10.10.10.7", 43873), listens=Address("10.10.10.7", 5060))
ruel.send(message)
assert ruel.take("SIP/2.0 401")
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline.media.engine import Answer, Delete, Media, MediaDone, MediaReply, Offer
from farline.sdp import MediaPorts, SdpError, parse, rewrite
from farline.sip import Address, Flow, Message, Transport
from farline.sip.effects import Close, Closed, Expired, Open, Opened, OpenFailed, Received, Send
from farline.trace.events import Trace

if TYPE_CHECKING:
    from farline.media.engine import MediaRequest
    from farline.sip.effects import Core
    from farline.testing.clock import ManualClock

OFFICE = Address("10.10.10.13", 5060)


class WritingEngine:
    """Rewrites descriptions as a media engine does, with ports but without packets."""

    def __init__(self, ip: str, first_port: int = 40750) -> None:
        self.ip = ip
        self.requests: list[MediaRequest] = []
        self.sessions: dict[str, int] = {}
        """The first of four ports, by session that is not deleted yet."""

        self.error: MediaReply | None = None
        """Answer everything with this."""

        self._next = first_port

    def perform(self, request: MediaRequest) -> MediaReply:
        """Answer one request."""
        self.requests.append(request)
        if self.error is not None:
            return self.error
        if isinstance(request, Delete):
            self.sessions.pop(request.session, None)
            return MediaReply()
        if not isinstance(request, Offer | Answer):
            return MediaReply()
        if request.session not in self.sessions:
            self.sessions[request.session] = self._next
            self._next += 4
        try:
            description = parse(request.sdp)
        except SdpError as error:
            return MediaReply(error=str(error), status=488)
        base = self.sessions[request.session] + (2 if request.receiver.name == "a" else 0)
        ports = [MediaPorts(base, base + 1) for _ in description.media]
        return MediaReply(rewrite(description, self.ip, ports))


class Phone:
    """Something that sends and receives whole messages on one or more flows."""

    def __init__(self, bench: OfficeBench, extension: str, flow: Flow) -> None:
        self.bench = bench
        self.extension = extension
        self.flow = flow
        self.inbox: list[tuple[Flow, Message]] = []
        """What came and was not taken yet, with the flow that it came by."""

    def send(self, message: Message | bytes, flow: Flow | None = None) -> None:
        """Give the office a message."""
        data = message if isinstance(message, bytes) else message.to_bytes()
        self.bench.give(Received(flow or self.flow, data))

    def take(self, start: str) -> Message:
        """Take the first unread message whose start line begins so. AssertionError: there is none."""
        for index, (_, message) in enumerate(self.inbox):
            if start_line(message).startswith(start):
                del self.inbox[index]
                return message
        unread = [start_line(message) for _, message in self.inbox]
        raise AssertionError(f"{self.extension} did not get {start!r} but {unread}")

    def nothing(self) -> None:
        """AssertionError when something stands unread."""
        unread = [start_line(message) for _, message in self.inbox]
        if unread:
            raise AssertionError(f"{self.extension} got {unread}")


class OfficeBench:
    """See the module's text."""

    def __init__(self, core: Core, clock: ManualClock, engine: WritingEngine | None = None) -> None:
        self.core = core
        self.clock = clock
        self.engine = engine or WritingEngine(OFFICE.host)
        self.events: list[object] = []
        """Trace events, in order."""

        self.outputs: list[object] = []
        """Other outputs of the core."""

        self.unreachable: set[Address] = set()
        """Nobody listens there."""

        self.flows: dict[Flow, Phone] = {}
        self._listening: dict[Address, Phone] = {}
        self._token = 0

    def phone(
        self,
        extension: str,
        remote: Address,
        *,
        transport: Transport = Transport.TCP,
        listens: Address | None = None,
    ) -> Phone:
        """A phone that has connected from `remote`; connections of the office go to `listens`."""
        flow = self._flow(transport, OFFICE, remote)
        phone = Phone(self, extension, flow)
        self.flows[flow] = phone
        self._listening.setdefault(listens or remote, phone)
        if transport is not Transport.UDP:
            self.give(Opened(flow))
        return phone

    def connect(self, phone: Phone, remote: Address) -> Flow:
        """One more connection of a phone."""
        flow = self._flow(Transport.TCP, OFFICE, remote)
        self.flows[flow] = phone
        self.give(Opened(flow))
        return flow

    def hang(self, flow: Flow) -> None:
        """A connection breaks."""
        self.flows.pop(flow, None)
        self.give(Closed(flow, "reset"))

    def give(self, event: object) -> None:
        """Give the core an input and do what it says."""
        self.core.handle(event, self.clock.now)
        self._pump()

    def wait(self, seconds: float) -> None:
        """Let time pass; timers fire each at its time."""
        end = self.clock.now + seconds
        while (deadline := self.core.next_deadline()) is not None and deadline.at <= end:
            self.clock.set(max(deadline.at, self.clock.now))
            self.give(Expired())
        self.clock.set(end)

    def _flow(self, transport: Transport, local: Address, remote: Address) -> Flow:
        if transport is Transport.UDP:
            return Flow(0, "LAN1", transport, local, remote)
        self._token += 1
        return Flow(self._token, "LAN1", transport, local, remote)

    def _pump(self) -> None:
        while (output := self.core.poll()) is not None:
            if isinstance(output, Send):
                self._deliver(output)
            elif isinstance(output, Media):
                reply = self.engine.perform(output.request)
                if output.ticket:
                    self.core.handle(MediaDone(output.ticket, reply), self.clock.now)
            elif isinstance(output, Open):
                self._open(output)
            elif isinstance(output, Close):
                self.core.handle(Closed(output.flow, "closed"), self.clock.now)
            elif isinstance(output, Trace):
                self.events.append(output.event)
            else:
                self.outputs.append(output)

    def _deliver(self, output: Send) -> None:
        phone = self.flows.get(output.flow)
        if phone is None and output.flow.transport is Transport.UDP:
            phone = self._listening.get(output.flow.remote)
        if phone is None:
            raise AssertionError(f"sent to nobody: {output.flow} {output.data!r}")
        message = Message.parse(output.data)
        message.validate()
        phone.inbox.append((output.flow, message))

    def _open(self, order: Open) -> None:
        phone = self._listening.get(order.remote)
        if phone is None or order.remote in self.unreachable:
            self.core.handle(OpenFailed(order.ticket, "refused"), self.clock.now)
            return
        local = Address(OFFICE.host, 4100 + order.ticket)
        flow = self._flow(order.transport, local, order.remote)
        self.flows[flow] = phone
        self.core.handle(Opened(flow, order.ticket), self.clock.now)


def start_line(message: Message) -> str:
    """`SIP/2.0 <status>` or `<method> <uri>`."""
    if message.is_request:
        return f"{message.method} {message.uri}"
    return f"SIP/2.0 {message.status} {message.reason}"
