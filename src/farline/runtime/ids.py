"""Real randomness behind `farline.sip.ids.Ids`."""

from __future__ import annotations

import secrets
import uuid


class RealIds:
    """Unguessable identifiers from the operating system."""

    def token(self, size: int = 8) -> str:
        """`size` random bytes in lower-case hex."""
        return secrets.token_hex(size)

    def number(self, bits: int = 31) -> int:
        """A random number of at most `bits` bits."""
        return secrets.randbits(bits)

    def uuid(self) -> str:
        """A random UUID, version 4."""
        return str(uuid.uuid4())
