"""Received RTP into one row of samples: reordered, gaps as silence, everything counted. No I/O.

Position comes from the timestamp, loss from the sequence number (RFC 3550 appendix A.1 and A.3),
so that silence suppression is not loss and loss is not a shorter recording.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from farline.mobile.rtp import ReportBlock, parse_event
from farline.mobile.wav import FRAME, MAX_SECONDS, RATE

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from farline.mobile.rtp import RtpPacket

DEPTH = 8
"""Packets held back while an earlier one is missing: 160 ms of reordering."""

MAX_MISORDER = 100
"""Sequence numbers further behind than this are no reordering (RFC 3550 appendix A.1)."""

MAX_GAP = 10 * RATE
"""A timestamp this far from the last one begins anew: no peer makes us write hours of silence."""


@dataclass(slots=True)
class ReceiveCounters:
    """What arrived, and what did not."""

    packets: int = 0
    """Accepted RTP packets, telephone events included."""
    octets: int = 0
    malformed: int = 0
    """No RTP, or a payload that cannot be read."""
    foreign: int = 0
    """From another address than the call's."""
    early: int = 0
    """Before the peer's address was known."""
    unknown_payload: int = 0
    """Of a payload type that was not agreed."""
    late: int = 0
    """Repeated, or too late to be put in its place."""
    reordered: int = 0
    lost: int = 0
    """Sequence numbers that never came (known when a later packet was taken)."""
    overflow: int = 0
    """Packets beyond the longest recording."""


