"""What a description says of DTLS-SRTP and ICE (RFC 8122, RFC 8842, RFC 8839)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

DIGESTS: Final = {"sha-256": 32, "sha-384": 48, "sha-512": 64}
"""Hash functions that are served, and the bytes of their digests; sha-1 and md5 are none."""
MAX_FINGERPRINTS: Final = 8

_FINGERPRINT = re.compile(rb"fingerprint:\s*(\S+)\s+([0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2})*)\Z")
_ICE_VALUE = re.compile(r"[A-Za-z0-9+/]{4,256}\Z")


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """`a=fingerprint:<hash> <digest>`: the peer's certificate hashes to it."""

    hash: str
    digest: bytes

    @classmethod
    def read(cls, attribute: bytes) -> Fingerprint | None:
        """Read an attribute's value; None for what is none, or of a hash that is not served."""
        match = _FINGERPRINT.match(attribute)
        if match is None:
            return None
        name = match[1].decode("ascii", "replace").lower()
        digest = bytes.fromhex(match[2].replace(b":", b"").decode("ascii"))
        return cls(name, digest) if DIGESTS.get(name) == len(digest) else None

    def to_bytes(self) -> bytes:
        """The attribute's value."""
        pairs = self.digest.hex(":").upper()
        return f"fingerprint:{self.hash} {pairs}".encode("ascii")


@dataclass(frozen=True, slots=True)
class IceCredentials:
    """`a=ice-ufrag` and `a=ice-pwd`. The password does not print."""

    fragment: str
    password: str = field(repr=False)

    @classmethod
    def read(cls, attributes: Iterable[bytes]) -> IceCredentials | None:
        """The credentials among attributes' values; None where either is missing or unreadable."""
        found: dict[bytes, str] = {}
        for attribute in attributes:
            name, _, value = attribute.partition(b":")
            found.setdefault(name, value.decode("ascii", "replace"))
        fragment, password = found.get(b"ice-ufrag", ""), found.get(b"ice-pwd", "")
        whole = _ICE_VALUE.match(fragment) and _ICE_VALUE.match(password)
        return cls(fragment, password) if whole and len(password) >= 22 else None

    def lines(self) -> tuple[bytes, bytes]:
        """The attributes' values."""
        return f"ice-ufrag:{self.fragment}".encode(), f"ice-pwd:{self.password}".encode()
