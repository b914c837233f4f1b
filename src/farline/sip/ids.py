"""Where identifiers come from: given to the cores, so that tests can choose them."""

from __future__ import annotations

from typing import Protocol


class Ids(Protocol):
    """Unguessable identifiers. `runtime` has the real ones, `testing` seeded ones."""

    def token(self, size: int = 8) -> str:
        """`size` random bytes in lower-case hex (tags, branches, nonces)."""

    def number(self, bits: int = 31) -> int:
        """A random number of at most `bits` bits."""

    def uuid(self) -> str:
        """A random UUID (Call-ID, instance)."""
