"""A client's end of a connection on which each line is an answer, or news."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Callable


class LineClient(asyncio.Protocol):
    """One connection; `ended` says why it is over."""

    def __init__(self, take: Callable[[bytes], None], limit: int) -> None:
        """`take` gets each line without its end, and raises ValueError for what is none of ours.

        The connection is then over. `limit`: bytes of the longest line.
        """
        self._take = take
        self._limit = limit
        self._rest = b""
        self._transport: asyncio.Transport | None = None
        self.ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The server is there."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        self._end("closed the connection" if exc is None else f"is gone: {exc}")

    def data_received(self, data: bytes) -> None:
        """A part of a line, or several."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        try:
            for line in lines:
                self._take(line)
        except ValueError as error:
            self._end(f"talks nonsense: {error}")
        if len(self._rest) > self._limit:
            self._end(f"has sent a line longer than {self._limit} bytes")

    def send(self, line: bytes) -> None:
        """Send a line, its end included."""
        if self._transport is not None:
            self._transport.write(line)

    def close(self) -> None:
        """Close once all is sent; nothing comes any more."""
        if self._transport is not None:
            self._transport.close()

    def _end(self, why: str) -> None:
        if not self.ended.done():
            self.ended.set_result(why)
        self.close()
