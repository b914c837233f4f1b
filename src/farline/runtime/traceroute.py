"""The way to an address: UDP probes with growing TTL, the answers from the socket's error queue.

No privileges are needed (IP_RECVERR, ip(7)). Answers are kept for a while: reports come every few
seconds, and a route seldom changes.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import select
import socket
import struct
import time
from collections import OrderedDict
from functools import partial
from ipaddress import IPv4Address
from typing import TYPE_CHECKING

from farline.border.relays.rtcp_actors import Way
from farline.runtime.aside import aside

if TYPE_CHECKING:
    from farline.border.relays.rtcp_actors import FarEnd

log = logging.getLogger(__name__)
MAX_TTL = 16
PROBE_SECONDS = 1.0
SILENT_HOPS = 3
"""After so many hops that do not answer, the rest is given up."""

KEPT_SECONDS = 300.0
MAX_KEPT = 1_000
MAX_RUNNING = 8
PORT = 33_434
"""Where nobody is expected, as traceroute has it."""

_EXTENDED_ERROR = struct.Struct("=IBBBBII")
_ICMP, _UNREACHABLE = 2, 3  # SO_EE_ORIGIN_ICMP; type of ICMP
_RECVERR = 11  # IP_RECVERR, which Python does not name


class Traceroutes:
    """Ways to the ends of calls, traced in the background when somebody asks for them."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, str], tuple[float, Way | None]] = OrderedDict()
        self._running: dict[tuple[str, str], asyncio.Task[None]] = {}

    def way(self, end: FarEnd) -> Way | None:
        """The way from our media address to an end; None while it is not known (yet)."""
        key = (end.local, end.address)
        at, way = self._known.get(key, (float("-inf"), None))
        fresh = asyncio.get_running_loop().time() - at < KEPT_SECONDS
        if not fresh and key not in self._running and len(self._running) < MAX_RUNNING:
            self._running[key] = asyncio.create_task(self._trace(key))
        return way

    async def stop(self) -> None:
        """Trace nothing any more."""
        for task in self._running.values():
            task.cancel()
        await asyncio.gather(*self._running.values(), return_exceptions=True)

    async def settled(self) -> None:
        """Wait until nothing is being traced."""
        while self._running:
            await asyncio.gather(*self._running.values())

    async def _trace(self, key: tuple[str, str]) -> None:
        way: Way | None = None
        try:
            way = await aside(partial(trace, *key), OSError, ValueError)
        except (OSError, ValueError) as error:
            log.debug("traceroute %s -> %s: %s", *key, error)
        finally:
            del self._running[key]
        self._known[key] = (asyncio.get_running_loop().time(), way)
        self._known.move_to_end(key)
        if len(self._known) > MAX_KEPT:
            self._known.popitem(last=False)


def trace(local: str, address: str) -> Way | None:
    """Hops from `local` to `address` (IPv4), the last that answered last; None when none did.

    Hops that do not answer are left out. It blocks for a second a silent hop. Raises OSError, and
    ValueError for what is no IPv4 address.
    """
    IPv4Address(address)
    hops: list[str] = []
    round_trip = silent = 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.setblocking(False)
        probe.setsockopt(socket.IPPROTO_IP, _RECVERR, 1)
        probe.bind((local, 0))
        for ttl in range(1, MAX_TTL + 1):
            probe.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, ttl)
            sent = time.monotonic()
            _send(probe, (address, PORT + ttl))
            answer = _answer(probe, PORT + ttl, sent + PROBE_SECONDS)
            if answer is None:
                silent += 1
                if silent == SILENT_HOPS:
                    break
                continue
            silent = 0
            hops.append(answer[0])
            round_trip = round(1000 * (time.monotonic() - sent))
            if answer[0] == address or answer[1] == _UNREACHABLE:
                break
    return Way(tuple(hops), round_trip) if hops else None


def _send(probe: socket.socket, to: tuple[str, int]) -> None:
    """Send, past the error that an earlier probe left behind."""
    for _ in range(2):
        try:
            probe.sendto(b"farline traceroute", to)
        except OSError as error:
            if error.errno not in (errno.EHOSTUNREACH, errno.ECONNREFUSED):
                raise
        else:
            return


def _answer(probe: socket.socket, port: int, until: float) -> tuple[str, int] | None:
    """Who answered the probe to a port, and the ICMP type; None: nobody in time."""
    waiting = select.poll()
    waiting.register(probe, 0)  # errors are told in any case
    while (left := until - time.monotonic()) > 0:
        try:
            _, ancillary, _, about = probe.recvmsg(256, 512, socket.MSG_ERRQUEUE)
        except BlockingIOError:
            waiting.poll(1000 * left)
            continue
        for level, kind, data in ancillary:
            if (level, kind) != (socket.IPPROTO_IP, _RECVERR):
                continue
            _, origin, icmp, *_ = _EXTENDED_ERROR.unpack_from(data)
            if origin == _ICMP and about[1] == port:
                offender = data[_EXTENDED_ERROR.size :][4:8]
                return str(IPv4Address(offender)), icmp
    return None
