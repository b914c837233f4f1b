"""The clocks: cores get the time as an argument, and it comes from here."""

from __future__ import annotations

import time

monotonic = time.monotonic
"""Seconds that never go back: deadlines and durations."""

wall = time.time
"""Seconds since 1970: only for people (traces, logs, Date headers)."""


def wall_of(then: float) -> float:
    """The wall-clock time of a monotonic one; the clock of day may be set while we run."""
    return wall() + then - monotonic()
