"""A phone with audio and video without encryption: a pair of ports a stream, and it says all again.

What it hears it sends back from another source, so whoever speaks with it sees and hears himself.
"""

from __future__ import annotations

import asyncio
import socket
from contextlib import ExitStack
from typing import TYPE_CHECKING, Self

from farline.sdp import parse

if TYPE_CHECKING:
    from types import TracebackType

    from farline.sdp import Format, Media

KINDS = ("audio", "video")
CODECS = {"audio": "pcma", "video": "vp8"}
SENDER_REPORT = 200
OURS = 0x5A000000
"""Added to the source of what is sent back."""


class AvPhone:
    """The sockets of a phone, and what came to each."""

    def __init__(self, address: str, *, video_ports: int = 1) -> None:
        self.address = address
        self.heard: dict[str, int] = {}
        """Packets of RTP by stream: "audio", "video", "video 1", ..."""
        self.sources: dict[str, set[int]] = {}
        self.stray = False
        """A sender report of a source came to another stream's port."""
        self._reported: dict[str, asyncio.Event] = {}
        self.names = ["audio", "video", *(f"video {at}" for at in range(1, video_ports))]
        self._stack = ExitStack()
        self._sockets: dict[str, tuple[socket.socket, socket.socket]] = {}
        self._speaking: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        for name in self.names:
            self._sockets[name] = self._pair()
            self.heard[name] = 0
            self.sources[name], self._reported[name] = set(), asyncio.Event()
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        for task in self._speaking:
            task.cancel()
        await asyncio.gather(*self._speaking, return_exceptions=True)
        self._stack.close()

    def describe(self, theirs: bytes | None = None) -> bytes:
        """An offer, or the answer to one: one codec a stream; other kinds are rejected."""
        head = (
            f"v=0\r\no=- 1 1 IN IP4 {self.address}\r\ns=-\r\nc=IN IP4 {self.address}\r\nt=0 0\r\n"
        )
        if theirs is None:
            lines = [self._line(name, self._offered(name)) for name in self.names]
            return (head + "".join(lines)).encode()
        left = list(self.names)
        lines = []
        for media in parse(theirs).media:
            name = next((one for one in left if one.split()[0] == media.kind), None)
            if name is None or media.rejected:
                lines.append(f"m={media.kind} 0 {media.line.protocol} 0\r\n")
            else:
                left.remove(name)
                lines.append(self._line(name, _codec(media)))
        return (head + "".join(lines)).encode()

    def speak(self, ours: bytes) -> None:
        """Begin to send back what comes; `ours` is the description that the phone was shown."""
        for name, media in zip(self.names, parse(ours).media, strict=False):
            if not media.rejected and media.rtp_address is not None:
                talk = self._echo(name, media.rtp_address)
                self._speaking.append(asyncio.create_task(talk))
                self._speaking.append(asyncio.create_task(self._read_reports(name)))

    async def all_reported(self) -> None:
        """Wait until a sender report of every stream has come to its own port."""
        await asyncio.gather(*(one.wait() for one in self._reported.values()))

    async def _echo(self, name: str, to: tuple[str, int]) -> None:
        loop, at = asyncio.get_running_loop(), self._sockets[name][0]
        await loop.sock_sendto(at, bytes([0x80, 13]) + bytes(6) + b"open", to)
        while True:
            packet = bytearray(await loop.sock_recv(at, 2048))
            source = int.from_bytes(packet[8:12])
            self.heard[name] += 1
            self.sources[name].add(source)
            packet[8:12] = ((source + OURS) & 0xFFFFFFFF).to_bytes(4)
            await loop.sock_sendto(at, packet, to)

    async def _read_reports(self, name: str) -> None:
        loop, at = asyncio.get_running_loop(), self._sockets[name][1]
        while True:
            packet = await loop.sock_recv(at, 2048)
            source = int.from_bytes(packet[4:8])
            if packet[1] != SENDER_REPORT:
                continue  # whoever receives may call itself as any of its sources
            if source in self.sources[name]:
                self._reported[name].set()
            self.stray |= any(source in self.sources[one] for one in self.names if one != name)

    def _pair(self) -> tuple[socket.socket, socket.socket]:
        while True:
            rtp, rtcp = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
            rtp.bind((self.address, 0))
            try:
                rtcp.bind((self.address, rtp.getsockname()[1] + 1))
            except OSError:
                rtp.close()
                rtcp.close()
                continue
            for one in (rtp, rtcp):
                one.setblocking(False)
                self._stack.enter_context(one)
            return rtp, rtcp

    def _offered(self, name: str) -> tuple[int, str]:
        return (8, "PCMA/8000") if name == "audio" else (97, "VP8/90000")

    def _line(self, name: str, codec: tuple[int, str]) -> str:
        port = self._sockets[name][0].getsockname()[1]
        number, meaning = codec
        return (
            f"m={name.split()[0]} {port} RTP/AVP {number}\r\n"
            f"a=rtpmap:{number} {meaning}\r\na=sendrecv\r\n"
        )


def _codec(media: Media) -> tuple[int, str]:
    """The payload type that a description has for the one codec that the phone knows."""
    wanted = CODECS[media.kind]
    found: Format = next(one for one in media.formats if one.name.lower() == wanted)
    return found.payload_type, f"{found.name}/{found.clock}"
