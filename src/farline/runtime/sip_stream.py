"""Connections that carry SIP: what they may hold; and TCP and TLS with their framing."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from farline.runtime.qos import mark
from farline.sip import Message, StreamFramer, WireError, responses
from farline.sip.transport import Address

if TYPE_CHECKING:
    from farline.runtime.sip import SipDriver
    from farline.sip.transport import Flow, Transport

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

    handshake_seconds: float = 10.0
    """How long TLS, and then the upgrade to a WebSocket, may take."""

    handshakes: int = 2_000
    """TLS handshakes under way on one port; whoever comes then is dropped."""

    websockets_per_source: int = 500
    """WebSockets of one address: the browsers of an office, not a flood."""

    ping_seconds: float = 30.0
    """A WebSocket is asked for a sign of life this often, and dropped at the second silence."""


class Connection(asyncio.Protocol):
    """What every connection shares; `ticket` is set when we opened it.

    A kind of connection calls `_begin` when SIP can flow, and `_limit` for what may not last.
    """

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
        self.admitted = False
        """It counts among the accepted connections of its interface."""

        self.raw: asyncio.Transport | None = None
        self._limits = limits
        self._ds_byte = 0
        self._flow: Flow | None = None
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note who is there, or drop the connection when the interface is full."""
        self.raw = cast("asyncio.Transport", transport)
        self.local = Address(*transport.get_extra_info("sockname")[:2])
        peer = transport.get_extra_info("peername")
        if peer is None:  # the peer was gone before we looked
            self.raw.abort()
            return
        self.remote = Address(*peer[:2])
        if not self.driver.connections.admit(self):
            self.raw.abort()
            return
        self._connected()

    def _connected(self) -> None:
        raise NotImplementedError

    def _begin(self) -> None:
        """SIP can flow: number the connection."""
        self._flow = self.driver.connections.opened(self)

    def _limit(self, seconds: float, why: str) -> None:
        self._unlimit()
        self._deadline = asyncio.get_running_loop().call_later(seconds, self._too_slow, why)

    def _unlimit(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_slow(self, why: str) -> None:
        self._deadline = None
        self.refused("slow", why)
        self.close()

    def refused(self, reason: str, detail: str) -> None:
        """Say what this peer did that was not served."""
        self.driver.refused(reason, detail, self.interface, self.remote)

    def eof_received(self) -> bool:
        """SIP has no use for a half-closed connection."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the driver, once."""
        self._unlimit()
        self.driver.connections.closed(self, self._flow, str(exc) if exc else "closed")

    def send(self, data: bytes) -> None:
        """Send one message, or a keep-alive."""
        self._write(data)

    def _write(self, data: bytes) -> None:
        """Write, or drop a peer that does not read."""
        if self.raw is None or self.raw.is_closing():
            return
        self.raw.write(data)
        if self.raw.get_write_buffer_size() > self._limits.write_buffer:
            self.refused("unread", "the peer does not read")
            self.raw.abort()

    def mark(self, ds_byte: int) -> None:
        """What is sent from now on bears this DS byte."""
        if ds_byte != self._ds_byte and self.raw is not None and not self.raw.is_closing():
            mark(self.raw.get_extra_info("socket"), ds_byte)
            self._ds_byte = ds_byte

    def close(self) -> None:
        """Close after what was written has left."""
        if self.raw is not None:
            self.raw.close()


class StreamConnection(Connection):
    """SIP over TCP or TLS (RFC 3261 section 18.3)."""

    def __init__(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 - as Connection
        super().__init__(*args, **options)
        self._framer = StreamFramer()

    def _connected(self) -> None:
        if self.ticket is None:
            self._limit(self._limits.first_message_seconds, "nothing whole was said")
        self._begin()

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
                self.driver.kept_alive(self._flow)
            else:
                self.driver.pong(self._flow)
        if self._framer.buffered:
            if self._deadline is None or frames:
                self._limit(self._limits.unfinished_seconds, "a message did not end")
        elif frames:
            self._unlimit()
        if self._framer.broken:  # what came before the fault has been handed on
            self.data_received(b"")

    def _refuse(self, error: WireError) -> None:
        """A stream that cannot be followed any more: answer if that can be done, then close."""
        self.refused("malformed", str(error))
        with suppress(WireError):  # a head that is no SIP is not answered
            request = Message.parse(error.head)
            answer = responses.for_error(request, error, to_tag=self.driver.ids.token())
            if answer is not None:
                self.send(answer.to_bytes())
        self.close()
