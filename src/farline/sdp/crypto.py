"""a=crypto lines (RFC 4568): SRTP keys in a description."""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from dataclasses import dataclass, field
from typing import Final

KEY_LENGTHS: Final = {
    "AES_CM_128_HMAC_SHA1_80": 16 + 14,
    "AES_CM_128_HMAC_SHA1_32": 16 + 14,
    "AES_256_CM_HMAC_SHA1_80": 32 + 14,
    "AES_256_CM_HMAC_SHA1_32": 32 + 14,
    "AEAD_AES_128_GCM": 16 + 12,
    "AEAD_AES_256_GCM": 32 + 12,
}
"""Bytes of master key and salt, by suite (RFC 4568 6.2, RFC 6188 4, RFC 7714 14.2)."""
MAX_CRYPTO = 16
"""Most a=crypto lines that are read of an m= section; phones write two to eight."""

_LINE = re.compile(rb"crypto:([0-9]{1,9})[ \t]+([A-Za-z0-9_]{1,64})[ \t]+inline:([^\s;]+)(.*)\Z")
_LIFETIME = re.compile(rb"(?:2\^[0-9]{1,2}|[0-9]{1,15})\Z")
_HARMLESS = re.compile(rb"(?:WSH=[0-9]{1,3}|-[^\s]*)\Z", re.IGNORECASE)
"""Session parameters that change nothing for us: a window as large as ours is at least what WSH
asks for, and one that begins with "-" may be passed over (RFC 4568 section 6.3.7)."""


@dataclass(frozen=True, slots=True)
class Crypto:
    """`a=crypto:<tag> <suite> inline:<key and salt>`. The key does not print."""

    tag: int
    suite: str
    key: bytes = field(repr=False)
    """Master key and salt."""

    @classmethod
    def read(cls, attribute: bytes) -> Crypto | None:
        """Read an attribute's value; None for what is no crypto line that we can serve.

        RFC 4568 section 7.1.2 has the reader pass over lines that it does not serve. We serve no
        suites beyond `KEY_LENGTHS`, no several keys or master key identifier (MKI), and no session
        parameters that switch parts of the protection off. A lifetime binds the key's sender.
        """
        match = _LINE.match(attribute)
        if match is None or int(match[1]) > 0x7FFFFFFF:
            return None
        suite = match[2].decode("ascii")
        words = match[3].split(b"|")
        lifetime_only = len(words) == 1 or (len(words) == 2 and _LIFETIME.match(words[1]))
        if suite not in KEY_LENGTHS or not lifetime_only:
            return None
        if not all(_HARMLESS.match(word) for word in match[4].split()):
            return None
        key = _key(words[0])
        return cls(int(match[1]), suite, key) if len(key) == KEY_LENGTHS[suite] else None

    def to_bytes(self) -> bytes:
        """The attribute's value."""
        return b"crypto:%d %b inline:%b" % (self.tag, self.suite.encode(), b64encode(self.key))


def _key(text: bytes) -> bytes:
    """The bytes of a base64 text, with or without padding; empty for anything else."""
    bare = text.rstrip(b"=")
    try:
        return b64decode(bare + b"=" * (-len(bare) % 4), validate=True)
    except Base64Error:
        return b""
