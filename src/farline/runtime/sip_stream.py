"""One TCP or TLS connection that carries SIP: framing, keep-alives, and what it may hold."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from farline.sip import Message, StreamFramer, WireError, responses
from farline.sip.transport import Address, Flow, Transport

if TYPE_CHECKING:
    from farline.runtime.sip import SipDriver

PONG = b"\r\n"


@dataclass(frozen=True)
class StreamLimits:
    """What a peer may cost before it has proved anything."""

    max_connections: int = 20_000
    """Accepted connections of one signaling interface."""
    first_message_seconds: float = 30.0
    """An accepted connection that has said nothing whole by then is closed (slowloris)."""
    unfinished_seconds: float = 10.0
    """A message that began must end within this."""
    write_buffer: int = 1 << 20
    """Bytes that a peer may leave unread before it is dropped."""


class StreamConnection(asyncio.Protocol):
    """Protocol object of one connection; `ticket` is set when we opened it."""

    def __init__(
        self,
        driver: SipDriver,
        interface: str,
        kind: Transport,
        limits: StreamLimits,
        *,
        ticket: int | None = None,
    ) -> None:
        self.driver = driver
        self.interface = interface
        self.kind = kind
        self.ticket = ticket
        self.local = Address("", 0)
        self.remote = Address("", 0)
        self._limits = limits
        self._framer = StreamFramer()
        self._flow: Flow | None = None
        self.raw: asyncio.Transport | None = None
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Number the connection, or drop it when the interface is full."""
        self.raw = cast("asyncio.Transport", transport)
        self.local = Address(*transport.get_extra_info("sockname")[:2])
        peer = transport.get_extra_info("peername")
        if peer is None:  # the peer was gone before we looked
            self.raw.abort()
            return
        self.remote = Address(*peer[:2])
        if not self.driver.admit(self):
            self.raw.abort()
            return
        if self.ticket is None:
            self._limit(self._limits.first_message_seconds, "nothing whole was said")
        self._flow = self.driver.opened(self)

    def _limit(self, seconds: float, why: str) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = asyncio.get_running_loop().call_later(seconds, self._too_slow, why)

    def _too_slow(self, why: str) -> None:
        self._deadline = None
        if self._flow is not None:
            self.driver.refused("slow", why, self._flow)
        self.close()

    def data_received(self, data: bytes) -> None:
        """Cut the stream and hand on what is whole."""
        if self._flow is None:
            return
        try:
            frames = self._framer.feed(data)
        except WireError as error:
            self._refuse(error)
            return
        for kind, frame in frames:
            if kind == StreamFramer.MESSAGE:
                self.driver.received(self._flow, frame)
            elif kind == StreamFramer.PING:
                self.send(PONG)
            else:
                self.driver.pong(self._flow)
        if self._framer.buffered:
            if self._deadline is None or frames:
                self._limit(self._limits.unfinished_seconds, "a message did not end")
        elif frames and self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        if self._framer.broken:  # what came before the fault has been handed on
            self.data_received(b"")

    def _refuse(self, error: WireError) -> None:
        """A stream that cannot be followed any more: answer if that can be done, then close."""
        if self._flow is not None:
            self.driver.refused("malformed", str(error), self._flow)
        with suppress(WireError):  # a head that is no SIP is not answered
            request = Message.parse(error.head)
            answer = responses.for_error(request, error, to_tag=self.driver.ids.token())
            if answer is not None:
                self.send(answer.to_bytes())
        self.close()

    def eof_received(self) -> bool:
        """SIP has no use for a half-closed connection."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the driver, once."""
        if self._deadline is not None:
            self._deadline.cancel()
        if self._flow is not None:
            self.driver.closed(self, self._flow, str(exc) if exc else "closed")

    def send(self, data: bytes) -> None:
        """Write, or drop a peer that does not read."""
        if self.raw is None or self.raw.is_closing():
            return
        self.raw.write(data)
        if self.raw.get_write_buffer_size() > self._limits.write_buffer:
            if self._flow is not None:
                self.driver.refused("unread", "the peer does not read", self._flow)
            self.raw.abort()

    def close(self) -> None:
        """Close after what was written has left."""
        if self.raw is not None:
            self.raw.close()