class Recorder:
    """Takes the packets of one call in any order."""

    def __init__(
        self,
        decoders: dict[int, Callable[[bytes], NDArray[np.int16]]],
        event_payload: int | None,
        on_digit: Callable[[int], None],
    ) -> None:
        """`decoders` by payload type; `on_digit` gets an event's number once, as it begins."""
        self.counters = ReceiveCounters()
        self.first_at: float | None = None
        """When the first packet of the recording arrived (monotonic seconds)."""
        self.ssrc: int | None = None
        self._decoders = decoders
        self._event_payload = event_payload
        self._on_digit = on_digit
        self._pieces: list[NDArray[np.int16]] = []
        self._written = 0
        self._waiting: dict[int, RtpPacket] = {}
        self._next = 0
        """Extended sequence number that is wanted next."""
        self._restart: int | None = None
        """The sequence number that would prove that the source began anew."""
        self._origin: int | None = None
        """Timestamp of the recording's sample 0 (32 bits)."""
        self._event_stamp: int | None = None
        self._first_sequence = 0
        self._highest = 0
        self._jitter = 0.0
        self._transit: float | None = None
        self._before = (0, 0)
        """(expected, received) at the last report."""
        self._of_source = 0

    def agree(
        self, decoders: dict[int, Callable[[bytes], NDArray[np.int16]]], event_payload: int | None
    ) -> None:
        """Later offer/answer changed what payload types mean."""
        self._decoders = decoders
        self._event_payload = event_payload

    def take(self, packet: RtpPacket, now: float) -> None:
        """One packet from the call's peer."""
        if packet.payload_type != self._event_payload and packet.payload_type not in self._decoders:
            self.counters.unknown_payload += 1
            return
        if self.ssrc != packet.ssrc:
            self._begin_source(packet, now)
        extended = self._extend(packet.sequence)
        if extended < self._next - MAX_MISORDER:
            # RFC 3550 appendix A.1: two in a row from far behind are a source that began anew.
            restarted = packet.sequence == self._restart
            self._restart = (packet.sequence + 1) & 0xFFFF
            if not restarted:
                self.counters.late += 1
                return
            self._begin_source(packet, now)
            extended = self._highest
        if extended < self._next or extended in self._waiting:
            self.counters.late += 1
            return
        self.counters.packets += 1
        self._of_source += 1
        self.counters.octets += len(packet.payload)
        if extended < self._highest:
            self.counters.reordered += 1
        self._highest = max(self._highest, extended)
        self._measure_jitter(packet, now)
        self._waiting[extended] = packet
        self._release(keep=DEPTH)

    def finish(self) -> NDArray[np.int16]:
        """All that was recorded; packets still held back are taken in."""
        self._release(keep=0)
        return np.concatenate(self._pieces) if self._pieces else np.zeros(0, np.int16)

    def report(self, last_sr: int, since_sr: float) -> list[ReportBlock]:
        """The report on the source heard, for RTCP (RFC 3550 section 6.4.1)."""
        if self.ssrc is None:
            return []
        expected = self._highest - self._first_sequence + 1
        in_interval = expected - self._before[0]
        lost = in_interval - (self._of_source - self._before[1])
        self._before = (expected, self._of_source)
        return [
            ReportBlock(
                self.ssrc,
                min(255, lost * 256 // in_interval) if in_interval > 0 and lost > 0 else 0,
                expected - self._of_source,
                self._highest,
                int(self._jitter),
                last_sr,
                int(since_sr * 65536) & 0xFFFFFFFF if last_sr else 0,
            )
        ]

    @property
    def seconds(self) -> float:
        """Length of the recording so far."""
        return self._written / RATE

    def _begin_source(self, packet: RtpPacket, now: float) -> None:
        """The first packet, or a peer that began anew: go on where the recording ends."""
        self._release(keep=0)
        self.ssrc = packet.ssrc
        self._first_sequence = self._highest = packet.sequence + 65536
        self._next = self._first_sequence
        self._restart = None
        self._origin = None
        self._event_stamp = None
        self._transit = None
        self._of_source, self._before = 0, (0, 0)
        if self.first_at is None:
            self.first_at = now

    def _extend(self, sequence: int) -> int:
        """The sequence number with its cycles, nearest to the highest one seen."""
        distance = (sequence - self._highest + 0x8000) % 0x10000 - 0x8000
        return self._highest + distance

    def _release(self, *, keep: int) -> None:
        """Write what is in order; when more than `keep` wait, give up what is missing."""
        while self._waiting:
            if self._next not in self._waiting:
                if len(self._waiting) <= keep:
                    return
                first = min(self._waiting)
                self.counters.lost += first - self._next
                self._next = first
            self._write(self._waiting.pop(self._next))
            self._next += 1

    def _write(self, packet: RtpPacket) -> None:
        if packet.payload_type == self._event_payload:
            self._event(packet)
            return
        decode = self._decoders.get(packet.payload_type)
        if decode is None or not packet.payload:
            self.counters.malformed += 1
            return
        samples = decode(packet.payload)
        gap = self._gap(packet.timestamp)
        if self._written + gap + len(samples) > MAX_SECONDS * RATE:
            self.counters.overflow += 1
            return
        if gap:
            self._pieces.append(np.zeros(gap, np.int16))
        self._pieces.append(samples)
        self._written += gap + len(samples)

    def _gap(self, timestamp: int) -> int:
        """Samples of silence before this timestamp; anything implausible begins anew here."""
        if self._origin is not None:
            position = (timestamp - self._origin) & 0xFFFFFFFF
            ahead = (position - self._written + 0x80000000) % 0x100000000 - 0x80000000
            if 0 <= ahead < MAX_GAP:
                return ahead
        self._origin = (timestamp - self._written) & 0xFFFFFFFF
        return 0

    def _event(self, packet: RtpPacket) -> None:
        event = parse_event(packet.payload)
        if event is None:
            self.counters.malformed += 1
        elif packet.timestamp != self._event_stamp:
            self._event_stamp = packet.timestamp
            self._on_digit(event.event)

    def _measure_jitter(self, packet: RtpPacket, now: float) -> None:
        """RFC 3550 section 6.4.1 and appendix A.8."""
        transit = now * RATE - packet.timestamp
        if self._transit is not None:
            change = abs(transit - self._transit)
            if change < FRAME * 500:  # not over a wrap of the timestamp
                self._jitter += (change - self._jitter) / 16
        self._transit = transit
