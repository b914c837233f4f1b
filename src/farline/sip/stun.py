"""STUN as SIP needs it: the keep-alive of a UDP flow (RFC 5626 section 4.4.2, RFC 8489)."""

from __future__ import annotations

from ipaddress import ip_address
from struct import Struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from farline.sip.transport import Address

COOKIE = 0x2112A442
MAX_REQUEST = 548
"""Bytes: what fits an IPv4 datagram that nobody fragments; a keep-alive has 20."""

_HEADER = Struct("!HHI12s")
_ATTRIBUTE = Struct("!HH")
_BINDING, _SUCCESS, _XOR_MAPPED = 0x0001, 0x0101, 0x0020
_REQUIRED_BELOW = 0x8000
"""Attributes that a server must understand (RFC 8489 section 14): a keep-alive bears none."""


def is_stun(data: bytes) -> bool:
    """Whether a datagram is STUN and no SIP: its first two bits are 0, and the cookie is there."""
    return len(data) >= _HEADER.size and data[0] < 0x40 and data[4:8] == COOKIE.to_bytes(4, "big")


def answer(data: bytes, source: Address) -> bytes | None:
    """The answer to a binding request from `source`; None for anything else."""
    if not is_stun(data) or len(data) > MAX_REQUEST:
        return None
    kind, length, _, transaction = _HEADER.unpack_from(data)
    if kind != _BINDING or length != len(data) - _HEADER.size or not _is_plain(data):
        return None
    address = ip_address(source.host.partition("%")[0])
    family = 1 if address.version == 4 else 2
    mask = COOKIE.to_bytes(4, "big") + transaction
    packed = bytes(one ^ two for one, two in zip(address.packed, mask, strict=False))
    port = source.port ^ (COOKIE >> 16)
    value = bytes((0, family)) + port.to_bytes(2, "big") + packed
    attribute = _XOR_MAPPED.to_bytes(2, "big") + len(value).to_bytes(2, "big") + value
    return _HEADER.pack(_SUCCESS, len(attribute), COOKIE, transaction) + attribute


def _is_plain(data: bytes) -> bool:
    """Whether no attribute is there that we would have to understand, and all are whole."""
    at = _HEADER.size
    while at + 4 <= len(data):
        kind, length = _ATTRIBUTE.unpack_from(data, at)
        if kind < _REQUIRED_BELOW:
            return False
        at += 4 + (length + 3) // 4 * 4
    return at == len(data)
