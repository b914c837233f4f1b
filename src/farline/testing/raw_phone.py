"""A SIP client of bare datagrams: what it gets is bytes, and what it sends may be anything."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

from farline.runtime.ids import RealIds
from farline.sip import Message, WireError
from farline.sip.digest_client import DigestClient

if TYPE_CHECKING:
    from farline.sip.transport import Address

SECONDS = 40.0


class RawPhone:
    """One UDP socket; `domain` and `user` name the phone, `server` is where all goes."""

    def __init__(self, ip: str, server: Address, domain: str, user: str) -> None:
        self.server = server
        self.domain = domain
        self.user = user
        self.ids = RealIds()
        self.cseq = 0
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind((ip, 0))
        self.ip, self.port = self._socket.getsockname()

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def request(self, method: str, target: str, body: bytes = b"", kind: str = "") -> Message:
        """A valid request with a body of any kind."""
        self.cseq += 1
        message = Message.request(method, target)
        message.add("From", f"<sip:{self.user}@{self.domain}>;tag={self.ids.token()}")
        message.add("To", f"<{target if method != 'REGISTER' else self._aor}>")
        message.add("Call-ID", self.ids.uuid())
        message.add("CSeq", f"{self.cseq} {method}")
        message.add("Max-Forwards", "70")
        message.add("Contact", f"<sip:{self.user}@{self.ip}:{self.port}>")
        if kind:
            message.add("Content-Type", kind)
        message.body = body
        return message

    @property
    def _aor(self) -> str:
        return f"sip:{self.user}@{self.domain}"

    async def send(self, data: bytes) -> None:
        """One datagram."""
        await asyncio.get_running_loop().sock_sendto(self._socket, data, self.server)

    async def ask(self, message: Message) -> tuple[Message, bytes]:
        """Send a request and wait for its final answer, also as the bytes that came."""
        message.remove("Via")
        via = f"SIP/2.0/UDP {self.ip}:{self.port};branch=z9hG4bK{self.ids.token()};rport"
        message.prepend("Via", via)
        await self.send(message.to_bytes())
        async with asyncio.timeout(SECONDS):
            while True:
                data = await asyncio.get_running_loop().sock_recv(self._socket, 65535)
                try:
                    answer = Message.parse(data)
                except WireError:
                    continue
                mine = (answer.call_id, answer.get("CSeq")) == (
                    message.call_id,
                    message.get("CSeq"),
                )
                if not answer.is_request and mine and answer.status >= 200:
                    return answer, data

    async def register(self, password: str) -> list[bytes]:
        """REGISTER, and once more with credentials: the answers to both."""
        digest = DigestClient(self.user, password, self.ids)
        request = self.request("REGISTER", f"sip:{self.domain}")
        answer, first = await self.ask(request)
        again = digest.retry(request, answer)
        if again is None:
            return [first]
        _, second = await self.ask(again)
        return [first, second]
