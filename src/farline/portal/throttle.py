"""Slows down whoever guesses passwords: failed logins per user name and minute.

Per name and not per address, because behind the border's relay every client has the same address
(portal.md 1.3). Time is given.
"""

from __future__ import annotations

from collections import OrderedDict, deque

WINDOW = 60.0
"""Seconds that a failed login is remembered."""
MAX_NAMES = 10_000
"""Names remembered at once; whoever makes up more pushes out the oldest of them."""


class Throttle:
    """Counts attempts from their start, so that many at once gain nothing."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.refused = 0
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()

    def begin(self, name: str, now: float) -> float | None:
        """Start an attempt. None: go on. Otherwise the seconds after which to try again."""
        times = self._failures.get(name)
        if times is None:
            times = self._failures[name] = deque()
            if len(self._failures) > MAX_NAMES:
                self._failures.popitem(last=False)
        self._failures.move_to_end(name)
        while times and times[0] <= now - WINDOW:
            times.popleft()
        if len(times) >= self.limit:
            self.refused += 1
            return times[0] + WINDOW - now
        times.append(now)
        return None

    def succeeded(self, name: str) -> None:
        """The attempt begun last was no failure: forget it."""
        times = self._failures.get(name)
        if times:
            times.pop()
        if not times:
            self._failures.pop(name, None)

    def failed(self, name: str, now: float) -> None:
        """Count a failure that was seen elsewhere (at the instant messaging server)."""
        self.begin(name, now)

    def blocked(self, name: str, now: float) -> bool:
        """Whether the name has used up its attempts; counts nothing."""
        times = self._failures.get(name, ())
        return sum(at > now - WINDOW for at in times) >= self.limit
