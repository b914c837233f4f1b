"""Light phones outside and a light call server inside a border, over UDP, one request at a time.

What a border's death does to their calls is to be measured, so they ask again every half second, as
phones do, and say what came.
"""

from __future__ import annotations

import itertools
import queue
import select
import socket
import threading
from typing import TYPE_CHECKING

from farline.runtime import clock
from farline.sdp import parse
from farline.sip import Message, NameAddr, responses

if TYPE_CHECKING:
    from farline.sdp import Crypto
    from farline.testing.browser_leg import BrowserLeg

DOMAIN = "steady.example"
AGAIN_SECONDS = 0.5
PATIENCE_SECONDS = 40.0
_serial = itertools.count(1)


class NoAnswerError(AssertionError):
    """A request was not answered in time, or not as it should be."""


def describe(at: socket.socket, key: Crypto | None = None) -> bytes:
    """A description with one audio stream at a socket; with `key` as RTP/SAVP."""
    ip, port = at.getsockname()
    profile = "RTP/AVP" if key is None else "RTP/SAVP"
    head = f"v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\n"
    line = b"" if key is None else b"a=%b\r\n" % key.to_bytes()
    return f"{head}m=audio {port} {profile} 8\r\na=rtcp-mux\r\n".encode() + line


def udp(ip: str, port: int = 0) -> socket.socket:
    """A bound socket."""
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind((ip, port))
    return made


def media_of(message: Message) -> tuple[str, int]:
    """Where a description wants its audio."""
    at = parse(message.body).media[0].rtp_address
    if at is None:
        raise NoAnswerError("a description without an address")
    return at


class Ringing(threading.Thread):
    """The call server: answers everything with 200, and asks what it is told to."""

    def __init__(self, ip: str, port: int, border: tuple[str, int]) -> None:
        super().__init__()
        self.ip, self.port, self.border = ip, port, border
        self.media: dict[str, socket.socket] = {}
        """The audio socket of each call."""
        self.invites: dict[str, Message] = {}
        """The first INVITE of each call."""
        self.asked: list[str] = []
        """Methods of requests, each once."""
        self.rings = False
        """An INVITE gets 180 and nothing else."""
        self._seen: dict[tuple[str, str], Message] = {}
        self._answers: dict[str, queue.Queue[Message]] = {}
        self._socket = udp(ip, port)
        self._ending = False

    def run(self) -> None:
        """Serve until `close`."""
        while not self._ending:
            if select.select([self._socket], [], [], 0.2)[0]:
                message = Message.parse(self._socket.recvfrom(65535)[0])
                if not message.is_request:
                    self._take(message)
                elif message.method != "ACK":
                    self._socket.sendto(self._answer(message).to_bytes(), self.border)

    def close(self) -> None:
        """End, and close every socket."""
        self._ending = True
        self.join()
        for one in (self._socket, *self.media.values()):
            one.close()

    def ask(self, call: str, method: str, phone: SteadyPhone, body: bytes = b"") -> Message:
        """A request in a call towards its phone, which answers it; the final answer."""
        invite = self.invites[call]
        target = str(NameAddr.parse(invite.get("Contact") or "").uri)
        request = Message.request(method, target)
        branch = f"z9hG4bKs{next(_serial)}"
        request.add("Via", f"SIP/2.0/UDP {self.ip}:{self.port};branch={branch};rport")
        for route in invite.all("Record-Route"):
            request.add("Route", route)
        request.add("Max-Forwards", "70")
        request.add("From", f"{invite.get('To')};tag=server")
        request.add("To", invite.get("From") or "")
        request.add("Call-ID", invite.call_id)
        request.add("CSeq", f"{next(_serial) + 1000} {method}")
        request.add("Contact", f"<sip:server@{self.ip}:{self.port}>")
        if body:
            request.add("Content-Type", "application/sdp")
        request.body = body
        waiting = self._answers[branch] = queue.Queue()
        until = clock.monotonic() + PATIENCE_SECONDS
        while clock.monotonic() < until:
            self._socket.sendto(request.to_bytes(), self.border)
            phone.serve(AGAIN_SECONDS)
            try:
                return waiting.get(timeout=0.01)
            except queue.Empty:
                continue
        raise NoAnswerError(f"{method} of the server in {call}")

    def _take(self, answer: Message) -> None:
        via = answer.top_via
        waiting = self._answers.get(via.branch) if via is not None else None
        if waiting is not None and answer.status >= 200:
            waiting.put(answer)

    def _answer(self, request: Message) -> Message:
        branch = request.top_via.branch if request.top_via is not None else ""
        known = self._seen.get((branch, request.method))
        if known is not None:
            return known
        self.asked.append(request.method)
        ringing = self.rings and request.method == "INVITE"
        answer = responses.make(request, 180 if ringing else 200, to_tag="server")
        contact = request.values("Contact")
        if request.method == "REGISTER":
            answer.add("Contact", str(NameAddr.parse(contact[0]).with_param("expires", "3600")))
        else:
            answer.add("Contact", f"<sip:server@{self.ip}:{self.port}>")
        if request.method == "INVITE" and not ringing:
            call = request.call_id
            if call not in self.media:
                self.media[call] = udp(self.ip)
                self.invites[call] = request
            if request.body:
                answer.add("Content-Type", "application/sdp")
                answer.body = describe(self.media[call])
        self._seen[branch, request.method] = answer
        return answer


