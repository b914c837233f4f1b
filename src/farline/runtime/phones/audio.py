"""The sockets and the clock of a call's audio: drives `farline.mobile.audio.AudioSession`."""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import TYPE_CHECKING, cast

from farline.mobile.audio import Digit, SendRtp
from farline.runtime import clock
from farline.runtime.qos import mark
from farline.sip.transport import Address

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from farline.mobile.audio import AudioReport, AudioSession
    from farline.mobile.offer import MediaPlan

log = logging.getLogger(__name__)

TRIES = 50
"""Pairs of ports tried before giving up."""


class _Port(asyncio.DatagramProtocol):
    """One UDP port of a call."""

    def __init__(self, received: Callable[[bytes, Address, float], None]) -> None:
        self._received = received
        self.transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._received(data, Address(addr[0], addr[1]), clock.monotonic())

    def error_received(self, exc: Exception) -> None:
        log.debug("RTP port: %s", exc)  # ICMP: the peer's port is not open yet, or no longer


class CallAudio:
    """A pair of ports and the session behind them."""

    def __init__(
        self, session: AudioSession, on_digit: Callable[[str], None], tos: int | None = None
    ) -> None:
        """`tos` is the whole DS byte of what is sent (184 is EF)."""
        self.session = session
        self._on_digit = on_digit
        self._tos = tos
        self._rtp = _Port(session.rtp_received)
        self._rtcp = _Port(session.rtcp_received)
        self._timer: asyncio.TimerHandle | None = None

    async def open(self, ip: str) -> Address:
        """Open an even port and the next one; the RTP address. Raises OSError."""
        for _ in range(TRIES):
            pair = _bind_pair(ip, self._tos)
            if pair is None:
                continue
            loop = asyncio.get_running_loop()
            address = Address(ip, int(pair[0].getsockname()[1]))
            await loop.create_datagram_endpoint(lambda: self._rtp, sock=pair[0])
            await loop.create_datagram_endpoint(lambda: self._rtcp, sock=pair[1])
            return address
        raise OSError(f"no pair of free UDP ports on {ip} in {TRIES} tries")

    def agree(self, plan: MediaPlan) -> None:
        """Follow what offer/answer settled."""
        self.session.agree(plan, clock.monotonic())
        self._step()

    def send_digits(self, keys: str) -> bool:
        """Send keys as telephone events."""
        return self.session.send_digits(keys)

    def close(self) -> tuple[AudioReport, NDArray[np.int16]]:
        """End: the last RTCP report leaves; what was recorded comes back."""
        if self._timer is not None:
            self._timer.cancel()
        recording = self.session.end(clock.monotonic())
        self._flush()
        for port in (self._rtp, self._rtcp):
            if port.transport is not None:
                port.transport.close()
        return self.session.summary(), recording

    def _step(self) -> None:
        self.session.expire(clock.monotonic())
        self._flush()
        if self._timer is not None:
            self._timer.cancel()
        deadline = self.session.next_deadline()
        if deadline is not None:
            delay = max(0.0, deadline.at - clock.monotonic())
            self._timer = asyncio.get_running_loop().call_later(delay, self._step)

    def _flush(self) -> None:
        while (output := self.session.poll()) is not None:
            if isinstance(output, Digit):
                self._on_digit(output.key)
                continue
            port = self._rtp if isinstance(output, SendRtp) else self._rtcp
            if port.transport is not None and not port.transport.is_closing():
                port.transport.sendto(output.data, output.remote)


def _bind_pair(ip: str, tos: int | None) -> tuple[socket.socket, socket.socket] | None:
    """Two sockets on neighbouring ports, the first one even; None when this try met a taken one."""
    family = socket.AF_INET6 if ":" in ip else socket.AF_INET
    rtp = socket.socket(family, socket.SOCK_DGRAM)
    rtcp = socket.socket(family, socket.SOCK_DGRAM)
    try:
        rtp.setblocking(False)
        rtcp.setblocking(False)
        rtp.bind((ip, 0))
        port = int(rtp.getsockname()[1])
        if port % 2 or port > 65533:
            raise BlockingIOError("odd")
        rtcp.bind((ip, port + 1))
        for one in (rtp, rtcp):
            mark(one, tos or 0)
    except OSError as error:
        rtp.close()
        rtcp.close()
        if isinstance(error, BlockingIOError) or error.errno == 98:  # EADDRINUSE
            return None
        raise
    return rtp, rtcp
