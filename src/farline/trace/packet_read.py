"""UDP datagrams and TCP segments out of captured frames.

Ethernet with VLAN tags, Linux cooked, loopback and raw IP; IPv4 and IPv6. Fragments are not put
together.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING, Final

from farline.trace.packet import TCP, UDP, Endpoint

if TYPE_CHECKING:
    from farline.trace.pcap_read import Frame

FIN, SYN, RST = 0x01, 0x02, 0x04

_IPV4, _IPV6 = 0x0800, 0x86DD
_VLAN: Final = frozenset({0x8100, 0x88A8, 0x9100})
MAX_TAGS = 4
_HEADERS: Final = frozenset({0, 43, 60})
"""IPv6 extension headers that are stepped over: hop-by-hop, routing, destination options."""

MAX_HEADERS = 8


@dataclass(frozen=True, slots=True)
class Packet:
    """What one frame carries. `seq` and `flags` are TCP's, 0 for UDP."""

    time: float
    tcp: bool
    source: Endpoint
    target: Endpoint
    payload: bytes
    seq: int = 0
    flags: int = 0


def read_packet(frame: Frame) -> Packet | None:
    """The datagram or segment in a frame; None for anything else and for a fragment."""
    network = _network(frame.link, frame.data)
    if not network:
        return None
    version = network[0] >> 4
    if version == 4:
        return _ipv4(frame.time, network)
    return _ipv6(frame.time, network) if version == 6 else None


def _network(link: int, data: bytes) -> bytes:
    """The IP packet of a frame, b"" when there is none (LINKTYPE_ numbers of the pcap registry)."""
    if link == 1:
        return _ethernet(data)
    if link in (101, 228, 229, 12, 14):  # raw IP
        return data
    if link in (0, 108):  # loopback: an address family of four bytes
        return data[4:]
    if link == 113 and len(data) > 16:  # Linux cooked
        return data[16:] if _kind(data, 14) in (_IPV4, _IPV6) else b""
    if link == 276 and len(data) > 20:  # Linux cooked, version 2
        return data[20:] if _kind(data, 0) in (_IPV4, _IPV6) else b""
    return b""


def _ethernet(data: bytes) -> bytes:
    at = 12
    for _ in range(MAX_TAGS + 1):
        kind = _kind(data, at)
        if kind in (_IPV4, _IPV6):
            return data[at + 2 :]
        if kind not in _VLAN:
            return b""
        at += 4
    return b""


def _kind(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 2], "big") if at + 2 <= len(data) else 0


def _ipv4(time: float, data: bytes) -> Packet | None:
    head = (data[0] & 0x0F) * 4
    if head < 20 or len(data) < head:
        return None
    total, fragment = int.from_bytes(data[2:4], "big"), int.from_bytes(data[6:8], "big")
    if fragment & 0x3FFF:
        return None
    # A total of 0: the network card was to cut the packet (segmentation offload).
    body = data[head:total] if total else data[head:]
    source, target = IPv4Address(data[12:16]), IPv4Address(data[16:20])
    return _transport(time, data[9], source, target, body)


def _ipv6(time: float, data: bytes) -> Packet | None:
    if len(data) < 40:
        return None
    size, kind = int.from_bytes(data[4:6], "big"), data[6]
    source, target = IPv6Address(data[8:24]), IPv6Address(data[24:40])
    body = data[40 : 40 + size] if size else data[40:]
    for _ in range(MAX_HEADERS):
        if kind not in _HEADERS or len(body) < 8:
            break
        kind, body = body[0], body[(body[1] + 1) * 8 :]
    return _transport(time, kind, source, target, body)


def _transport(
    time: float,
    kind: int,
    source: IPv4Address | IPv6Address,
    target: IPv4Address | IPv6Address,
    body: bytes,
) -> Packet | None:
    if kind == UDP and len(body) >= 8:
        one, other, size = struct.unpack_from(">HHH", body)
        payload = body[8 : max(size, 8)] if size else body[8:]
        return Packet(time, False, Endpoint(source, one), Endpoint(target, other), payload)
    if kind == TCP and len(body) >= 20:
        one, other, seq = struct.unpack_from(">HHI", body)
        head = (body[12] >> 4) * 4
        if head < 20 or head > len(body):
            return None
        ends = Endpoint(source, one), Endpoint(target, other)
        return Packet(time, True, *ends, body[head:], seq, body[13])
    return None
