"""Credit: how much each of many may do, with time giving back what was spent."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Hashable

K = TypeVar("K", bound="Hashable")

MAX_KNOWN = 10_000
"""Keys of one table; the longest unseen is forgotten first, and begins anew with full credit."""


class Credit(Generic[K]):
    """Token buckets by key. Whoever was never seen has all."""

    __slots__ = ("_limit", "_table", "most", "per_second")

    def __init__(self, most: float, per_second: float, limit: int = MAX_KNOWN) -> None:
        self.most = most
        self.per_second = per_second
        self._limit = limit
        self._table: OrderedDict[K, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._table)

    def left(self, key: K, now: float) -> float:
        """What a key has; less than one: nothing."""
        known = self._table.get(key)
        if known is None:
            return self.most
        left, at = known
        return min(self.most, left + (now - at) * self.per_second)

    def charge(self, key: K, cost: float, now: float) -> float:
        """Take credit (or give it back: a negative cost); what is left, -1 at the least."""
        table, most = self._table, self.most
        known = table.get(key)
        if known is not None:
            left = min(most, known[0] + (now - known[1]) * self.per_second)
        elif cost <= 0.0:
            return most  # who was never seen has all, and need not be remembered
        else:
            left = most
        left -= cost
        if left >= most:  # nothing is owed, and nothing need be remembered
            table.pop(key, None)
            return most
        left = max(left, -1.0)
        table[key] = (left, now)
        table.move_to_end(key)
        if len(table) > self._limit:
            table.popitem(last=False)
        return left
