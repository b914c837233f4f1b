"""Named timers of the office: when, what to do then."""

from __future__ import annotations

from heapq import heappop, heappush
from itertools import count
from typing import TYPE_CHECKING

from farline.sip.effects import Deadline

if TYPE_CHECKING:
    from collections.abc import Callable


class Timer:
    """One running timer; `stop` may be called at any time, also twice."""

    __slots__ = ("action", "name")

    def __init__(self, name: str, action: Callable[[float], None]) -> None:
        self.name = name
        self.action: Callable[[float], None] | None = action

    def stop(self) -> None:
        """Never fire."""
        self.action = None


class TimerTable:
    """Running timers, soonest first. A stopped one is dropped when its time comes."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Timer]] = []
        self._serial = count()

    def start(self, at: float, name: str, action: Callable[[float], None]) -> Timer:
        """Call `action(now)` at `at` (monotonic seconds)."""
        timer = Timer(name, action)
        heappush(self._heap, (at, next(self._serial), timer))
        return timer

    def expire(self, now: float) -> None:
        """Fire all that are due."""
        while self._heap and self._heap[0][0] <= now:
            timer = heappop(self._heap)[2]
            action, timer.action = timer.action, None
            if action is not None:
                action(now)

    def next_deadline(self) -> Deadline | None:
        """The soonest running timer."""
        while self._heap and self._heap[0][2].action is None:
            heappop(self._heap)
        if not self._heap:
            return None
        at, _, timer = self._heap[0]
        return Deadline(at, timer.name)
