"""UDP sockets on the two sides of something: what one sends, another hears."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

TRIES = 100
TRY_SECONDS = 0.05


class Peer(asyncio.DatagramProtocol):
    """One socket. `heard` has (datagram, where it came from)."""

    transport: asyncio.DatagramTransport
    ip: str
    port: int

    def __init__(self) -> None:
        self.heard: asyncio.Queue[tuple[bytes, Any]] = asyncio.Queue()
        self.closed = asyncio.Event()

    def connection_made(self, transport: Any) -> None:  # noqa: ANN401 - a datagram transport
        """The socket is bound."""
        self.transport = transport
        self.ip, self.port = transport.get_extra_info("sockname")[:2]

    def datagram_received(self, data: bytes, addr: Any) -> None:  # noqa: ANN401 - as asyncio has it
        """Keep it."""
        self.heard.put_nowait((data, addr))

    def connection_lost(self, _error: Exception | None) -> None:
        """The socket is closed."""
        self.closed.set()

    async def says(self, to: tuple[str, int], other: Peer) -> tuple[bytes, Any]:
        """What `other` hears of an RTP packet that is sent again until something comes."""
        while not other.heard.empty():
            other.heard.get_nowait()
        for number in range(TRIES):
            self.transport.sendto(bytes([0x80, 8, 0, number]) + bytes(8) + b"\xd5" * 160, to)
            try:
                return await asyncio.wait_for(other.heard.get(), TRY_SECONDS)
            except TimeoutError:
                continue
        raise AssertionError(f"{other.ip}:{other.port} heard nothing from {self.ip}:{self.port}")


@asynccontextmanager
async def peers() -> AsyncIterator[Callable[[str], Awaitable[Peer]]]:
    """Gives a function that opens a peer at an address; all are closed at the end."""
    made: list[Peer] = []

    async def at(ip: str) -> Peer:
        loop = asyncio.get_running_loop()
        _, peer = await loop.create_datagram_endpoint(Peer, local_addr=(ip, 0))
        made.append(peer)
        return peer

    try:
        yield at
    finally:
        for peer in made:
            peer.transport.close()
        for peer in made:
            await peer.closed.wait()
