"""The border's own timers: named, soonest first."""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heappop, heappush
from typing import TYPE_CHECKING

from farline.sip.effects import Deadline

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(slots=True, eq=False)
class Alarm:
    """A running timer; `stop` it when it is no longer wanted."""

    name: str
    action: Callable[[float], None] | None

    def stop(self) -> None:
        """Let it not fire, and hold on to nothing."""
        self.action = None


class Schedule:
    """Timers in a heap; stopped ones are dropped when they are met."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Alarm]] = []
        self._serial = 0

    def __len__(self) -> int:
        return len(self._heap)

    def start(self, at: float, name: str, action: Callable[[float], None]) -> Alarm:
        """Call `action(now)` at `at` (monotonic seconds)."""
        alarm = Alarm(name, action)
        self._serial += 1
        heappush(self._heap, (at, self._serial, alarm))
        return alarm

    def run(self, now: float) -> None:
        """Fire what is due."""
        while self._heap and self._heap[0][0] <= now:
            alarm = heappop(self._heap)[2]
            action, alarm.action = alarm.action, None
            if action is not None:
                action(now)

    def next_deadline(self) -> Deadline | None:
        """The soonest timer."""
        while self._heap and self._heap[0][2].action is None:
            heappop(self._heap)
        if not self._heap:
            return None
        return Deadline(self._heap[0][0], self._heap[0][2].name)
