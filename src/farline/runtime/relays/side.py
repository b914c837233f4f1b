"""One of the two connections of a relayed connection, as asyncio tells of it."""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from farline.runtime.relays.pair import Pair

log = logging.getLogger(__name__)

HIGH_WATER, LOW_WATER = 64 * 1024, 16 * 1024
"""Bytes waiting to be sent at which reading the other side stops, and goes on."""
_LINGER_NONE = struct.pack("ii", 1, 0)
"""`struct linger`: on, for 0 seconds."""


class Side(asyncio.Protocol):
    """One of the two connections of a relayed connection."""

    __slots__ = ("bytes_in", "ended", "full", "pair", "tls", "transport")

    def __init__(self, pair: Pair, *, tls: bool) -> None:
        self.pair = pair
        self.tls = tls
        self.transport: asyncio.Transport | None = None
        self.bytes_in = 0
        self.ended = False
        """Nothing more comes from here."""
        self.full = False
        """Too much waits to be sent here."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Bound what may wait to be sent here."""
        self.transport = cast("asyncio.Transport", transport)
        self.transport.set_write_buffer_limits(HIGH_WATER, LOW_WATER)
        self.pair.made(self, self.transport)

    def data_received(self, data: bytes) -> None:
        """Hand the bytes to the other side."""
        pair = self.pair
        self.bytes_in += len(data)
        pair.last_heard = pair.loop.time()
        transport = (pair.inside if self is pair.outside else pair.outside).transport
        if pair.inspector is not None:
            pair.inspect(self, data)
        elif transport is None:
            pair.hold(data)
        elif not transport.is_closing():
            transport.write(data)

    def eof_received(self) -> bool:
        """This side says no more."""
        self.ended = True
        return self.pair.eof(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """This side is gone."""
        self.ended = True
        self.pair.lost(self, exc)

    def pause_writing(self) -> None:
        """Too much waits to be sent here: read no more of the other side."""
        self.full = True
        other = self.pair.other(self).transport
        if other is not None and not other.is_closing():
            other.pause_reading()

    def resume_writing(self) -> None:
        """Most of it has been sent: go on reading."""
        self.full = False
        if self is self.pair.inside:
            self.pair.read_client()
            return
        other = self.pair.other(self).transport
        if other is not None and not other.is_closing():
            other.resume_reading()


def reset(transport: asyncio.Transport) -> None:
    """Close with RST, so that the peer knows that the stream was broken off."""
    sock = transport.get_extra_info("socket")
    if sock is not None:
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NONE)
        except OSError:
            log.debug("socket already closed")
    transport.abort()
