"""SIP messages out of a capture file: UDP datagrams, and TCP streams put together.

A capture may begin in the middle of a connection, lose packets and hold anything: what is not SIP
is counted and skipped, and everything that is kept is bounded.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from farline.sip import StreamFramer, WireError
from farline.trace.packet_read import FIN, RST, SYN, Packet, read_packet
from farline.trace.pcap_read import PcapError, read_frames

if TYPE_CHECKING:
    from collections.abc import Iterator

    from farline.trace.packet import Endpoint

MAX_CAPTURE = 256 * 1024 * 1024
"""Bytes of a file."""

MAX_STREAMS = 10_000
"""Directions of TCP connections followed at once; the longest silent is forgotten first."""

MAX_HELD = 64
"""Segments of one stream that wait for one that is missing."""

MAX_HELD_BYTES = 262_144
"""Bytes of them; then the gap is given up."""

_START: Final = re.compile(
    rb"(?:SIP/2\.0 [1-6]\d\d|[A-Za-z0-9.!%*_+`'~-]{1,32} \S{1,2048} SIP/2\.0)"
)

_BEGIN: Final = re.compile(rb"(?:SIP/2\.0 |[A-Za-z0-9.!%*_+`'~-]{1,32} (?:sips?|tel|urn|im|pres):)")
"""How a stream of SIP begins; the rest of its first line may be in the next segment."""


@dataclass(frozen=True, slots=True)
class Captured:
    """One SIP message as it passed: seconds since 1970, "UDP" or "TCP", from where to where."""

    time: float
    transport: str
    source: Endpoint
    target: Endpoint
    data: bytes


@dataclass(slots=True)
class _Stream:
    """One direction of a connection."""

    source: Endpoint
    target: Endpoint
    next_seq: int | None = None
    framer: StreamFramer | None = None
    """None: waiting for a segment that begins a message."""

    held: dict[int, bytes] = field(default_factory=dict)
    """By sequence number what came too early."""

    held_bytes: int = 0


class Capture:
    """Reads one file; `messages` gives its SIP messages in order of their last packet."""

    def __init__(self, data: bytes) -> None:
        """Raises PcapError for a file that is too large."""
        if len(data) > MAX_CAPTURE:
            raise PcapError(f"larger than {MAX_CAPTURE} bytes")
        self._data = data
        self._streams: OrderedDict[tuple[Endpoint, Endpoint], _Stream] = OrderedDict()
        self.other = 0
        """Frames that hold neither UDP nor TCP, or only a fragment."""

        self.gaps = 0
        """Times that a TCP stream could not be followed: bytes are missing, or it is not SIP."""

    def messages(self) -> Iterator[Captured]:
        """Every message. Raises PcapError."""
        last = 0.0
        for frame in read_frames(self._data):
            packet = read_packet(frame)
            last = frame.time
            if packet is None:
                self.other += 1
            elif packet.tcp:
                yield from self._segment(packet)
            elif _START.match(packet.payload.lstrip(b"\r\n")):
                yield Captured(packet.time, "UDP", packet.source, packet.target, packet.payload)
        for stream in tuple(self._streams.values()):
            yield from self._give_up_gap(stream, last)

    def _segment(self, packet: Packet) -> Iterator[Captured]:
        key = (packet.source, packet.target)
        if packet.flags & SYN:
            self._streams.pop(key, None)
        stream = self._streams.get(key)
        if stream is None:
            stream = self._streams[key] = _Stream(packet.source, packet.target)
            if len(self._streams) > MAX_STREAMS:
                self._streams.popitem(last=False)
        self._streams.move_to_end(key)
        seq = packet.seq + (1 if packet.flags & SYN else 0) & 0xFFFFFFFF
        if stream.next_seq is None:
            stream.next_seq = seq
        if packet.payload:
            yield from self._data_at(stream, seq, packet.payload, packet.time)
        if packet.flags & (FIN | RST):
            yield from self._give_up_gap(stream, packet.time)
            self._streams.pop(key, None)

    def _data_at(
        self, stream: _Stream, seq: int, payload: bytes, time: float
    ) -> Iterator[Captured]:
        ahead = _distance(stream.next_seq or 0, seq)
        if ahead > 0:
            if seq not in stream.held:
                stream.held[seq] = payload
                stream.held_bytes += len(payload)
            if len(stream.held) > MAX_HELD or stream.held_bytes > MAX_HELD_BYTES:
                yield from self._give_up_gap(stream, time)
            return
        yield from self._take(stream, payload[-ahead:] if ahead else payload, time)
        yield from self._take_held(stream, time)

    def _take_held(self, stream: _Stream, time: float) -> Iterator[Captured]:
        """What waits and fits now, from the nearest on."""
        while stream.held:
            start = stream.next_seq or 0
            seq = min(stream.held, key=lambda one: _distance(start, one))
            ahead = _distance(start, seq)
            if ahead > 0:
                return
            payload = stream.held.pop(seq)
            stream.held_bytes -= len(payload)
            yield from self._take(stream, payload[-ahead:] if ahead else payload, time)

    def _give_up_gap(self, stream: _Stream, time: float) -> Iterator[Captured]:
        """Go on behind bytes that will not come."""
        while stream.held:
            self.gaps += 1
            start = stream.next_seq or 0
            stream.next_seq = min(stream.held, key=lambda one: _distance(start, one))
            stream.framer = None
            yield from self._take_held(stream, time)

    def _take(self, stream: _Stream, payload: bytes, time: float) -> Iterator[Captured]:
        """The next bytes of a stream."""
        if not payload:
            return
        stream.next_seq = ((stream.next_seq or 0) + len(payload)) & 0xFFFFFFFF
        if stream.framer is None:
            if not _BEGIN.match(payload.lstrip(b"\r\n")):
                return
            stream.framer = StreamFramer()
        try:
            for kind, data in stream.framer.feed(payload):
                if kind == StreamFramer.MESSAGE:
                    yield Captured(time, "TCP", stream.source, stream.target, data)
            if stream.framer.broken:
                raise WireError(0, "the stream cannot be followed", "start-line")
        except WireError:
            self.gaps += 1
            stream.framer = None


def _distance(start: int, seq: int) -> int:
    """How far `seq` is after `start` in TCP's numbers, negative before (RFC 9293 section 3.4)."""
    ahead = (seq - start) & 0xFFFFFFFF
    return ahead - (1 << 32) if ahead >= 1 << 31 else ahead
