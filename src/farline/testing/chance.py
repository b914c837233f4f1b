"""Chance that is the same in every run."""

from __future__ import annotations

import random  # noqa: TID251 (seeded: the same numbers each time)
from uuid import UUID


class SeededRandom(random.Random):
    """`random.Random` with a seed that must be named, so that a failing test can be run again."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.first_seed = seed

    def __repr__(self) -> str:
        return f"SeededRandom({self.first_seed})"


class SeededIds:
    """`farline.sip.ids.Ids` out of a seed. Never for use outside tests."""

    def __init__(self, seed: int = 1) -> None:
        self._random = SeededRandom(seed)

    def token(self, size: int = 8) -> str:
        """`size` bytes in lower-case hex."""
        return self._random.randbytes(size).hex()

    def number(self, bits: int = 31) -> int:
        """A number of at most `bits` bits."""
        return self._random.getrandbits(bits)

    def uuid(self) -> str:
        """A UUID of version 4."""
        return str(UUID(bytes=self._random.randbytes(16), version=4))
