"""An application relay on real loopback sockets, with a server behind it."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import uvloop

from farline.border.relays.plan import RelayPlan
from farline.runtime.relays.stream import ByteRelay
from farline.trace.events import Note

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Callable, Coroutine

    from farline.runtime.relays.remote import Ask
    from farline.trace.events import Event

IP = "127.0.0.1"
CONNECT_IP = "127.0.0.7"
"""Source of the relay's connections to the server."""


def on_uvloop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run the test on the event loop of the product."""

    @functools.wraps(test)
    def run(*arguments: object, **fixtures: object) -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(test(*arguments, **fixtures))

    return run


class Server:
    """A TCP server that hands its connections to the test: (reader, writer) in `accepted`."""

    def __init__(self) -> None:
        self.accepted: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]]
        self.accepted = asyncio.Queue()
        self.writers: list[asyncio.StreamWriter] = []

    async def start(self, tls: ssl.SSLContext | None = None) -> None:
        """Listen at a free port."""
        self.server = await asyncio.start_server(self._client, IP, 0, ssl=tls)
        self.port = self.server.sockets[0].getsockname()[1]

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        await self.accepted.put((reader, writer))

    async def stop(self) -> None:
        """Break off whatever is connected."""
        self.server.close()
        for writer in self.writers:
            writer.transport.abort()
        for writer in self.writers:
            with contextlib.suppress(OSError):
                await writer.wait_closed()


@asynccontextmanager
async def relayed(
    *,
    server_tls: ssl.SSLContext | None = None,
    listen_tls: ssl.SSLContext | None = None,
    client_tls: ssl.SSLContext | None = None,
    remote: tuple[str, int] | None = None,
    ask: Ask | None = None,
    registered: Callable[[str], bool] | None = None,
    **limits: Any,  # noqa: ANN401 - values of any field of a plan
) -> AsyncIterator[tuple[ByteRelay, Server, list[Event]]]:
    """A server, a relay before it, and the events that the relay traces."""
    server = Server()
    await server.start(server_tls)
    fields: dict[str, Any] = {
        "name": "test", "service": "other", "listen": (IP, 0), "listen_tls": None,
        "connect_ip": CONNECT_IP, "remote": remote or (IP, server.port), "remote_tls": None,
        "max_connections": 100, "max_connections_per_source": 100, "idle_seconds": 60.0,
        "connect_seconds": 5.0,
    }  # fmt: skip
    events: list[Event] = []
    relay = ByteRelay(
        RelayPlan(**fields | limits),
        trace=events.append,
        server_tls=listen_tls,
        client_tls=client_tls,
        ask=ask,
        registered=registered,
    )
    await relay.start()
    try:
        yield relay, server, events
    finally:
        await relay.stop()
        await server.stop()


async def closed(relay: ByteRelay) -> dict[str, object]:
    """Wait until nobody is connected any more; what the relay shows then."""
    async with asyncio.timeout(30):
        await relay.emptied()
    return relay.show()


def details(events: list[Event], what: str) -> list[str]:
    """The notes of a kind."""
    return [event.detail for event in events if isinstance(event, Note) and event.what == what]
