"""Ethernet, IP, UDP and TCP headers around a payload, with correct checksums (for pcap files)."""

from __future__ import annotations

import struct
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import NamedTuple

UDP, TCP = 17, 6
MSS = {4: 1460, 6: 1440}
"""TCP payload of an Ethernet frame of 1500 bytes, by IP version."""
MAX_DATAGRAM = {4: 65_507, 6: 65_527}
PSH, ACK = 0x08, 0x10
_WINDOW = 65_535


class Endpoint(NamedTuple):
    """An address and port."""

    ip: IPv4Address | IPv6Address
    port: int


def parse_endpoint(text: str) -> Endpoint:
    """From "192.0.2.1:5060" or "[2001:db8::1]:5060". Raises ValueError."""
    host, _, port = text.rpartition(":")
    number = int(port) if port.isascii() and port.isdecimal() else -1
    if not 0 < number < 65_536:
        raise ValueError(f"no port in {text!r}")
    return Endpoint(ip_address(host.strip("[]")), number)


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    if len(data) % 2:
        data += b"\0"
    total: int = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def udp_frame(source: Endpoint, target: Endpoint, payload: bytes, ident: int) -> bytes:
    """An Ethernet frame with one UDP datagram (RFC 768)."""
    length = 8 + len(payload)
    head = struct.pack(">HHH", source.port, target.port, length)
    summed = checksum(_pseudo(source, target, UDP, length) + head + b"\0\0" + payload)
    # A computed zero is sent as all ones: zero means "no checksum".
    datagram = head + struct.pack(">H", summed or 0xFFFF) + payload
    return _frame(source, target, UDP, datagram, ident)


def tcp_frame(
    source: Endpoint, target: Endpoint, seq: int, ack: int, flags: int, payload: bytes, ident: int
) -> bytes:
    """An Ethernet frame with one TCP segment without options (RFC 9293)."""
    head = struct.pack(
        ">HHIIBBHHH", source.port, target.port, seq, ack, 5 << 4, flags, _WINDOW, 0, 0
    )
    segment = head + payload
    summed = checksum(_pseudo(source, target, TCP, len(segment)) + segment)
    segment = segment[:16] + struct.pack(">H", summed) + segment[18:]
    return _frame(source, target, TCP, segment, ident)


def _pseudo(source: Endpoint, target: Endpoint, protocol: int, length: int) -> bytes:
    addresses = source.ip.packed + target.ip.packed
    if source.ip.version == 6:
        return addresses + struct.pack(">II", length, protocol)  # RFC 8200 section 8.1
    return addresses + struct.pack(">BBH", 0, protocol, length)


def _frame(source: Endpoint, target: Endpoint, protocol: int, body: bytes, ident: int) -> bytes:
    if source.ip.version == 6:
        head = struct.pack(">IHBB", 6 << 28, len(body), protocol, 64)
        return _ethernet(source, target, 0x86DD) + head + source.ip.packed + target.ip.packed + body
    head = struct.pack(
        ">BBHHHBBH", 0x45, 0, 20 + len(body), ident & 0xFFFF, 0x4000, 64, protocol, 0
    )
    head += source.ip.packed + target.ip.packed
    head = head[:10] + struct.pack(">H", checksum(head)) + head[12:]
    return _ethernet(source, target, 0x0800) + head + body


def _ethernet(source: Endpoint, target: Endpoint, kind: int) -> bytes:
    return _mac(target) + _mac(source) + struct.pack(">H", kind)


def _mac(endpoint: Endpoint) -> bytes:
    """A locally administered address made of the end of the IP address."""
    return b"\x02\x00" + endpoint.ip.packed[-4:]
