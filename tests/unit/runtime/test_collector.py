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


def test_an_old_cycle_goes_once_as_much_was_set_aside_as_is_held(collector: Collector) -> None:
    knot = Knot()
    kept = held(1)
    watched = weakref.ref(knot)
    del knot
    kept += held(1)
    assert watched() is not None
    assert not collector.is_due
    while not collector.is_due:
        assert len(kept) < 3 * gc.get_freeze_count()
        kept += held(1)
    collector.look()
    assert watched() is None
    assert not collector.is_due
