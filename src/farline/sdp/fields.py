"""The values of the lines that name an address: o=, c=, m= and a=rtcp."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_address
from typing import Final, NamedTuple

import msgspec

NULL_ADDRESSES: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104  (values, nothing is bound)
"""On hold in the old way: send nothing (RFC 2543 appendix B.5, RFC 6157 for IPv6)."""

_SECURE = {"SAVP", "SAVPF"}


class Profile(NamedTuple):
    """What the words of a protocol say."""

    rtp: bool
    secure: bool
    datagrams: bool


@lru_cache(maxsize=256)
def read_profile(protocol: str) -> Profile:
    """What flows by a protocol of an m= line."""
    words = protocol.split("/")
    return Profile("RTP" in words, not _SECURE.isdisjoint(words), words[0] != "TCP")


@lru_cache(maxsize=4096)
def ip_version(address: str) -> int:
    """4 or 6 for an IP literal, 0 for anything else."""
    try:
        return ip_address(address).version
    except ValueError:
        return 0


def address_type(address: str) -> str:
    """IP6 for an IPv6 literal, IP4 for anything else (RFC 8866 section 5.7)."""
    return "IP6" if ":" in address else "IP4"


class Origin(msgspec.Struct, frozen=True):
    """`o=<user> <session id> <version> <network> <type> <address>` (RFC 8866 section 5.2).

    Nobody sends to its address, so that is not judged.
    """

    user: bytes
    session: bytes
    version: bytes
    address: str


class Connection(msgspec.Struct, frozen=True):
    """`c=<network> <type> <address>` of one peer; multicast is refused."""

    address: str


class MediaLine(msgspec.Struct, frozen=True):
    """`m=<kind> <port> <protocol> <format> ...` (RFC 8866 section 5.14)."""

    kind: str
    port: int
    protocol: str
    formats: tuple[str, ...]
    """The words behind the protocol: of RTP the payload types, most wanted first."""


class Rtcp(msgspec.Struct, frozen=True):
    """`a=rtcp:<port> [<network> <type> <address>]` (RFC 3605 section 2.1)."""

    port: int
    address: str | None = None
