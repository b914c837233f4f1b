"""A phone and the office around a `BorderWorld`: messages and whole conversations by one call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from farline import sdp
from farline.sip import Address, Message, NameAddr, Transport, responses
from farline.testing.messages import complete, with_headers

if TYPE_CHECKING:
    from farline.sip import Flow
    from farline.testing.border import BorderWorld

OFFICE = "10.10.10.13"
DOMAIN = "ipo1xp.ipolab.com"


def _check(held: bool) -> None:
    if not held:
        raise AssertionError("the conversation went another way")


def offer(
    ip: str = "172.22.33.101", port: int = 5000, user: str = "-", direction: str = "sendrecv"
) -> bytes:
    """A description with one audio stream."""
    kind = "IP6" if ":" in ip else "IP4"
    return (
        f"v=0\r\no={user} 1 2 IN {kind} {ip}\r\ns=-\r\nc=IN {kind} {ip}\r\nt=0 0\r\n"
        f"m=audio {port} RTP/AVP 8 101\r\na={direction}\r\na=rtpmap:8 PCMA/8000\r\n"
    ).encode()


def media_address(message: Message) -> tuple[int, str]:
    """Port of the first m= line and address of the first c= line."""
    description = sdp.parse(message.body)
    line = message.body.split(b"c=IN IP")[1].split(b"\r\n")[0].decode()
    return description.media[0].port, line.partition(" ")[2]


class Phone:
    """A remote worker's phone, and the office on the other side of it.

    `subid`, `upstream`, `invite`, `inner_invite` and `target` are there after `register` or
    `call_office`.
    """

    subid: str
    upstream: Flow
    invite: Message
    inner_invite: Message

    border: Address = Address("192.168.64.96", 5060)
    """B1 as the phone knows it."""

    inside_border: Address = Address("10.10.10.7", 5060)
    office: Address = Address(OFFICE, 5060)
    behind: str = "172.22.33.101"
    """The phone's own address, which it writes into Via, Contact and SDP."""

    def __init__(
        self,
        world: BorderWorld,
        *,
        user: str = "3001",
        ip: str = "192.168.67.61",
        port: int = 10057,
        transport: Transport = Transport.TCP,
    ) -> None:
        self.world = world
        self.target = f"sip:3003@{self.border};transport=tcp"
        self.user = user
        self.transport = transport
        self.flow = world.accept("IPORWB1Sig", ip, port, transport)
        self.contact = f"sip:{user}@{Address(self.behind, port)};transport={transport.uri_param}"
        self.instance = f"<urn:uuid:00000000-0000-0000-0000-00000000{user}>"
        self.cseq = 0
        self.branch = 0

    # ---- messages ----

    def via(self) -> str:
        """A Via with a fresh branch."""
        self.branch += 1
        rport = ";rport" if self.transport is Transport.UDP else ""
        sent_by = Address(self.behind, self.flow.remote.port)
        branch = f"z9hG4bKp{self.user}{self.branch}"
        return f"SIP/2.0/{self.transport} {sent_by};branch={branch}{rport}"

    def request(
        self,
        method: str,
        uri: str,
        *,
        to: str | None = None,
        call: str = "call-1",
        from_tag: str = "phone",
        cseq: int | None = None,
        body: bytes = b"",
        **headers: str,
    ) -> Message:
        """A request of the phone; `headers` replace or add (`_` for `-`)."""
        message = Message.request(method, uri)
        message.add("Via", self.via())
        message.add("Max-Forwards", "70")
        message.add("From", f"<sip:{self.user}@{DOMAIN}>;tag={from_tag}")
        message.add("To", to or f"<{uri}>")
        message.add("Call-ID", call)
        if cseq is None:
            self.cseq += 1
            cseq = self.cseq
        message.add("CSeq", f"{cseq} {method}")
        if method != "CANCEL":
            message.add("Contact", f"<{self.contact}>")
        return complete(message, headers, body)

    def office_request(
        self,
        method: str,
        *,
        to_tag: str = "",
        from_tag: str = "office",
        call: str = "call-2",
        cseq: int = 1,
        body: bytes = b"",
        **headers: str,
    ) -> Message:
        """A request of the office towards this phone."""
        message = Message.request(method, self.inside)
        branch = f"z9hG4bKo{method}{cseq}{call}{from_tag}"
        message.add("Via", f"SIP/2.0/TCP {self.office};rport;branch={branch}")
        message.add("Route", f"<sip:{self.inside_border};lr;transport=tcp;subid_ipcs={self.subid}>")
        message.add("Max-Forwards", "70")
        message.add("From", f'"Dora" <sip:3003@{DOMAIN}>;tag={from_tag}')
        tail = f";tag={to_tag}" if to_tag else ""
        message.add("To", f"<sip:{self.user}@{DOMAIN}>{tail}")
        message.add("Call-ID", call)
        message.add("CSeq", f"{cseq} {method}")
        message.add("Contact", f'"Dora" <sip:3003@{self.office};transport=tcp>')
        return complete(message, headers, body)

    # ---- conversations ----

    @property
    def inside(self) -> str:
        """The phone's Contact URI as the office knows it."""
        return f"sip:{self.user}@{self.inside_border};transport=tcp;subid_ipcs={self.subid}"

    def register(
        self, expires: int = 3600, granted: int = 180, cseq: int = 1, call: str | None = None
    ) -> Message:
        """REGISTER until 200; the 200 as the phone reads it."""
        world = self.world
        contact = f'<{self.contact}>;expires={expires};+sip.instance="{self.instance}";reg-id=1'
        before = len(world.opened)
        request = self.request(
            "REGISTER",
            f"sip:{DOMAIN}",
            to=f"<sip:{self.user}@{DOMAIN}>",
            call=call or f"reg-{self.user}",
            cseq=cseq,
            Contact=contact,
        )
        world.receive(self.flow, request)
        if self.transport is not Transport.UDP:
            _check(world.take(self.flow).status == 100)
        if len(world.opened) > before:
            self.upstream = world.opened[-1]
        if not hasattr(self, "upstream"):
            self.upstream = next(f for f, _ in world.all_sent if f.interface == "IPORWA1Sig")
        inner = world.take(self.upstream)
        contact = inner.get("Contact") or ""
        self.subid = contact.partition("subid_ipcs=")[2].partition(">")[0]
        answer = responses.make(inner, 200, to_tag="reg")
        if expires:
            answer.add("Contact", contact.partition(";expires=")[0] + f";expires={granted}")
        world.receive(self.upstream, answer)
        final = world.take(self.flow)
        _check(final.status == 200)
        return final

    def answer(
        self,
        request: Message,
        status: int,
        *,
        to_tag: str = "phone",
        body: bytes = b"",
        **headers: str,
    ) -> None:
        """The phone answers a request of the border."""
        response = responses.make(request, status, to_tag=to_tag, body=body)
        if status < 300:
            response.add("Contact", f"<{self.contact}>")
        with_headers(response, headers)
        self.world.receive(self.flow, response)

    def office_answer(
        self,
        request: Message,
        status: int,
        *,
        to_tag: str = "office",
        body: bytes = b"",
        **headers: str,
    ) -> None:
        """The office answers a request of the border."""
        response = responses.make(request, status, to_tag=to_tag, body=body)
        if status < 300:
            response.add("Contact", f'"Dora" <sip:3003@{self.office};transport=tcp>')
        with_headers(response, headers)
        self.world.receive(self.upstream, response)

    def call_office(self, call: str = "call-1", *, answer: bool = True) -> Message | None:
        """Ruel calls Dora, who answers; the 200 as the phone reads it."""
        world = self.world
        uri = f"sip:3003@{DOMAIN}"
        self.invite = self.request("INVITE", uri, call=call, body=offer(self.behind))
        world.receive(self.flow, self.invite)
        _check(world.take(self.flow).status == 100)
        self.inner_invite = world.take(self.upstream)
        if not answer:
            return None
        self.office_answer(self.inner_invite, 200, body=offer(self.office.host, 40750))
        ok = world.take(self.flow)
        _check(ok.status == 200)
        world.receive(self.flow, self.in_dialog("ACK", call=call, cseq=self.cseq))
        _check(world.take(self.upstream).method == "ACK")
        return ok

    def in_dialog(
        self,
        method: str,
        *,
        call: str = "call-1",
        cseq: int | None = None,
        body: bytes = b"",
        **headers: str,
    ) -> Message:
        """A request of the phone in its call to Dora."""
        to = f"<sip:3003@{DOMAIN}>;tag=office"
        route = f"<sip:{self.border};ipcs-line=11;lr;transport=tcp>"
        return self.request(
            method, self.target, to=to, call=call, cseq=cseq, body=body, Route=route, **headers
        )


