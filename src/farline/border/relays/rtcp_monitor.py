"""RTCP Monitoring: what phones report about media, counted while a relay passes it on.

RFC 3550 section 6.4 (SR and RR), RFC 3611 section 4.7 (XR, VoIP metrics). Nothing is changed.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

SENDER, RECEIVER, SOURCES, BYE, APP, EXTENDED = 200, 201, 202, 203, 204, 207
_TYPES = range(192, 224)
_VOIP_METRICS = 7
MAX_SOURCES = 10_000
"""Reporters kept; the one longest unheard is forgotten."""
MAX_STREAMS = 31
"""Report blocks of one packet: the count has five bits."""


class NotRtcpError(ValueError):
    """A datagram is no compound of RTCP packets."""


@dataclass(frozen=True, slots=True)
class Block:
    """What one receiver says about one stream."""

    reporter: int
    """SSRC of who reports."""
    source: int
    """SSRC of the stream."""
    fraction_lost: float
    """Since the last report, 0 to 1."""
    lost: int
    """Altogether; negative where duplicates came."""
    jitter: int
    """In units of the stream's clock."""
    mos: float | None = None
    """Listening quality of an XR block (1 to 5), where it gives one."""


@dataclass(slots=True)
class Quality:
    """The last that was said about a stream, and the worst."""

    reports: int = 0
    fraction_lost: float = 0.0
    worst_fraction_lost: float = 0.0
    lost: int = 0
    jitter: int = 0
    worst_jitter: int = 0
    mos: float | None = None


def blocks(data: bytes) -> list[Block]:
    """Report blocks of a compound packet. Raises NotRtcpError."""
    found: list[Block] = []
    at = 0
    while at < len(data):
        if len(data) < at + 8:
            raise NotRtcpError(f"{len(data) - at} bytes are no RTCP packet")
        version, count, kind = data[at] >> 6, data[at] & 0x1F, data[at + 1]
        end = at + 4 + 4 * int.from_bytes(data[at + 2 : at + 4])
        if version != 2 or kind not in _TYPES or end > len(data) or end < at + 8:
            raise NotRtcpError("no RTCP packet, or one that ends before its length")
        body = data[at + 4 : end]
        if kind in (SENDER, RECEIVER):
            found += _reports(body, count, 24 if kind == SENDER else 4)
        elif kind == EXTENDED:
            found += _extended(body)
        at = end
    if not data:
        raise NotRtcpError("an empty datagram")
    return found


def _reports(body: bytes, count: int, begin: int) -> list[Block]:
    if len(body) < begin + 24 * count:
        raise NotRtcpError(f"{count} report blocks in {len(body)} bytes")
    reporter = int.from_bytes(body[:4])
    found = []
    for at in range(begin, begin + 24 * count, 24):
        source = int.from_bytes(body[at : at + 4])
        lost = int.from_bytes(body[at + 5 : at + 8], signed=True)
        jitter = int.from_bytes(body[at + 12 : at + 16])
        found.append(Block(reporter, source, body[at + 4] / 256, lost, jitter))
    return found


def _extended(body: bytes) -> list[Block]:
    """VoIP metrics blocks; others are skipped."""
    found = []
    reporter, at = int.from_bytes(body[:4]), 4
    while at + 4 <= len(body):
        size = 4 + 4 * int.from_bytes(body[at + 2 : at + 4])
        block = body[at : at + size]
        if len(block) < size:
            raise NotRtcpError("an XR block ends after its packet")
        if block[0] == _VOIP_METRICS and size >= 36:
            score = block[26]
            mos = score / 10 if 10 <= score <= 50 else None
            found.append(Block(reporter, int.from_bytes(block[4:8]), block[8] / 256, 0, 0, mos))
        at += size
    return found


class RtcpMonitor:
    """Quality by the reporter's address and the stream it reports on."""

    __slots__ = ("_streams", "malformed", "packets")

    def __init__(self) -> None:
        self._streams: OrderedDict[tuple[str, int], Quality] = OrderedDict()
        self.packets = 0
        self.malformed = 0

    def take(self, source: str, data: bytes) -> None:
        """Count what a datagram says; never raises."""
        try:
            found = blocks(data)
        except NotRtcpError:
            self.malformed += 1
            return
        self.packets += 1
        for block in found[: 2 * MAX_STREAMS]:
            self._count(source, block)

    def _count(self, source: str, block: Block) -> None:
        key = (source, block.source)
        quality = self._streams.setdefault(key, Quality())
        self._streams.move_to_end(key)
        if len(self._streams) > MAX_SOURCES:
            self._streams.popitem(last=False)
        quality.reports += 1
        quality.fraction_lost = block.fraction_lost
        quality.worst_fraction_lost = max(quality.worst_fraction_lost, block.fraction_lost)
        if block.mos is not None:
            quality.mos = block.mos
            return
        quality.lost, quality.jitter = block.lost, block.jitter
        quality.worst_jitter = max(quality.worst_jitter, block.jitter)

    def show(self, most: int = 100) -> dict[str, object]:
        """The counts, and the streams heard of last."""
        last = list(self._streams.items())[-most:]
        return {
            "packets": self.packets,
            "malformed": self.malformed,
            "streams": [
                {
                    "source": source,
                    "ssrc": f"{ssrc:08x}",
                    "reports": quality.reports,
                    "lost": quality.lost,
                    "loss %": round(100 * quality.fraction_lost, 1),
                    "worst loss %": round(100 * quality.worst_fraction_lost, 1),
                    "jitter": quality.jitter,
                    "worst jitter": quality.worst_jitter,
                    "mos": quality.mos,
                }
                for (source, ssrc), quality in last
            ],
        }
