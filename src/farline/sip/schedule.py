"""A core's own timers: named, soonest first, each with what to do then."""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from itertools import count
from typing import TYPE_CHECKING

from farline.sip.effects import Deadline

if TYPE_CHECKING:
    from collections.abc import Callable

SWEEP_FROM = 1024
"""Timers that may be held before stopped ones among them are looked for."""


class Alarm:
    """A running timer; `stop` may be called at any time, also twice."""

    __slots__ = ("action", "name")

    def __init__(self, name: str, action: Callable[[float], None]) -> None:
        self.name = name
        self.action: Callable[[float], None] | None = action

    def stop(self) -> None:
        """Let it not fire, and hold on to nothing."""
        self.action = None


class Schedule:
    """Timers in a heap. Stopped ones are dropped when they are met, or by a sweep.

    The sweep keeps a timer that is started anew at every refresh (a binding's) from piling up.
    """

    __slots__ = ("_deadline", "_heap", "_of", "_serial", "_sweep_at")

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Alarm]] = []
        self._serial = count()
        self._sweep_at = SWEEP_FROM
        self._of: Alarm | None = None
        self._deadline: Deadline | None = None
        """What `next_deadline` said last, and of which timer: it is asked after every message."""

    def __len__(self) -> int:
        return len(self._heap)

    def start(self, at: float, name: str, action: Callable[[float], None]) -> Alarm:
        """Call `action(now)` at `at` (monotonic seconds)."""
        alarm = Alarm(name, action)
        heappush(self._heap, (at, next(self._serial), alarm))
        if len(self._heap) >= self._sweep_at:
            self._sweep()
        return alarm

    def run(self, now: float) -> None:
        """Fire what is due."""
        while self._heap and self._heap[0][0] <= now:
            alarm = heappop(self._heap)[2]
            action, alarm.action = alarm.action, None
            if action is not None:
                action(now)

    def next_deadline(self) -> Deadline | None:
        """The soonest running timer."""
        heap = self._heap
        while heap:
            alarm = heap[0][2]
            if alarm.action is not None:
                if alarm is not self._of:
                    self._of, self._deadline = alarm, Deadline(heap[0][0], alarm.name)
                return self._deadline
            heappop(heap)
        self._of = self._deadline = None
        return None

    def _sweep(self) -> None:
        """Drop the stopped ones, and come back when the running ones have doubled."""
        self._heap = [entry for entry in self._heap if entry[2].action is not None]
        heapify(self._heap)
        self._sweep_at = max(SWEEP_FROM, 2 * len(self._heap))
