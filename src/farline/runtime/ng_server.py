"""Our media engine behind the ng protocol: `farline media --ng`.

One UDP socket on the address that was given. A cookie that comes again gets the answer that it got
(a client sends a request again when the answer was lost); what is no ng message is counted and
dropped without a word.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections import OrderedDict
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, cast

from farline.media.engine import Delete
from farline.media.ng.bencode import MAX_SIZE
from farline.media.ng.message import NgError, pack, text, unpack
from farline.media.ng.service import NgService
from farline.media.records import MediaRecordError
from farline.media.reports import MediaTimeout, OneWayAudio, PortsExhausted
from farline.media.sessions import MediaSessions
from farline.runtime import clock
from farline.runtime.ids import RealIds
from farline.runtime.media_memory import MediaMemory
from farline.runtime.media_process import MediaSettings, make_relay
from farline.runtime.relay_watch import RelayWatch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from farline.media.ng.bencode import Encodable
    from farline.media.reports import MediaReport
    from farline.runtime.media_process import MediaPlace

log = logging.getLogger(__name__)

REMEMBERED = 4_096
"""Answers kept for requests that come again."""
REMEMBERED_BYTES = 8 * 1024 * 1024
SWEEP_SECONDS = 60.0
CALL = "ng"
"""The noun of what is kept beside a session."""
KEPT = frozenset({"offer", "answer", "delete"})
"""Commands that change a call."""


@dataclass(slots=True)
class NgCounters:
    """What came in."""

    requests: int = 0
    repeated: int = 0
    malformed: int = 0
    refused: int = 0
    """Answered with an error."""
    ended: int = 0
    """Calls ended by ourselves, silent or forgotten."""


@dataclass(slots=True)
class _Answers:
    """The last answers, by who asked and with which cookie."""

    kept: OrderedDict[tuple[Any, bytes], bytes] = field(default_factory=OrderedDict)
    size: int = 0

    def keep(self, key: tuple[Any, bytes], answer: bytes) -> None:
        self.kept[key] = answer
        self.size += len(answer)
        while len(self.kept) > REMEMBERED or self.size > REMEMBERED_BYTES:
            _, old = self.kept.popitem(last=False)
            self.size -= len(old)


class NgServer(asyncio.DatagramProtocol):
    """Serves ng on a socket."""

    def __init__(self, places: Sequence[MediaPlace], settings: MediaSettings) -> None:
        self.counters = NgCounters()
        self._places = tuple(places)
        self._memory = MediaMemory(settings.state)
        identity = self._memory.identity()
        self._relay = make_relay(places, settings, identity, self._memory.cells)
        addresses = {place.name: place.ip for place in places}
        sessions = MediaSessions(self._relay, addresses, RealIds(), identity.fingerprint)
        self._sessions = sessions
        self.service = NgService(sessions.perform, [place.name for place in places])
        self._restore()
        self._answers = _Answers()
        self._transport: asyncio.DatagramTransport | None = None
        self._watch = RelayWatch(self._relay, sessions)

    async def run(self, ip: str, port: int, ready: Callable[[str], None]) -> None:
        """Serve until cancelled; `ready` is told IP:PORT.

        Raises OSError for an address that cannot be listened on, ValueError for one that is none or
        stands for all, MediaBrokenError when the relay is no longer whole.
        """
        if ip_address(ip).is_unspecified:
            raise ValueError("ng commands are taken on one address: give it, not all of them")
        for place in self._places:
            _check_address(place)
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=(ip, port))
        sweeping = loop.create_task(self._sweep())
        try:
            host, bound = transport.get_extra_info("sockname")[:2]
            ready(f"[{host}]:{bound}" if ":" in host else f"{host}:{bound}")
            with self._watch.listening(self._report):
                await self._watch.broken()
        finally:
            sweeping.cancel()
            await asyncio.gather(sweeping, return_exceptions=True)
            transport.close()

    def close(self) -> None:
        """Leave what is kept as it is; nothing is left where there is no call."""
        self._memory.close(over=not len(self._sessions))

    def _restore(self) -> None:
        """Go on with the calls of the process before this one; what only one half is of, ends."""

        def take(name: str, value: bytes) -> None:
            if name not in self._sessions:
                raise MediaRecordError("its streams are gone")
            self.service.restore(name, value, clock.monotonic())

        self._memory.restore(self._sessions, self._relay, {CALL: take})
        for name in self._sessions.names():
            if name not in self.service:
                self._sessions.perform(Delete(name, "of no call"))
                self._keep(name)

    def _keep(self, name: str) -> None:
        """Write down a call as it is now, or that it is over."""
        self._memory.keep(self._sessions, name, {CALL: self.service.record})

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is there."""
        self._transport = cast("asyncio.DatagramTransport", transport)  # uvloop's is no subclass

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        """One request."""
        try:
            cookie, document = unpack(data)
        except NgError:
            self.counters.malformed += 1
            return
        self.counters.requests += 1
        answer = self._answers.kept.get((addr, cookie))
        if answer is not None:
            self.counters.repeated += 1
        else:
            reply = self.service.serve(document, clock.monotonic(), clock.wall())
            if text(document.get("command")) in KEPT:
                self._keep(text(document.get("call-id")))
            answer = self._packed(cookie, reply)
            self._answers.keep((addr, cookie), answer)
        if self._transport is not None:
            self._transport.sendto(answer, addr)

    def _packed(self, cookie: bytes, reply: dict[str, Encodable]) -> bytes:
        if reply["result"] == "error":
            self.counters.refused += 1
        answer = pack(cookie, reply)
        if len(answer) > MAX_SIZE:
            return pack(cookie, {"result": "error", "error-reason": "the answer is too long"})
        return answer

    def error_received(self, exc: Exception) -> None:
        """An answer could not be delivered; its request comes again if it matters."""
        log.debug("ng: %s", exc)

    def _report(self, report: MediaReport) -> None:
        """End a call that is silent: nobody is there to be asked."""
        if isinstance(report, MediaTimeout):
            log.info("call %r: silent for %d s, ended", report.session, report.silent_seconds)
            self.counters.ended += 1
            self.service.end(report.session)
            self._keep(report.session)
        elif isinstance(report, OneWayAudio):
            log.warning("call %r: one-way audio: %s", report.session, report.because)
        elif isinstance(report, PortsExhausted):
            log.warning("interface %r has no free ports", report.interface)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            for name in self.service.expire(clock.monotonic()):
                self.counters.ended += 1
                self._keep(name)


def _check_address(place: MediaPlace) -> None:
    """Raises OSError for an address that is not this machine's: now, not in the first call."""
    family = socket.AF_INET6 if ":" in place.ip else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((place.ip, 0))
        except OSError as error:
            raise OSError(f"interface {place.name}: {place.ip}: {error.strerror}") from None
