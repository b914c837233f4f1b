"""An office core and its phones in virtual time.

bench = OfficeBench(core, clock)
ruel = bench.phone("3001", Address("10.10.10.7", 43873), listens=Address("10.10.10.7", 5060))
ruel.send(message)
assert ruel.take("SIP/2.0 401")
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline.media.engine import Media, MediaDone
from farline.sip import Address, Flow, Message, NameAddr, Transport, responses
from farline.sip.digest_client import DigestClient
from farline.sip.effects import Close, Closed, Expired, Open, Opened, OpenFailed, Received, Send
from farline.testing.chance import SeededIds
from farline.testing.writing_engine import WritingEngine
from farline.trace.events import Trace

if TYPE_CHECKING:
    from collections.abc import Iterable

    from farline.sip.effects import Core
    from farline.testing.clock import ManualClock

    Headers = Iterable[tuple[str, str]]

OFFICE = Address("10.10.10.13", 5060)
DOMAIN = "ipo1xp.ipolab.com"
SDP = (
    b"v=0\r\no=- 1 1 IN IP4 10.10.10.7\r\ns=-\r\nc=IN IP4 10.10.10.7\r\nt=0 0\r\n"
    b"m=audio 35000 RTP/AVP 8 101\r\na=rtpmap:8 PCMA/8000\r\n"
    b"a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n"
)


class Phone:
    """A phone by hand: every message is sent by the test, none by itself."""

    def __init__(self, bench: OfficeBench, extension: str, flow: Flow, contact: str) -> None:
        self.bench = bench
        self.extension = extension
        self.flow = flow
        self.contact = contact
        """URI of its Contact."""

        self.inbox: list[tuple[Flow, Message]] = []
        """What came and was not taken yet, with the flow that it came by."""

        self.last_flow = flow
        """What the message taken last came by."""

    # ---- the wire ----

    def send(self, message: Message | bytes, flow: Flow | None = None) -> None:
        """Give the office a message."""
        data = message if isinstance(message, bytes) else message.to_bytes()
        self.bench.give(Received(flow or self.flow, data))

    def take(self, start: str) -> Message:
        """Take the first unread message whose start line begins so, or AssertionError."""
        for index, (flow, message) in enumerate(self.inbox):
            if start_line(message).startswith(start):
                del self.inbox[index]
                self.last_flow = flow
                return message
        unread = [start_line(message) for _, message in self.inbox]
        raise AssertionError(f"{self.extension} did not get {start!r} but {unread}")

    def nothing(self) -> None:
        """AssertionError when something stands unread."""
        unread = [start_line(message) for _, message in self.inbox]
        if unread:
            raise AssertionError(f"{self.extension} got {unread}")

    # ---- messages ----

    def request(
        self, method: str, to: str, headers: Headers = (), *, cseq: int = 1, call_id: str = ""
    ) -> Message:
        """A request outside a dialog. `to`: an extension."""
        uri = f"sip:{DOMAIN}" if method == "REGISTER" else f"sip:{to}@{DOMAIN}"
        message = Message.request(method, uri)
        self.bench.branches += 1
        transport, address = self.flow.transport.value, self.flow.remote
        message.add("Via", f"SIP/2.0/{transport} {address};branch=z9hG4bK-{self.bench.branches}")
        message.add("Max-Forwards", "70")
        message.add("From", f"<sip:{self.extension}@{DOMAIN}>;tag=phone-{self.extension}")
        message.add("To", f"<sip:{to}@{DOMAIN}>")
        message.add("Call-ID", call_id or f"call-{self.extension}-{self.bench.branches}")
        message.add("CSeq", f"{cseq} {method}")
        message.add("Contact", f"<{self.contact}>")
        for name, value in headers:
            message.set(name, value)
        message.body = b""
        return message

    def register(self, password: str, headers: Headers = (), *, call_id: str = "") -> Message:
        """REGISTER, meet the challenge, and give the final answer."""
        first = self.request("REGISTER", self.extension, headers, call_id=call_id)
        self.send(first)
        challenge = self.take("SIP/2.0 401")
        login = DigestClient(self.extension, password, self.bench.ids)
        second = login.retry(first, challenge)
        if second is None:
            raise AssertionError("no challenge that can be met")
        self.bench.branches += 1
        second.prepend("Via", f"{_sent_by(first)};branch=z9hG4bK-{self.bench.branches}")
        self.send(second)
        return self.take("SIP/2.0")

    def invite(self, to: str, sdp: bytes = SDP, headers: Headers = ()) -> Message:
        """Send an INVITE; gives it back."""
        message = with_sdp(self.request("INVITE", to, headers), sdp)
        self.send(message)
        return message

    def answer(
        self, request: Message, status: int, sdp: bytes = b"", headers: Headers = ()
    ) -> None:
        """Answer a request over the flow that it came by."""
        fields = [("Contact", f"<{self.contact}>"), *headers]
        tag = f"phone-{self.extension}"
        response = responses.make(request, status, to_tag=tag, headers=fields)
        self.send(with_sdp(response, sdp), self.last_flow)

    def inside(
        self, method: str, known: Message, sdp: bytes = b"", headers: Headers = (), *, cseq: int
    ) -> Message:
        """Send a request in the dialog of `known`: a 2xx we got, or an INVITE that came to us."""
        ours, theirs = ("To", "From") if known.is_request else ("From", "To")
        contact = NameAddr.parse(known.values("Contact")[0]).uri
        message = self.request(method, "x", headers, cseq=cseq, call_id=known.call_id)
        message.uri = str(contact)
        own = known.get(ours) or ""
        if known.is_request and "tag=" not in own:
            own += f";tag=phone-{self.extension}"
        message.set("From", own)
        message.set("To", known.get(theirs) or "")
        message.body = b""
        self.send(with_sdp(message, sdp, dict(headers).get("Content-Type", "application/sdp")))
        return message


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

        self.ids = SeededIds(99)
        self.branches = 0
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
        host = listens or remote
        uri = f"sip:{extension}@{host};transport={transport.uri_param}"
        phone = Phone(self, extension, flow, uri)
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
        if message.status != 400:  # which repeats what was wrong with the request
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


def with_sdp(message: Message, sdp: bytes, kind: str = "application/sdp") -> Message:
    """The message with a description (or another body), or as it is."""
    if sdp:
        message.set("Content-Type", kind)
        message.body = sdp
    return message


def _sent_by(message: Message) -> str:
    """The top Via up to its branch."""
    return (message.get("Via") or "").partition(";")[0]
