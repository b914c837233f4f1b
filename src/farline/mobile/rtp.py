"""RTP packets, telephone events and RTCP reports as values (RFC 3550, RFC 4733). No I/O.

What a peer sends is checked for length before anything is read; a packet that is no RTP gives None
and is counted by the caller.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

_HEADER = struct.Struct("!BBHII")
_NTP_EPOCH = 2_208_988_800
"""Seconds from 1900 (NTP) to 1970."""


@dataclass(frozen=True, slots=True)
class RtpPacket:
    """One RTP packet without CSRC list and extension; those of a received one are skipped."""

    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes
    marker: bool = False

    def to_bytes(self) -> bytes:
        """The packet as it goes onto the wire (version 2, no padding)."""
        second = (0x80 if self.marker else 0) | self.payload_type
        return (
            _HEADER.pack(
                0x80,
                second,
                self.sequence & 0xFFFF,
                self.timestamp & 0xFFFFFFFF,
                self.ssrc & 0xFFFFFFFF,
            )
            + self.payload
        )


def parse_rtp(data: bytes) -> RtpPacket | None:
    """Read a packet; None when it is not RTP version 2 or its lengths do not fit (section 5.1)."""
    if len(data) < _HEADER.size:
        return None
    first, second, sequence, timestamp, ssrc = _HEADER.unpack_from(data)
    if first >> 6 != 2:
        return None
    start, end = _HEADER.size + 4 * (first & 0x0F), len(data)
    if first & 0x10:
        if end < start + 4:
            return None
        start += 4 + 4 * int.from_bytes(data[start + 2 : start + 4], "big")
    if first & 0x20:
        if end <= start or data[-1] == 0:
            return None
        end -= data[-1]
    if end < start:
        return None
    return RtpPacket(second & 0x7F, sequence, timestamp, ssrc, data[start:end], bool(second & 0x80))


# ---- telephone events (RFC 4733) ----

DIGITS = "0123456789*#ABCD"
"""Events 0 to 15 by their keys (RFC 4733 section 3.2)."""


@dataclass(frozen=True, slots=True)
class TelephoneEvent:
    """The payload of section 2.3. `duration` is in timestamp units (8000 a second)."""

    event: int
    end: bool
    duration: int
    volume: int = 10

    def to_bytes(self) -> bytes:
        """Four octets."""
        flags = (0x80 if self.end else 0) | self.volume
        return struct.pack("!BBH", self.event, flags, min(self.duration, 0xFFFF))


def parse_event(payload: bytes) -> TelephoneEvent | None:
    """Read the first event of a payload; None when it is too short."""
    if len(payload) < 4:
        return None
    event, flags, duration = struct.unpack_from("!BBH", payload)
    return TelephoneEvent(event, bool(flags & 0x80), duration, flags & 0x3F)


# ---- RTCP (RFC 3550 section 6) ----


@dataclass(frozen=True, slots=True)
class ReportBlock:
    """What a receiver tells about one source (section 6.4.1)."""

    ssrc: int
    fraction_lost: int
    """Of the last interval, in 256ths."""
    cumulative_lost: int
    highest_sequence: int
    """Extended: cycles in the upper 16 bits."""
    jitter: int
    """In timestamp units."""
    last_sr: int = 0
    delay_since_last_sr: int = 0
    """In 65536ths of a second."""

    def to_bytes(self) -> bytes:
        """24 octets."""
        lost = max(-0x800000, min(self.cumulative_lost, 0x7FFFFF)) & 0xFFFFFF
        return struct.pack(
            "!IIIIII",
            self.ssrc,
            (self.fraction_lost & 0xFF) << 24 | lost,
            self.highest_sequence & 0xFFFFFFFF,
            self.jitter & 0xFFFFFFFF,
            self.last_sr,
            self.delay_since_last_sr,
        )


@dataclass(frozen=True, slots=True)
class SenderInfo:
    """The sender's part of an SR: `wall` is seconds since 1970."""

    wall: float
    timestamp: int
    packets: int
    octets: int


def build_rtcp(
    ssrc: int,
    cname: str,
    blocks: list[ReportBlock],
    sender: SenderInfo | None,
    *,
    bye: bool = False,
) -> bytes:
    """A compound packet: SR (or RR when nothing was sent), SDES with CNAME, BYE at the end."""
    reports = b"".join(block.to_bytes() for block in blocks)
    body = struct.pack("!I", ssrc)
    if sender is not None:
        ntp = int((sender.wall + _NTP_EPOCH) * (1 << 32)) & 0xFFFFFFFFFFFFFFFF
        body += struct.pack(
            "!QIII",
            ntp,
            sender.timestamp & 0xFFFFFFFF,
            sender.packets & 0xFFFFFFFF,
            sender.octets & 0xFFFFFFFF,
        )
    compound = _rtcp(200 if sender is not None else 201, len(blocks), body + reports)
    name = cname.encode()[:255]
    item = struct.pack("!IBB", ssrc, 1, len(name)) + name + b"\0"
    compound += _rtcp(202, 1, item + bytes(-len(item) % 4))
    if bye:
        compound += _rtcp(203, 1, struct.pack("!I", ssrc))
    return compound


def _rtcp(kind: int, count: int, body: bytes) -> bytes:
    return struct.pack("!BBH", 0x80 | count, kind, len(body) // 4) + body


@dataclass(frozen=True, slots=True)
class RtcpSeen:
    """What we use of a received compound packet."""

    ssrc: int
    sender_ntp_middle: int | None
    """Middle 32 bits of the SR's NTP time, which our next report repeats; None without SR."""
    blocks: tuple[ReportBlock, ...]
    bye: bool


def parse_rtcp(data: bytes) -> RtcpSeen | None:
    """Read a compound packet; None unless it is RTCP version 2 throughout (appendix A.2)."""
    if len(data) < 8 or data[1] not in (200, 201):
        return None
    ssrc = int.from_bytes(data[4:8], "big")
    middle: int | None = None
    blocks: list[ReportBlock] = []
    bye = False
    at = 0
    while at < len(data):
        if len(data) - at < 4 or data[at] >> 6 != 2:
            return None
        count, kind = data[at] & 0x1F, data[at + 1]
        end = at + 4 + 4 * int.from_bytes(data[at + 2 : at + 4], "big")
        if end > len(data):
            return None
        if kind in (200, 201):
            start = at + (28 if kind == 200 else 8)
            if start + 24 * count > end:
                return None
            if kind == 200:
                middle = int.from_bytes(data[at + 10 : at + 14], "big")
            blocks += [_block(data, start + 24 * index) for index in range(count)]
        bye = bye or kind == 203
        at = end
    return RtcpSeen(ssrc, middle, tuple(blocks), bye)


def _block(data: bytes, at: int) -> ReportBlock:
    ssrc, loss, highest, jitter, last, delay = struct.unpack_from("!IIIIII", data, at)
    lost = loss & 0xFFFFFF
    return ReportBlock(
        ssrc,
        loss >> 24,
        lost - (1 << 24) if lost & 0x800000 else lost,
        highest,
        jitter,
        last,
        delay,
    )
