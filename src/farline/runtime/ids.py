"""Real randomness behind `farline.sip.ids.Ids`."""

from __future__ import annotations

import os
import secrets
import uuid

POOL = 4096
"""Bytes taken from the system at once: a system call costs as much as a hundred tokens."""


class RealIds:
    """Unguessable identifiers from the operating system. Not shared between forked processes."""

    def __init__(self) -> None:
        self._pool = b""
        self._at = 0

    def token(self, size: int = 8) -> str:
        """`size` random bytes in lower-case hex; none of the pool is given twice."""
        end = self._at + size
        if end > len(self._pool):
            self._pool, self._at, end = os.urandom(max(POOL, size)), 0, size
        taken = self._pool[self._at : end]
        self._at = end
        return taken.hex()

    def number(self, bits: int = 31) -> int:
        """A random number of at most `bits` bits."""
        return secrets.randbits(bits)

    def uuid(self) -> str:
        """A random UUID, version 4."""
        return str(uuid.uuid4())
