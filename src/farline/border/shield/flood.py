"""Flood states: how much comes in from strangers on each signaling interface."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["calm", "busy", "flood"]

CALM_AFTER = 10.0
"""Seconds without reason that a state is kept, so that it does not flutter."""


@dataclass(slots=True)
class _Level:
    second: float
    count: int = 0
    state: State = "calm"
    until: float = 0.0


class Floods:
    """Messages of strangers by interface and second."""

    def __init__(self, per_second: float) -> None:
        self._limit = per_second
        self._levels: dict[str, _Level] = {}

    def count(self, interface: str, now: float) -> tuple[bool, State | None]:
        """One more message: whether it is within the limit, and the state if it changed."""
        level = self._levels.get(interface)
        if level is None:
            level = self._levels[interface] = _Level(now)
        if now - level.second >= 1.0:
            level.second, level.count = now, 0
        level.count += 1
        before = level.state
        reached: State = (
            "flood" if level.count > self._limit
            else "busy" if level.count > self._limit / 2
            else "calm"
        )  # fmt: skip
        if _RANK[reached] >= _RANK[before]:
            level.state, level.until = reached, now + CALM_AFTER
        elif now >= level.until:
            level.state = reached
        return reached != "flood", level.state if level.state != before else None

    def states(self, now: float) -> dict[str, State]:
        """The state of every interface met so far."""
        return {
            name: level.state if now < level.until or now - level.second < 1.0 else "calm"
            for name, level in self._levels.items()
        }


_RANK: dict[State, int] = {"calm": 0, "busy": 1, "flood": 2}
