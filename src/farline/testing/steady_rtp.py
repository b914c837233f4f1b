"""RTP streams that never pause, and a record of every packet: when it was sent and when it came.

Arrival times are the kernel's, so that a slow test process makes no gaps of its own. Packets tell
their number in the payload; a stream with SRTP counts its rollovers from that number.
"""

from __future__ import annotations

import select
import socket
import struct
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from farline.runtime import clock
from farline.testing.srtp import NotAuthenticError

if TYPE_CHECKING:
    from farline.testing.srtp import Srtp

PTIME = 0.02
SETTLE_SECONDS = 0.5
"""Packets younger than this may still be under way when a record is taken."""
PATIENCE_SECONDS = 10.0
"""How long what is older is waited for: on a busy machine it may be under way too."""
HEAR_SECONDS = 30.0
REMEMBERED = 1000
"""Packets of which a second arrival is noticed."""
SO_TIMESTAMPNS = 35
PADDING = bytes(152)


@dataclass(slots=True)
class Record:
    """What became of the packets that were sent in a time."""

    sent: int = 0
    lost: int = 0
    gap: float = 0.0
    """The longest time between two arrivals, beyond that between their sendings; seconds."""
    silence: float = 0.0
    """The longest time in which packets were sent and none came; seconds."""
    after: int = 0
    """Packets that came after the longest silence."""


@dataclass(slots=True)
class Stream:
    """One direction of a call: from `source` to `to`, and out of the relay to `sink`."""

    source: socket.socket
    to: tuple[str, int]
    sink: socket.socket
    number: int = 0
    """Of the next packet: sequence number and, above 16 bits, rollover counter."""
    seal: Srtp | None = None
    unseal: Srtp | None = None
    times: dict[int, float] = field(default_factory=dict)
    arrivals: dict[int, float] = field(default_factory=dict)
    newest: int = -1
    """The highest number that has come."""
    unauthentic: int = 0
    twice: int = 0

    def send(self) -> None:
        """Send the next packet."""
        number, self.number = self.number, self.number + 1
        packet = struct.pack(
            ">BBHIIQ", 0x80, 8, number & 0xFFFF, number * 160 & 0xFFFFFFFF, 7, number
        )
        packet += PADDING
        if self.seal is not None:
            packet = self.seal.protect(packet, number >> 16)
        self.times[number] = clock.wall()
        self.source.sendto(packet, self.to)

    def receive(self) -> None:
        """Note what has come."""
        while True:
            try:
                data, ancillary, _, _ = self.sink.recvmsg(2048, 64)
            except BlockingIOError:
                return
            if len(data) < 172:
                continue
            at = clock.wall()
            for level, kind, value in ancillary:
                if (level, kind) == (socket.SOL_SOCKET, SO_TIMESTAMPNS):
                    seconds, nanoseconds = struct.unpack_from("@qq", value)
                    at = seconds + nanoseconds / 1e9
            self._note(data, at)

    def _note(self, data: bytes, at: float) -> None:
        if self.unseal is not None:
            sequence = struct.unpack_from(">2xH", data)[0]
            roc = self.number >> 16
            if sequence > (self.number & 0xFFFF) + 0x8000:
                roc -= 1
            try:
                data = self.unseal.unprotect(data, roc)
            except NotAuthenticError:
                self.unauthentic += 1
                return
        (number,) = struct.unpack_from(">Q", data, 12)
        self.twice += number in self.arrivals
        self.arrivals[number] = at
        self.newest = max(self.newest, number)

    def arrived(self, until: float) -> bool:
        """Whether all that was sent until then has come, or something that was sent later.

        What comes later has not overtaken what was before it: that is lost.
        """
        sent = [number for number, at in list(self.times.items()) if at <= until]
        return not sent or self.newest >= max(sent)

    def take(self, until: float) -> Record:
        """The record since the last one, of what was sent until then (wall clock, seconds)."""
        numbers = sorted(number for number, at in list(self.times.items()) if at <= until)
        record = Record(sent=len(numbers))
        before: tuple[float, float] | None = None
        silent_since: float | None = None
        for number in numbers:
            sent, came = self.times.pop(number), self.arrivals.get(number)
            if came is None:
                record.lost += 1
                silent_since = sent if silent_since is None else silent_since
                continue
            if silent_since is not None and sent - silent_since > record.silence:
                record.silence, record.after = sent - silent_since, 0
            silent_since = None
            record.after += 1
            if before is not None:
                record.gap = max(record.gap, came - before[1] - (sent - before[0]))
            before = sent, came
        if silent_since is not None and numbers:
            record.silence, record.after = max(record.silence, until - silent_since), 0
        for number in [one for one in list(self.arrivals) if one < self.number - REMEMBERED]:
            del self.arrivals[number]
        return record


class Talk:
    """Keeps streams going in two threads of its own."""

    def __init__(self, streams: list[Stream]) -> None:
        self.streams = streams
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=one) for one in (self._send, self._receive)]

    def __enter__(self) -> Talk:
        for stream in self.streams:
            stream.sink.setblocking(False)
            stream.sink.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def until_heard(self, packets: int) -> None:
        """Wait until on every stream so many have passed, of what is sent from now on.

        Raises TimeoutError after HEAR_SECONDS.
        """
        wanted = [(stream, stream.number + packets) for stream in self.streams]
        until = clock.monotonic() + HEAR_SECONDS
        while silent := [one.newest for one, number in wanted if one.newest < number]:
            if clock.monotonic() > until:
                raise TimeoutError(f"{len(silent)} of {len(wanted)} streams are not heard")
            self._stop.wait(PTIME)

    def take(self) -> list[Record]:
        """The record of every stream since the last one, of packets that had their time to come."""
        self._stop.wait(SETTLE_SECONDS + PTIME)
        until, patience = clock.wall() - SETTLE_SECONDS, clock.monotonic() + PATIENCE_SECONDS
        while clock.monotonic() < patience:
            for stream in self.streams:
                stream.receive()  # what the busy thread has not read yet has come nevertheless
            if all(stream.arrived(until) for stream in self.streams):
                break
            self._stop.wait(PTIME)
        return [stream.take(until) for stream in self.streams]

    def _send(self) -> None:
        due = clock.monotonic()
        while not self._stop.is_set():
            for stream in self.streams:
                stream.send()
            due += PTIME
            self._stop.wait(max(0.0, due - clock.monotonic()))

    def _receive(self) -> None:
        poll = select.epoll()
        by_descriptor = {stream.sink.fileno(): stream for stream in self.streams}
        for descriptor in by_descriptor:
            poll.register(descriptor, select.EPOLLIN)
        while not self._stop.is_set():
            for descriptor, _ in poll.poll(0.1):
                by_descriptor[descriptor].receive()
        poll.close()
