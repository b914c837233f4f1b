"""A core's own timers: named, soonest first, each with what to do then."""

from __future__ import annotations

from heapq import heappop, heappush
from itertools import count
from typing import TYPE_CHECKING

from farline.sip.effects import Deadline

if TYPE_CHECKING:
    from collections.abc import Callable

SWEEP_FROM = 1024
"""Timers that may be held before stopped ones among them are looked for."""
SWEPT = 4
"""Timers that each start looks at meanwhile: none takes long, however many there are."""

Entry = tuple[float, int, "Alarm"]


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

    The sweep keeps a timer that is started anew at every refresh (a binding's) from piling up. It
    sets the heap aside and empties it from its tail, which leaves it a heap, into a new one.
    """

    __slots__ = ("_aside", "_deadline", "_heap", "_of", "_serial", "_sweep_at")

    def __init__(self) -> None:
        self._heap: list[Entry] = []
        self._aside: list[Entry] = []
        self._serial = count()
        self._sweep_at = SWEEP_FROM
        self._of: Alarm | None = None
        self._deadline: Deadline | None = None
        """What `next_deadline` said last, and of which timer: it is asked after every message."""

    def __len__(self) -> int:
        return len(self._heap) + len(self._aside)

    def start(self, at: float, name: str, action: Callable[[float], None]) -> Alarm:
        """Call `action(now)` at `at` (monotonic seconds)."""
        alarm = Alarm(name, action)
        heappush(self._heap, (at, next(self._serial), alarm))
        if self._aside:
            self._sweep()
        elif len(self._heap) >= self._sweep_at:
            self._heap, self._aside = [], self._heap
        return alarm

    def run(self, now: float) -> None:
        """Fire what is due."""
        while (heap := self._soonest()) and heap[0][0] <= now:
            alarm = heappop(heap)[2]
            action, alarm.action = alarm.action, None
            if action is not None:
                action(now)

    def next_deadline(self) -> Deadline | None:
        """The soonest running timer."""
        while heap := self._soonest():
            alarm = heap[0][2]
            if alarm.action is not None:
                if alarm is not self._of:
                    self._of, self._deadline = alarm, Deadline(heap[0][0], alarm.name)
                return self._deadline
            heappop(heap)
        self._of = self._deadline = None
        return None

    def _soonest(self) -> list[Entry]:
        """The heap that the next timer is in; empty when there is none."""
        heap, aside = self._heap, self._aside
        return aside if aside and (not heap or aside[0] < heap[0]) else heap

    def _sweep(self) -> None:
        """Drop the stopped ones of the next few; come back when the running ones have doubled."""
        for _ in range(min(SWEPT, len(self._aside))):
            entry = self._aside.pop()
            if entry[2].action is not None:
                heappush(self._heap, entry)
        if not self._aside:
            self._sweep_at = max(SWEEP_FROM, 2 * len(self._heap))