class SteadyPhone:
    """A phone with one call."""

    def __init__(self, number: int, ip: str, border: tuple[str, int]) -> None:
        self.user, self.ip, self.border = f"u{number}", ip, border
        self.call = f"call-{number}-{ip}"
        self.media = udp(ip)
        self.heard: Message | None = None
        """The last 200 with a description."""
        self.key: Crypto | None = None
        self.browser: BrowserLeg | None = None
        """Its media is a browser's: ICE and DTLS-SRTP."""
        self._socket = udp(ip)
        self._cseq = 0
        self._target = f"sip:service@{DOMAIN}"
        self._to = f"<sip:service@{DOMAIN}>"
        self._routes: list[str] = []

    def close(self) -> None:
        """Close its sockets."""
        self._socket.close()
        self.media.close()

    def register(self) -> None:
        """REGISTER until 200."""
        self._cseq += 1
        aor = f"<sip:{self.user}@{DOMAIN}>"
        request = self._request("REGISTER", f"sip:{DOMAIN}", f"reg-{self.call}", aor)
        self._ask(request)

    def invite(self) -> Message:
        """INVITE, first or again, until 200; then ACK."""
        self._cseq += 1
        request = self._in_dialog("INVITE")
        request.add("Content-Type", "application/sdp")
        request.body = self._described()
        answer = self._ask(request)
        if not self._routes:
            self._routes = answer.values("Record-Route")[::-1]
        self._target = str(NameAddr.parse(answer.get("Contact") or "").uri)
        self._to = answer.get("To") or ""
        self._send(self._in_dialog("ACK"))
        self.heard = answer
        return answer

    def ask(self, method: str, **headers: str) -> Message:
        """Another request in the call; its 200."""
        self._cseq += 1
        request = self._in_dialog(method)
        for name, value in headers.items():
            request.add(name.replace("_", "-"), value)
        return self._ask(request)

    def serve(self, seconds: float) -> None:
        """Answer the requests that come in this time; return after the first."""
        until = clock.monotonic() + seconds
        while select.select([self._socket], [], [], max(0.0, until - clock.monotonic()))[0]:
            message = Message.parse(self._socket.recvfrom(65535)[0])
            if not message.is_request or message.method == "ACK":
                continue
            body = self._described() if message.body else b""
            answer = responses.make(message, 200, body=body)
            answer.add("Contact", self._contact)
            if body:
                answer.add("Content-Type", "application/sdp")
            self._send(answer)
            return

    def _described(self) -> bytes:
        if self.browser is not None:
            return self.browser.describe()
        return describe(self.media, self.key)

    @property
    def _contact(self) -> str:
        host, port = self._socket.getsockname()
        return f"<sip:{self.user}@{host}:{port}>"

    def _request(self, method: str, uri: str, call: str, to: str) -> Message:
        host, port = self._socket.getsockname()
        request = Message.request(method, uri)
        branch = f"z9hG4bKp{next(_serial)}"
        request.add("Via", f"SIP/2.0/UDP {host}:{port};branch={branch};rport")
        request.add("Max-Forwards", "70")
        request.add("From", f"<sip:{self.user}@{DOMAIN}>;tag={self.user}")
        request.add("To", to)
        request.add("Call-ID", call)
        request.add("CSeq", f"{self._cseq} {method}")
        request.add("Contact", self._contact)
        request.body = b""
        return request

    def _in_dialog(self, method: str) -> Message:
        request = self._request(method, self._target, self.call, self._to)
        for route in self._routes:
            request.add("Route", route)
        return request

    def _send(self, message: Message) -> None:
        self._socket.sendto(message.to_bytes(), self.border)

    def _ask(self, request: Message) -> Message:
        """Send until a final answer comes; raises NoAnswerError for one that is not 200."""
        until = clock.monotonic() + PATIENCE_SECONDS
        while clock.monotonic() < until:
            self._send(request)
            again = clock.monotonic() + AGAIN_SECONDS
            while select.select([self._socket], [], [], max(0.0, again - clock.monotonic()))[0]:
                answer = Message.parse(self._socket.recvfrom(65535)[0])
                mine = answer.get("CSeq") == request.get("CSeq")
                if answer.is_request or not mine or answer.status < 200:
                    continue
                if answer.status != 200:
                    text = f"{self.user}: {request.method} was answered {answer.status}"
                    raise NoAnswerError(text)
                return answer
        raise NoAnswerError(f"{self.user}: no answer to {request.method}")
