"""Keep-alives on the phone's flow (RFC 5626 sections 3.5.1 and 4.4.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline.sip.effects import Send

if TYPE_CHECKING:
    from farline.mobile.line import Line
    from farline.sip.transport import Flow

PING = b"\r\n\r\n"
"""Over TCP and TLS a CRLF answers it; over UDP it only holds the NAT's mapping."""

PONG_SECONDS = 10.0
"""A flow that answered keep-alives once and now is silent for so long is dead (section 4.4.1)."""


class KeepAlive:
    """Pings one flow at a time. Its timers are "keep-alive" and "pong" of the line."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._ponged = False

    def begin(self, now: float) -> None:
        """A new flow: the first ping goes before the first REGISTER, as in the guide's capture."""
        self._ponged = False
        self.ping(now)

    def ping(self, now: float) -> None:
        """Send one, and expect an answer where the peer has shown that it gives them."""
        flow = self._line.flow
        if flow is None:
            return
        self._line.out.append(Send(flow, PING))
        self._line.start_timer("keep-alive", now + self._line.account.keep_alive)
        if self._ponged and flow.transport.reliable:
            self._line.start_timer("pong", now + PONG_SECONDS)

    def ponged(self, flow: Flow) -> None:
        """The flow answered."""
        if flow == self._line.flow:
            self._ponged = True
            self._line.stop_timer("pong")

    def stop(self) -> None:
        """The flow is gone."""
        self._line.stop_timer("keep-alive")
        self._line.stop_timer("pong")
