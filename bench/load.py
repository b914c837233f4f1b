"""Load for the signalling benchmarks: phones outside, a call server inside, in one process.

Closed loop: each phone begins its next cycle when the last one ended, so nothing is overdriven and
no retransmission hides in the figures. The generator's own CPU time is not counted.
"""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from farline.sip import Message, NameAddr, StreamFramer, Uri

if TYPE_CHECKING:
    import ssl

SDP = (
    "v=0\r\no=- 53655765 2353687637 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\n"
    "m=audio {port} RTP/AVP 8 0 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n"
    "a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n"
)
ANSWER_SECONDS = 8.0
Receiver = Callable[["Link", bytes], None]
_serial = itertools.count(1)


class Link(asyncio.DatagramProtocol):
    """A UDP socket or TCP connection that hands over whole messages."""

    def __init__(self, receive: Receiver, transport: str) -> None:
        self.kind = transport
        self.receive = receive
        self.framer = StreamFramer()
        self.local = ("", 0)
        self.raw: asyncio.BaseTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.raw = transport
        self.local = transport.get_extra_info("sockname")[:2]

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.peer = addr
        self.receive(self, data)

    def data_received(self, data: bytes) -> None:
        for kind, frame in self.framer.feed(data):
            if kind == StreamFramer.MESSAGE:
                self.receive(self, frame)

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        pass

    def send(self, data: bytes, peer: tuple[str, int] | None = None) -> None:
        if self.kind == "udp":
            self.raw.sendto(data, peer)  # type: ignore[union-attr]  # a datagram transport
        else:
            self.raw.write(data)  # type: ignore[union-attr]  # a stream transport


@dataclass
class Counters:
    """What was finished, and what went wrong."""

    done: int = 0
    failed: int = 0
    failures: list[str] = field(default_factory=list)

    def fail(self, what: str) -> None:
        self.failed += 1
        if len(self.failures) < 5:
            self.failures.append(what)


class Phone:
    """One remote worker: a socket of its own, REGISTER cycles and calls one after another."""

    def __init__(self, number: int, ip: str, border: tuple[str, int], kind: str) -> None:
        self.user = f"u{number}"
        self.ip, self.border, self.kind = ip, border, kind
        self.link: Link | None = None
        self.tls: ssl.SSLContext | None = None
        """How the border's certificate is judged; set for TLS."""

        self.instance = ""
        """Parameters of Contact that name the phone wherever it is (RFC 5626)."""

        self._waiting: asyncio.Future[Message] | None = None
        self._call = ""

    async def open(self) -> None:
        loop = asyncio.get_running_loop()
        factory = lambda: Link(self._received, self.kind)  # noqa: E731 - used twice below
        if self.kind == "udp":
            _, self.link = await loop.create_datagram_endpoint(factory, local_addr=(self.ip, 0))
        else:
            _, self.link = await loop.create_connection(
                factory,
                *self.border,
                local_addr=(self.ip, 0),
                ssl=self.tls,
                server_hostname="bench" if self.tls is not None else None,
            )

    def close(self) -> None:
        if self.link is not None and self.link.raw is not None:
            self.link.raw.close()

    def _received(self, _link: Link, data: bytes) -> None:
        message = Message.parse(data)
        if message.is_request or message.status < 200 or message.call_id != self._call:
            return
        if self._waiting is None or self._waiting.done():
            return  # a retransmission
        self._waiting.set_result(message)

    def _request(self, method: str, uri: str, call: str, cseq: int, *extra: str) -> str:
        host, port = self.link.local  # type: ignore[union-attr]  # open() came first
        lines = [
            f"{method} {uri} SIP/2.0",
            f"Via: SIP/2.0/{self.kind.upper()} {host}:{port};branch=z9hG4bK{next(_serial):x};rport",
            "Max-Forwards: 70",
            f"From: <sip:{self.user}@bench>;tag={call[:8]}",
            f"Call-ID: {call}",
            f"CSeq: {cseq} {method}",
            f"Contact: <sip:{self.user}@{host}:{port};transport={self.kind}>{self.instance}",
            "User-Agent: bench-phone/1.0",
            "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, NOTIFY, REFER, UPDATE",
            *extra,
        ]
        return "\r\n".join(lines) + "\r\n"

    async def _ask(self, text: str, call: str) -> Message:
        self._call = call
        self._waiting = asyncio.get_running_loop().create_future()
        self.link.send(text.encode(), self.border)  # type: ignore[union-attr]
        return await asyncio.wait_for(self._waiting, ANSWER_SECONDS)

    async def register(self, counters: Counters) -> None:
        """REGISTER, 401, REGISTER, 200."""
        call = f"{next(_serial):08x}reg@{self.ip}"
        to = f"To: <sip:{self.user}@bench>"
        tail = ("Expires: 3600", "Supported: path, outbound", "Content-Length: 0", "")
        first = await self._ask(self._request("REGISTER", "sip:bench", call, 1, to, *tail), call)
        if first.status != 401:
            counters.fail(f"REGISTER: {first.status} instead of 401")
            return
        nonce = re.search(r'nonce="([^"]+)"', first.get("WWW-Authenticate") or "")
        credentials = (
            f'Authorization: Digest username="{self.user}",realm="bench",nonce='
            f'"{nonce.group(1) if nonce else ""}",uri="sip:bench",response="{"0" * 32}"'
        )
        text = self._request("REGISTER", "sip:bench", call, 2, to, credentials, *tail)
        second = await self._ask(text, call)
        if second.status == 200:
            counters.done += 1
        else:
            counters.fail(f"REGISTER: {second.status} instead of 200")

    async def call(self, counters: Counters, with_sdp: bool) -> None:
        """INVITE, 100, 180, 200, ACK, BYE, 200."""
        call = f"{next(_serial):08x}call@{self.ip}"
        body = SDP.format(ip=self.ip, port=20000) if with_sdp else ""
        kind = ("Content-Type: application/sdp",) if body else ()
        uri = "sip:service@bench"
        to = "To: <sip:service@bench>"
        text = self._request("INVITE", uri, call, 1, to, *kind, f"Content-Length: {len(body)}", "")
        answer = await self._ask(text + body, call)
        if answer.status != 200:
            counters.fail(f"INVITE: {answer.status} {answer.reason}")
            return
        target = str(NameAddr.parse(answer.get("Contact") or "").uri)
        routes = [f"Route: {value}" for value in reversed(answer.values("Record-Route"))]
        told = f"To: {answer.get('To')}"
        tail = ("Content-Length: 0", "")
        ack = self._request("ACK", target, call, 1, told, *routes, *tail)
        self.link.send(ack.encode(), self.border)  # type: ignore[union-attr]
        bye = await self._ask(self._request("BYE", target, call, 2, told, *routes, *tail), call)
        if bye.status == 200:
            counters.done += 1
        else:
            counters.fail(f"BYE: {bye.status} {bye.reason}")


