"""The values of the lines that name an address: o=, c=, m= and a=rtcp."""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import ip_address
from typing import NamedTuple

import msgspec

from farline.sdp.errors import SdpError

_PORT = re.compile(rb"[0-9]{1,5}\Z")
_NAME = re.compile(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*\.?\Z")
_TYPES = {b"IP4", b"IP6"}
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


def is_null(address: str) -> bool:
    """Whether it is the null address of an old hold (RFC 2543 appendix B.5, RFC 6157 for IPv6)."""
    return address in {"0.0.0.0", "::"}  # noqa: S104  (a value in a message, nothing is bound)


def _port(text: bytes, line: int, where: str) -> int:
    if not _PORT.match(text) or int(text) > 65535:
        raise SdpError(line, f"{where} has no port")
    return int(text)


def _address(words: list[bytes], line: int) -> str:
    """An IP literal or a domain name out of network, type, address; the type must fit a literal."""
    network, kind, address = (word.decode("ascii", "replace") for word in words)
    if network.upper() != "IN" or kind.upper() not in {"IP4", "IP6"}:
        raise SdpError(line, "address is neither IN IP4 nor IN IP6")
    version = ip_version(address)
    if version:
        fits = version == int(kind[-1]) and "%" not in address
    else:
        fits = _NAME.match(address) is not None and not address.replace(".", "").isdigit()
    if not fits:
        raise SdpError(line, "address is unreadable or does not fit its type")
    return address


class Origin(msgspec.Struct, frozen=True):
    """`o=<user> <session id> <version> <network> <type> <address>` (RFC 8866 section 5.2)."""

    user: bytes
    session: bytes
    version: bytes
    address: str

    @classmethod
    def read(cls, value: bytes, line: int) -> Origin:
        """Read the value of an o= line. Nobody sends to its address, so that is not judged.

        A user with spaces in it, which some phones write, is read from the right.
        """
        words = value.rsplit(None, 5)
        if len(words) != 6 or words[3].upper() != b"IN" or words[4].upper() not in _TYPES:
            raise SdpError(line, "o= is not: user, id, version, IN, IP4 or IP6, address")
        return cls(words[0], words[1], words[2], words[5].decode("ascii", "replace"))


class Connection(msgspec.Struct, frozen=True):
    """`c=<network> <type> <address>` of one peer; multicast is refused."""

    address: str

    @classmethod
    def read(cls, value: bytes, line: int) -> Connection:
        """Read the value of a c= line."""
        words = value.split()
        if len(words) != 3:
            raise SdpError(line, "c= has not three words")
        if b"/" in words[2]:
            raise SdpError(line, "c= names a multicast group")
        return cls(_address(words, line))

    @property
    def is_null(self) -> bool:
        """On hold in the old way: send nothing."""
        return is_null(self.address)


class MediaLine(msgspec.Struct, frozen=True):
    """`m=<kind> <port> <protocol> <format> ...` (RFC 8866 section 5.14)."""

    kind: str
    port: int
    protocol: str
    formats: tuple[str, ...]
    """The words behind the protocol: of RTP the payload types, most wanted first."""

    @classmethod
    def read(cls, value: bytes, line: int) -> MediaLine:
        """Read the value of an m= line."""
        words = value.split(None, 3)
        if len(words) != 4:
            raise SdpError(line, "m= has not four words")
        kind, protocol = (word.decode("ascii", "replace") for word in (words[0], words[2]))
        port, _, count = words[1].partition(b"/")
        if count not in {b"", b"1"}:
            raise SdpError(line, "m= asks for several ports")
        formats = tuple(words[3].decode("latin-1").split())
        return cls(kind.lower(), _port(port, line, "m="), protocol.upper(), formats)


class Rtcp(msgspec.Struct, frozen=True):
    """`a=rtcp:<port> [<network> <type> <address>]` (RFC 3605 section 2.1)."""

    port: int
    address: str | None = None

    @classmethod
    def read(cls, value: bytes, line: int) -> Rtcp:
        """Read what stands after `rtcp:`."""
        words = value.split()
        if len(words) not in {1, 4}:
            raise SdpError(line, "a=rtcp has neither one word nor four")
        port = _port(words[0], line, "a=rtcp")
        return cls(port, _address(words[1:], line) if len(words) == 4 else None)
