"""A server around a `BorderWorld`: an office or a trunk whose calls go to other servers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline.sip import Address, Message, NameAddr, Transport, responses
from farline.testing.border_phone import offer
from farline.testing.messages import complete, with_headers

if TYPE_CHECKING:
    from farline.sip import Flow
    from farline.testing.border import BorderWorld


class Server:
    """One server: its address, and the flow on which the border sends to it and hears it."""

    def __init__(
        self,
        world: BorderWorld,
        interface: str,
        address: Address,
        *,
        user: str,
        domain: str,
        transport: Transport = Transport.UDP,
    ) -> None:
        self.world = world
        self.address = address
        self.user = user
        self.domain = domain
        self.transport = transport
        self.flow: Flow = world.accept(interface, address.host, address.port, transport)
        self.contact = f"sip:{user}@{address};transport={transport.uri_param}"
        self._branch = 0

    def request(
        self,
        method: str,
        uri: str,
        *,
        to: str = "",
        from_: str = "",
        tag: str = "",
        to_tag: str = "",
        call: str = "call-1",
        cseq: int = 1,
        body: bytes = b"",
        **headers: str,
    ) -> Message:
        """A request of the server; `headers` replace or add (`_` for `-`)."""
        self._branch += 1
        message = Message.request(method, uri)
        branch = f"z9hG4bK{self.user}{self._branch}"
        message.add("Via", f"SIP/2.0/{self.transport} {self.address};rport;branch={branch}")
        message.add("Max-Forwards", "70")
        caller = from_ or f"<sip:{self.user}@{self.domain}>"
        message.add("From", f"{caller};tag={tag or self.user}")
        message.add("To", (to or f"<{uri}>") + (f";tag={to_tag}" if to_tag else ""))
        message.add("Call-ID", call)
        message.add("CSeq", f"{cseq} {method}")
        message.add("Contact", f"<{self.contact}>")
        return complete(message, headers, body)

    def send(self, message: Message, flow: Flow | None = None) -> None:
        """The message arrives at the border."""
        self.world.receive(flow or self.flow, message)

    def take(self, method: str = "", status: int = 0, flow: Flow | None = None) -> Message:
        """The next message to this server, of a kind. Raises AssertionError for another one."""
        message = self.world.take(flow or self.flow)
        if method and message.method != method:
            raise AssertionError(f"{message.method} {message.status}, not {method}")
        if status and message.status != status:
            raise AssertionError(f"{message.status}, not {status}")
        return message

    def answer(
        self,
        request: Message,
        status: int,
        *,
        body: bytes = b"",
        flow: Flow | None = None,
        tag: str = "",
        **headers: str,
    ) -> None:
        """Answer a request of the border."""
        response = responses.make(request, status, to_tag=tag or self.user, body=body)
        if status < 300:
            response.add("Contact", f"<{self.contact}>")
        with_headers(response, headers)
        self.send(response, flow)

    def in_dialog(
        self, method: str, seen: Message, *, cseq: int, body: bytes = b"", **headers: str
    ) -> Message:
        """A request in the dialog that `seen` began, or answered, as this server saw it."""
        mine, theirs = ("To", "From") if seen.is_request else ("From", "To")
        target = str(NameAddr.parse(seen.get("Contact") or "").uri)
        message = self.request(method, target, call=seen.call_id, cseq=cseq, body=body, **headers)
        me = seen.get(mine) or ""
        message.set("From", me if ";tag=" in me else f"{me};tag={self.user}")
        message.set("To", seen.get(theirs) or "")
        routes = seen.values("Record-Route")
        for route in routes if seen.is_request else routes[::-1]:
            message.add("Route", route)
        return message


def call(
    caller: Server, callee: Server, uri: str, *, call_id: str = "call-1", **headers: str
) -> tuple[Message, Message]:
    """A call that is answered; the INVITE as the called server read it, the 200 as the caller."""
    body = offer(caller.address.host)
    invite = caller.request("INVITE", uri, call=call_id, cseq=1, body=body, **headers)
    caller.send(invite)
    caller.take(status=100)
    arrived = callee.take("INVITE")
    callee.answer(arrived, 200, body=offer(callee.address.host, 6000))
    ok = caller.take(status=200)
    ack = caller.in_dialog("ACK", ok, cseq=1)
    caller.send(ack)
    callee.take("ACK")
    return arrived, ok
