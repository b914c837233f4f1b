"""Reference cycles: young ones go at once, old ones once enough has come; what is held stays."""

from __future__ import annotations

import gc
import weakref
from typing import TYPE_CHECKING

import pytest

from farline.runtime.collector import YOUNG, Collector

if TYPE_CHECKING:
    from collections.abc import Iterator


class Knot:
    """Refers to itself."""

    def __init__(self) -> None:
        self.me = self


@pytest.fixture
def collector() -> Iterator[Collector]:
    thresholds = gc.get_threshold()
    one = Collector(fewest=3 * YOUNG)
    one.start()
    yield one
    one.stop()
    gc.set_threshold(*thresholds)
    gc.unfreeze()


def held(looks: int) -> list[list[int]]:
    """So many objects that the young are looked at `looks` times."""
    return [[] for _ in range(looks * (YOUNG + 10))]


@pytest.mark.usefixtures("collector")
def test_a_young_cycle_goes_at_the_next_look() -> None:
    knot = weakref.ref(Knot())
    kept = held(1)
    assert knot() is None
    assert kept


@pytest.mark.usefixtures("collector")
def test_what_survives_is_looked_at_no_more_and_still_goes_without_references() -> None:
    kept = held(2)
    before = gc.get_freeze_count()
    assert gc.get_count()[1:] == (0, 0)  # nothing waits to be looked at again
    kept.clear()
    assert gc.get_freeze_count() < before - YOUNG


def old_cycle() -> tuple[weakref.ref[Knot], list[list[int]]]:
    """A cycle that was set aside before it was dropped, and what came with it."""
    knot = Knot()
    return weakref.ref(knot), held(1)


def test_an_old_cycle_goes_once_twice_as_much_is_held(collector: Collector) -> None:
    knot, kept = old_cycle()
    kept += held(1)
    collector.check()
    assert knot() is not None
    most = 2 * gc.get_freeze_count()
    while knot() is not None:
        assert len(kept) < most
        kept += held(5)
        collector.check()


def test_what_came_and_went_is_no_reason_to_look_at_all(collector: Collector) -> None:
    knot, _kept = old_cycle()
    held_before = gc.get_freeze_count()
    came = 0
    while came < 3 * held_before:
        came += len(held(100))
        collector.check()
    assert knot() is not None
