"""A server's end of a connection on which every line is a request and gets a line as its answer."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger(__name__)


class LineServer(asyncio.Protocol):
    """One client. Answers are written at once; a client that does not read them is not read."""

    def __init__(
        self,
        answer: Callable[[bytes], bytes],
        clients: set[asyncio.Transport],
        limit: int,
        greeting: Callable[[], bytes] = bytes,
    ) -> None:
        """`clients`: every connection that is up; `limit`: bytes of the longest line.

        `greeting`: lines that a client is told first.
        """
        self._greeting = greeting
        self._answer = answer
        self._clients = clients
        self._limit = limit
        self._rest = b""
        self._paused = False
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client is there."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass
        self._clients.add(self._transport)
        self._transport.write(self._greeting())

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        if self._transport is not None:
            self._clients.discard(self._transport)
        if exc is not None:
            log.warning("a client is gone: %s", exc)

    def data_received(self, data: bytes) -> None:
        """A part of a line, or several."""
        self._rest += data
        self._serve()

    def pause_writing(self) -> None:
        """The client does not read: what it sent meanwhile waits."""
        self._paused = True
        if self._transport is not None:
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        """It has read."""
        self._paused = False
        if self._transport is not None:
            self._transport.resume_reading()
        self._serve()

    def _serve(self) -> None:
        """Answer the lines that are whole, as long as the client takes the answers."""
        transport = self._transport
        if transport is None:
            return
        while not self._paused and not transport.is_closing():
            line, end, rest = self._rest.partition(b"\n")
            if len(line) > self._limit:
                log.warning("a client is cut off: a line is longer than %d bytes", self._limit)
                transport.abort()
            if not end or transport.is_closing():
                return
            self._rest = rest
            transport.write(self._answer(line))
