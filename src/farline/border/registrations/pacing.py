"""Pacing: how many REGISTERs go to the office, and when the others shall come again.

After a restart every phone registers at once. A bucket of tokens for each subscriber flow lets as
many through as the office bears. The others get 503 with a Retry-After that chance spreads over the
time that the backlog needs; phones that the border knows are let through first and told less.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farline.border.exchange import Refusal, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from farline.config import SubscriberFlow

KEPT_FOR_KNOWN = 0.25
"""The part of the burst that is not for strangers."""

LONGEST_WAIT = 600.0
"""Seconds: nobody is sent away for longer, however long the queue is."""


@dataclass(slots=True)
class _Bucket:
    left: float
    backlog: float
    at: float


class Pacer:
    """The buckets of all subscriber flows, by name."""

    def __init__(self, chance: Callable[[int], int]) -> None:
        """`chance(n)`: a random number from 0 to below n."""
        self._chance = chance
        self._buckets: dict[str, _Bucket] = {}

    def decide(self, flow: SubscriberFlow, now: float, *, known: bool) -> Verdict[Refusal | None]:
        """Whether one more REGISTER goes to the office now."""
        options = flow.registrations
        rate, burst = options.registers_per_second, options.register_burst
        if not rate:
            return _FREE
        bucket = self._buckets.setdefault(flow.name, _Bucket(burst, 0.0, now))
        passed = (now - bucket.at) * rate
        bucket.left = min(burst, bucket.left + passed)
        bucket.backlog = max(0.0, bucket.backlog - passed)
        bucket.at = now
        reserve = 0.0 if known else burst * KEPT_FOR_KNOWN
        if bucket.left >= 1.0 + reserve or (not known and bucket.left >= burst):
            bucket.left -= 1.0
            return Verdict(None, f"{bucket.left:.0f} of {burst} left")
        bucket.backlog += 1.0
        seconds = self._wait(bucket.backlog / rate, known=known)
        because = f"more than {rate} REGISTERs a second; {bucket.backlog:.0f} wait"
        place = f"{flow.form}: {flow.name}: REGISTERs per Second"
        refusal = Refusal(503, "paced", (("Retry-After", str(seconds)),))
        return Verdict(refusal, because, place)

    def later(self, flow: SubscriberFlow) -> int:
        """Seconds for Retry-After while the office is down: two survivable leases, spread."""
        least = max(5, flow.registrations.survivable_lease)
        return least + self._chance(least)

    def _wait(self, needed: float, *, known: bool) -> int:
        """Whole seconds: somewhere in the time that the backlog needs, its first half for known."""
        window = min(needed, LONGEST_WAIT)
        return 1 + self._chance(max(1, round(window / 2 if known else window)))


_FREE: Verdict[Refusal | None] = Verdict(None, "REGISTERs are not paced")