class CallServer:
    """Answers REGISTER with 401 then 200, INVITE with 100, 180, 200, BYE with 200."""

    def __init__(self, ip: str, port: int) -> None:
        self.ip, self.port = ip, port
        self._endings: list[Callable[[], None]] = []

    async def open(self) -> None:
        loop = asyncio.get_running_loop()
        udp, _ = await loop.create_datagram_endpoint(
            lambda: Link(self._received, "udp"), local_addr=(self.ip, self.port)
        )
        tcp = await loop.create_server(lambda: Link(self._received, "tcp"), self.ip, self.port)
        self._endings += [udp.close, tcp.close]

    def close(self) -> None:
        for end in self._endings:
            end()

    def _received(self, link: Link, data: bytes) -> None:
        message = Message.parse(data)
        peer = getattr(link, "peer", None)
        if not message.is_request or message.method == "ACK":
            return
        for status, reason in self._answers(message):
            link.send(self._answer(message, status, reason, link.kind).to_bytes(), peer)

    def _answers(self, request: Message) -> list[tuple[int, str]]:
        if request.method == "REGISTER":
            known = request.get("Authorization") is not None
            return [(200, "OK")] if known else [(401, "Unauthorized")]
        if request.method == "INVITE":
            return [(100, "Trying"), (180, "Ringing"), (200, "OK")]
        return [(200, "OK")]

    def _answer(self, request: Message, status: int, reason: str, kind: str) -> Message:
        answer = Message.response(status, reason)
        for name in ("Via", "Record-Route") if status > 100 else ("Via",):
            answer.set_all(name, request.all(name))
        to = request.get("To") or ""
        if status > 100 and not request.to_tag:
            to += f";tag=s{next(_serial):x}"
        for name, value in (
            ("From", request.get("From") or ""),
            ("To", to),
            ("Call-ID", request.call_id),
            ("CSeq", request.get("CSeq") or ""),
        ):
            answer.set(name, value)
        if status == 401:
            answer.set("WWW-Authenticate", 'Digest nonce="0aaf4581c70da6ab7193",realm="bench"')
        elif request.method == "REGISTER":
            contact = NameAddr.parse(request.values("Contact")[0]).with_param("expires", "3600")
            answer.set("Contact", str(contact))
            answer.set("Expires", "3600")
        elif request.method == "INVITE" and status > 100:
            uri = Uri.build(self.ip, user="service", port=self.port, params=[("transport", kind)])
            answer.set("Contact", f"<{uri}>")
            if status == 200 and request.body:
                answer.set("Content-Type", "application/sdp")
                answer.body = SDP.format(ip=self.ip, port=30000).encode()
        answer.set("Content-Length", str(len(answer.body)))
        return answer


async def cycles(phones: list[Phone], count: int, one: Callable[[Phone], object]) -> None:
    """Run `count` cycles shared among the phones, each phone one at a time."""
    left = itertools.count()

    async def work(phone: Phone) -> None:
        while next(left) < count:
            await one(phone)  # type: ignore[misc]  # a coroutine

    async with asyncio.TaskGroup() as group:
        for phone in phones:
            group.create_task(work(phone))
