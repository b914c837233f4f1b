"""SRTP as a phone has it, for tests and benchmarks: AES_CM_128_HMAC_SHA1_80 with OpenSSL's AES.

Written from RFC 3711 beside the relay's own, so that the two check each other. No replay window;
the rollover counter (`roc`) is the caller's to count.
"""

from __future__ import annotations

import hmac
from struct import pack, unpack_from
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

SUITE: Final = "AES_CM_128_HMAC_SHA1_80"
TAG: Final = 10
HEADER: Final = 12
RTCP_HEADER: Final = 8
E_FLAG: Final = 0x80000000


class NotAuthenticError(ValueError):
    """A packet whose tag is wrong."""


class Srtp:
    """One master key and salt (30 bytes): what its owner sends is protected with it."""

    def __init__(self, master: bytes) -> None:
        self._key, salt = master[:16], master[16:]
        self._salt = int.from_bytes(salt, "big") << 16
        self._rtp = [self._derive(label) for label in (0, 1, 2)]
        self._rtcp = [self._derive(label) for label in (3, 4, 5)]

    def protect(self, packet: bytes, roc: int = 0) -> bytes:
        """RTP with a header of 12 bytes."""
        cipher, auth, salt = self._rtp
        body = _crypt(cipher, salt, *_numbers(packet, roc), packet[HEADER:])
        sealed = packet[:HEADER] + body
        return sealed + _tag(auth, sealed + pack(">I", roc))

    def unprotect(self, packet: bytes, roc: int = 0) -> bytes:
        """The reverse of `protect`; raises NotAuthenticError."""
        cipher, auth, salt = self._rtp
        sealed, tag = packet[:-TAG], packet[-TAG:]
        if not hmac.compare_digest(tag, _tag(auth, sealed + pack(">I", roc))):
            raise NotAuthenticError
        return sealed[:HEADER] + _crypt(cipher, salt, *_numbers(sealed, roc), sealed[HEADER:])

    def protect_rtcp(self, packet: bytes, index: int) -> bytes:
        """A compound RTCP packet under an index that was not used before."""
        cipher, auth, salt = self._rtcp
        (ssrc,) = unpack_from(">I", packet, 4)
        body = _crypt(cipher, salt, ssrc, index, packet[RTCP_HEADER:])
        sealed = packet[:RTCP_HEADER] + body + pack(">I", E_FLAG | index)
        return sealed + _tag(auth, sealed)

    def unprotect_rtcp(self, packet: bytes) -> bytes:
        """The reverse of `protect_rtcp`; raises NotAuthenticError."""
        cipher, auth, salt = self._rtcp
        sealed, tag = packet[:-TAG], packet[-TAG:]
        if not hmac.compare_digest(tag, _tag(auth, sealed)):
            raise NotAuthenticError
        (ssrc,), (word,) = unpack_from(">I", sealed, 4), unpack_from(">I", sealed, len(sealed) - 4)
        body = _crypt(cipher, salt, ssrc, word & ~E_FLAG, sealed[RTCP_HEADER:-4])
        return sealed[:RTCP_HEADER] + body

    def _derive(self, label: int) -> bytes:
        """The session key of a label of RFC 3711 section 4.3.2, as long as its use asks."""
        block = self._salt ^ (label << 64)
        size = {0: 16, 1: 20, 2: 14}[label % 3]
        return _keystream(self._key, block, bytes(size))


def _numbers(packet: bytes, roc: int) -> tuple[int, int]:
    sequence, ssrc = unpack_from(">2xH4xI", packet)
    return ssrc, roc << 16 | sequence


def _crypt(key: bytes, salt: bytes, ssrc: int, index: int, data: bytes) -> bytes:
    block = (int.from_bytes(salt, "big") << 16) ^ (ssrc << 64) ^ (index << 16)
    return _keystream(key, block, data)


def _keystream(key: bytes, block: int, data: bytes) -> bytes:
    return (
        Cipher(algorithms.AES(key), modes.CTR(block.to_bytes(16, "big"))).encryptor().update(data)
    )


def _tag(key: bytes, data: bytes) -> bytes:
    return hmac.digest(key, data, "sha1")[:TAG]
