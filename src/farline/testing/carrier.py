"""Carries what a program says over TCP on into TLS or a WebSocket: SIPp knows neither.

The transport of SIP in its messages is the program's own affair; the bytes are not changed.
"""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from typing import TYPE_CHECKING

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator

    from farline.sip.transport import Address

_LENGTH = re.compile(rb"\r\nContent-Length\s*:\s*(\d+)", re.IGNORECASE)


async def messages(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """The SIP messages of a stream, until it ends."""
    while True:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return
        head = head.lstrip(b"\r\n")
        found = _LENGTH.search(head)
        if found is None:
            raise ValueError(f"no Content-Length in {head!r}")
        yield head + await reader.readexactly(int(found[1]))


class Carrier:
    """Listens for TCP on one address, and connects on to another for each that comes."""

    def __init__(
        self, kind: str, listen: Address, to: Address, client: ssl.SSLContext | None, source: str
    ) -> None:
        """`kind`: TLS or WSS out; TCP: out in the clear, as behind a TLS server of ours."""
        self._kind = kind
        self._listen = listen
        self._to = to
        self._client = client
        self._source = source
        self._server: asyncio.Server | None = None
        self._serving: set[asyncio.Task[None]] = set()

    async def start(self, server: ssl.SSLContext | None = None) -> None:
        """Listen; with `server` for TLS."""
        self._server = await asyncio.start_server(self._serve, *self._listen, ssl=server)

    async def stop(self) -> None:
        """End everything."""
        if self._server is not None:
            self._server.close()
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._serving.add(task)
            task.add_done_callback(self._serving.discard)
        carry = self._websocket if self._kind == "WSS" else self._stream
        try:
            with suppress(ConnectionError, ConnectionClosed):
                await carry(reader, writer)
        finally:
            writer.close()

    async def _stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(
            *self._to, ssl=self._client, local_addr=(self._source, 0)
        )

        async def copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            while data := await source.read(65_536):
                sink.write(data)
            sink.close()

        try:
            await asyncio.gather(copy(reader, back), copy(there, writer))
        finally:
            back.close()

    async def _websocket(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        address = f"wss://{self._to}"
        async with connect(
            address, subprotocols=["sip"], ssl=self._client, local_addr=(self._source, 0)  # type: ignore[list-item]  # a NewType of str
        ) as socket:  # fmt: skip

            async def back() -> None:
                async for frame in socket:
                    writer.write(frame.encode() if isinstance(frame, str) else frame)

            returning = asyncio.ensure_future(back())
            try:
                async for message in messages(reader):
                    await socket.send(message.decode())
            finally:
                await socket.close()
                await asyncio.gather(returning, return_exceptions=True)