def registered(world: BorderWorld) -> Phone:
    """A phone that has registered."""
    phone = Phone(world)
    phone.register()
    return phone


def inner(
    phone: Phone,
    method: str = "MESSAGE",
    *,
    uri: str = f"sip:3003@{DOMAIN}",
    **headers: Any,  # noqa: ANN401 - a body beside headers
) -> Message:
    """A request of the phone as the server reads it; what came there before is passed over."""
    phone.world.receive(phone.flow, phone.request(method, uri, **headers))
    while (message := phone.world.take(phone.upstream)).method != method:
        pass
    return message


def refresh(
    phone: Phone,
    cseq: int,
    *,
    flow: Flow | None = None,
    expires: int = 3600,
    call: str | None = None,
    **headers: Any,  # noqa: ANN401 - as above
) -> None:
    """Send a REGISTER of the phone and do nothing more."""
    contact = f'<{phone.contact}>;expires={expires};+sip.instance="{phone.instance}";reg-id=1'
    request = phone.request(
        "REGISTER",
        f"sip:{DOMAIN}",
        to=f"<sip:{phone.user}@{DOMAIN}>",
        call=call or f"reg-{phone.user}",
        cseq=cseq,
        Contact=contact,
        **headers,
    )
    phone.world.receive(flow or phone.flow, request)


def granted(message: Message) -> int:
    """Seconds of lease in the first Contact of a 200 to REGISTER."""
    return int(NameAddr.parse(message.values("Contact")[0]).param("expires") or "")
