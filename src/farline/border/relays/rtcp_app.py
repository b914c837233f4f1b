"""The vendor's monitoring reports inside RTCP: APP packets named -AV-, subtypes 4 and 5.

Each bears the SSRC of the stream that its sender receives and a mask of 32 bits; the fields whose
bits are set follow without gaps, most significant first, then zeros up to a multiple of four bytes.
The layout is public, the meaning of the bits follows from captures that are:
docs/decisions/2026-11-23-rtcp-actors.md. A packet with a bit that is not known is left as it is.

Everything here is pure; what a peer sends never raises but NotRtcpError.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from ipaddress import IPv4Address
from typing import TYPE_CHECKING

from farline.border.relays.rtcp_monitor import APP, NotRtcpError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

NAME = b"-AV-"
QUALITY, TRACE = 4, 5
"""Subtypes: how the stream arrives and from where; the way that one's own stream takes."""

MAX_HOPS = 30
_HEAD = 12
"""Bytes before the data: RTCP header, SSRC, name."""

# By bit: bytes of the field. Subtype 4: packets, octets, round trip, jitter buffer, largest jump
# and fall, most jitter, jumps, falls; remote address with RTCP port; payload type, frame size, TTL,
# DSCP; encryption, silence; source and destination port.
_QUALITY = {
    31: 4, 30: 4, 29: 2, 28: 2, 27: 1, 26: 1, 25: 4, 24: 2, 23: 2,
    18: 6, 17: 1, 16: 1, 15: 1, 14: 1, 12: 1, 11: 1, 9: 2, 8: 2,
}  # fmt: skip
_REMOTE, _RECEIVED_AT = 18, 8

# Subtype 5: controller, hops (a count, then four bytes each), round trip to the last one in ms,
# source and destination port, gateway, netmask.
_TRACE = {31: 4, 30: 0, 29: 2, 28: 2, 27: 2, 26: 4, 25: 4}
_HOPS, _ROUND_TRIP = 30, 29


@dataclass(frozen=True, slots=True)
class Report:
    """One APP packet, read."""

    subtype: int
    reporter: int
    """SSRC of who reports."""

    stream: int
    """SSRC of the stream that it receives."""

    fields: Mapping[int, bytes]
    """By bit of the mask."""

    @property
    def remote(self) -> tuple[str, int] | None:
        """Where the stream comes from, as its receiver sees it: address and RTCP port."""
        value = self.fields.get(_REMOTE)
        if self.subtype != QUALITY or value is None:
            return None
        return str(IPv4Address(value[:4])), int.from_bytes(value[4:])

    @property
    def received_at(self) -> int | None:
        """The RTP port at which the reporter receives."""
        value = self.fields.get(_RECEIVED_AT)
        return int.from_bytes(value) if self.subtype == QUALITY and value is not None else None

    @property
    def hops(self) -> tuple[str, ...]:
        """The way of its own stream as far as it knows it."""
        value = self.fields.get(_HOPS, b"\0") if self.subtype == TRACE else b"\0"
        return tuple(str(IPv4Address(value[at : at + 4])) for at in range(1, len(value), 4))

    @property
    def round_trip(self) -> int:
        """Milliseconds to the last hop; 0: not known."""
        return int.from_bytes(self.fields.get(_ROUND_TRIP, b"")) if self.subtype == TRACE else 0

    def from_remote(self, address: str, port: int) -> Report:
        """As if the stream came from there (IPv4)."""
        value = IPv4Address(address).packed + port.to_bytes(2)
        return replace(self, fields={**self.fields, _REMOTE: value})

    def along(self, hops: tuple[str, ...], round_trip: int) -> Report:
        """With another way."""
        hops = hops[:MAX_HOPS]
        value = bytes([len(hops)]) + b"".join(IPv4Address(one).packed for one in hops)
        known = {_HOPS: value, _ROUND_TRIP: min(round_trip, 0xFFFF).to_bytes(2)}
        return replace(self, fields={**self.fields, **known})

    def to_bytes(self) -> bytes:
        """The APP packet."""
        mask = sum(1 << bit for bit in self.fields)
        data = b"".join(self.fields[bit] for bit in sorted(self.fields, reverse=True))
        body = self.stream.to_bytes(4) + mask.to_bytes(4) + data
        body += bytes(-len(body) % 4)
        words = (_HEAD + len(body)) // 4 - 1
        head = bytes([0x80 | self.subtype, APP]) + words.to_bytes(2)
        return head + self.reporter.to_bytes(4) + NAME + body


def reports(data: bytes) -> list[Report]:
    """The reports of a compound packet. Raises NotRtcpError."""
    return [report for packet in _packets(data) if (report := read(packet)) is not None]


def change(data: bytes, act: Callable[[Report], Report]) -> bytes:
    """A compound packet with every report put through `act`. Raises NotRtcpError."""
    whole = bytearray()
    for packet in _packets(data):
        report = read(packet)
        acted = act(report) if report is not None else None
        whole += packet if acted is None or acted is report else acted.to_bytes()
    return bytes(whole)


def read(packet: bytes) -> Report | None:
    """One RTCP packet as a report; None for any other, and for one with fields not known."""
    subtype = packet[0] & 0x1F
    if packet[0] & 0x20 or packet[1] != APP or packet[8:12] != NAME or len(packet) < _HEAD + 8:
        return None
    sizes = {QUALITY: _QUALITY, TRACE: _TRACE}.get(subtype)
    if sizes is None:
        return None
    mask, at, fields = int.from_bytes(packet[16:20]), 20, {}
    for bit in range(31, -1, -1):
        if not mask >> bit & 1:
            continue
        if bit not in sizes:
            return None
        size = sizes[bit]
        if not size:
            size = 1 + 4 * packet[at] if at < len(packet) else 1
        fields[bit] = packet[at : at + size]
        at += size
    if at > len(packet) or any(packet[at:]) or len(fields.get(_HOPS, b"")) > 1 + 4 * MAX_HOPS:
        return None
    return Report(subtype, int.from_bytes(packet[4:8]), int.from_bytes(packet[12:16]), fields)


def _packets(data: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(data):
        end = at + 4 + 4 * int.from_bytes(data[at + 2 : at + 4])
        if len(data) < at + 8 or data[at] >> 6 != 2 or end > len(data) or end < at + 8:
            raise NotRtcpError("no RTCP packet, or one that ends before its length")
        yield data[at:end]
        at = end
