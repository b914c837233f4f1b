"""SIP over a WebSocket (RFC 7118): subprotocol "sip", one message a WebSocket message.

The protocol itself is the sans-I/O core of the library `websockets`. Only clients open WebSockets.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from websockets.exceptions import PayloadTooBig, ProtocolError
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from farline.runtime.sip_stream import PONG, Connection
from farline.trace.summary import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from websockets.typing import Origin

MAX_MESSAGE = 65_535
"""Bytes of a SIP message over a WebSocket: as over UDP; fragments are counted together."""

PING = b"\r\n\r\n"
SIP = Subprotocol("sip")
_MUTE = logging.getLogger(f"{__name__}.wire")
_MUTE.disabled = True  # the library would log what peers send


class WebSocketConnection(Connection):
    """One WebSocket of a phone, from the first byte of its HTTP request on.

    Args:
        origins: web origins whose pages may connect; `*` for all. Without an Origin: no browser.
    """

    def __init__(self, *args: Any, origins: Sequence[str], **options: Any) -> None:  # noqa: ANN401
        super().__init__(*args, **options)
        allowed: list[Origin | None] | None = None if "*" in origins else [*origins, None]  # type: ignore[list-item]  # a NewType of str
        self._protocol = ServerProtocol(
            origins=allowed, subprotocols=[SIP], max_size=MAX_MESSAGE, logger=_MUTE
        )
        self._parts: list[bytes] = []
        self._heard = True
        self._pinging: asyncio.TimerHandle | None = None

    def _connected(self) -> None:
        self._limit(self._limits.handshake_seconds, "no WebSocket handshake")

    def data_received(self, data: bytes) -> None:
        """Take what came: the handshake, then frames."""
        self._heard = True
        self._protocol.receive_data(data)
        messages = 0
        for event in self._protocol.events_received():
            if isinstance(event, Request):
                self._upgrade(event)
            elif isinstance(event, Frame):
                messages += self._frame(event)
        self._flush()
        if self._protocol.parser_exc is not None:
            self._failed(self._protocol.parser_exc)
        elif self._flow is not None:
            self._watch(messages)

    def _upgrade(self, request: Request) -> None:
        response = self._protocol.accept(request)
        self._protocol.send_response(response)
        if self._protocol.state is not State.OPEN:
            self.refused(
                "websocket",
                printable(
                    f"{response.status_code}: {response.reason_phrase} "
                    f"{self._protocol.handshake_exc}"
                ),
            )
            return
        self._flush()
        self._limit(self._limits.first_message_seconds, "nothing whole was said")
        self._begin()
        self._ping_later()

    def _frame(self, frame: Frame) -> int:
        """Put fragments together; 1 when a message ended."""
        if frame.opcode not in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            return 0
        self._parts.append(bytes(frame.data))
        if not frame.fin:
            return 0
        data, self._parts = b"".join(self._parts), []
        if self._flow is None:
            return 0
        if data == PING:
            self.send(PONG)
        elif data == PONG:
            self.driver.pong(self._flow)
        else:
            self.driver.received(self._flow, data)
        return 1

    def _watch(self, messages: int) -> None:
        """A message that began must end."""
        if self._parts or self._protocol.reader.buffer:
            if self._deadline is None or messages:
                self._limit(self._limits.unfinished_seconds, "a message did not end")
        elif messages:
            self._unlimit()

    def _failed(self, error: Exception) -> None:
        kind = "too-big" if isinstance(error, PayloadTooBig) else "websocket"
        if isinstance(error, ProtocolError | PayloadTooBig | UnicodeDecodeError):
            self.refused(kind, printable(str(error)))
        self.close()

    def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            if data:
                self._write(data)
            else:
                self.close()
        if self._protocol.close_expected():
            self._limit(self._limits.unfinished_seconds, "it did not close")

    def _ping_later(self) -> None:
        loop = asyncio.get_running_loop()
        self._pinging = loop.call_later(self._limits.ping_seconds, self._ping)

    def _ping(self) -> None:
        """Ask for a sign of life; NAT keeps the way open for it (RFC 7118 section 6)."""
        if not self._heard:
            self.refused("silent", "no pong")
            self.close()
            return
        self._heard = False
        if self._protocol.state is State.OPEN:
            self._protocol.send_ping(b"")
            self._flush()
            self._ping_later()

    def send(self, data: bytes) -> None:
        """One message: as text where it is UTF-8, else as binary (RFC 7118 section 5)."""
        if self._protocol.state is not State.OPEN:
            return
        try:
            data.decode()
        except UnicodeDecodeError:
            self._protocol.send_binary(data)
        else:
            self._protocol.send_text(data)
        self._flush()

    def close(self) -> None:
        """Say goodbye where the peer still listens, and close."""
        if self._protocol.state is State.OPEN and self.raw is not None:
            self._protocol.send_close(CloseCode.GOING_AWAY)
            for data in self._protocol.data_to_send():
                self.raw.write(data)
        super().close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop asking for signs of life."""
        if self._pinging is not None:
            self._pinging.cancel()
        super().connection_lost(exc)
