"""Time that only moves when it is told to."""

from __future__ import annotations


class ManualClock:
    """Monotonic seconds for tests. Call it, or read `now`."""

    def __init__(self, now: float = 1000.0) -> None:
        """Starts at `now`; not 0, so that code which mistakes a duration for a time shows it."""
        self.now = now

    def __call__(self) -> float:
        """The time."""
        return self.now

    def advance(self, seconds: float) -> float:
        """Move on by `seconds`, return the new time. Raises ValueError for a negative step."""
        if seconds < 0:
            raise ValueError("time does not go back")
        self.now += seconds
        return self.now

    def set(self, now: float) -> None:
        """Move on to `now`. Raises ValueError for a time in the past."""
        if now < self.now:
            raise ValueError("time does not go back")
        self.now = now
