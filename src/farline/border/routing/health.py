"""Which next hops are up: what heartbeats say of them, and what requests found out.

Heartbeats (Server Configuration > Heartbeat) bring a hop down and up again with hysteresis. A hop
without heartbeat that fails a request is down for a while and then believed again. A hop that is
down is tried last, never left out: where all are down, each is tried.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from farline.border.context import Context
    from farline.border.plan import Candidate
    from farline.config import ServerProfile

DOWN_SECONDS = 30.0
"""How long a next hop without heartbeat that failed is tried last."""

MAX_DOWN_SECONDS = 300.0
"""The longest that a 503's Retry-After is believed."""

MAX_HOPS = 4096
"""Hops remembered; names may lead to ever other addresses."""


@dataclass(slots=True)
class HopHealth:
    """What is known of one address of a server."""

    down_until: float = 0.0
    """Monotonic seconds; infinity: until heartbeats say otherwise."""

    reason: str = ""
    since: float = 0.0
    failures: int = 0
    """Heartbeats in a row that failed."""

    successes: int = 0
    """Heartbeats in a row that were answered."""

    watched: bool = False
    """A heartbeat runs."""


class Health:
    """The state of every next hop met so far."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._hops: dict[Candidate, HopHealth] = {}
        self.troubled = 0
        """Hops that are down or were: 0 spares the look-up of each answer."""

    def unwatch(self) -> None:
        """No heartbeat runs any more: what is down is believed again after a while."""
        for hop in self._hops.values():
            hop.watched = False
            hop.down_until = min(hop.down_until, self._context.now + DOWN_SECONDS)

    def why_down(self, candidate: Candidate) -> str:
        """Why a hop is tried last; "" when it is not."""
        hop = self._hops.get(candidate)
        if hop is None or hop.down_until <= self._context.now:
            return ""
        return hop.reason or "failed lately"

    def changed_at(self, candidate: Candidate | None) -> float:
        """When a hop last went down or came back; -inf when it never did."""
        hop = self._hops.get(candidate) if candidate is not None else None
        return hop.since if hop is not None and hop.since else -inf

    def watch(self, candidate: Candidate) -> None:
        """A heartbeat runs for this hop from now on."""
        hop = self._hop(candidate)
        hop.watched = True
        if hop.down_until > self._context.now:
            hop.down_until = inf

    def failed(self, candidate: Candidate, reason: str, seconds: float = DOWN_SECONDS) -> None:
        """A request did not get through: the hop is tried last, for `seconds` if nobody watches."""
        hop = self._hop(candidate)
        hop.failures, hop.successes = hop.failures + 1, 0
        until = self._context.now + min(max(seconds, 1.0), MAX_DOWN_SECONDS)
        self._take_down(candidate, hop, inf if hop.watched else until, reason)

    def answered(self, candidate: Candidate) -> None:
        """A request was answered: a hop that nobody watches is up."""
        hop = self._hops.get(candidate)
        if hop is not None and hop.down_until and not hop.watched:
            self._bring_up(candidate, hop, "it answered a request")

    def beat(self, candidate: Candidate, server: ServerProfile, failure: str) -> None:
        """One heartbeat's outcome; `failure` is "" for an answer."""
        form, hop = server.heartbeat, self._hop(candidate)
        if failure:
            hop.failures, hop.successes = hop.failures + 1, 0
            if not hop.down_until and hop.failures >= form.failures_before_down:
                reason = f"{hop.failures} heartbeats failed, the last: {failure}"
                self._take_down(candidate, hop, inf, reason)
            return
        hop.failures, hop.successes = 0, hop.successes + 1
        if hop.down_until and hop.successes >= form.successes_before_up:
            self._bring_up(candidate, hop, f"{hop.successes} heartbeats were answered")
        elif not hop.since:
            hop.since = self._context.now

    def show(self, candidate: Candidate, now: float) -> dict[str, object]:
        """State, reason and age at a time, for people."""
        hop = self._hops.get(candidate)
        if hop is None:
            return {"state": "not watched", "reason": "", "seconds": 0.0}
        if hop.down_until > now:
            state = "down"
        else:
            state = "up" if hop.watched and hop.since else "not watched"
        seconds = round(now - hop.since, 1) if hop.since else 0.0
        return {"state": state, "reason": hop.reason if state == "down" else "", "seconds": seconds}

    def gone(self, candidate: Candidate) -> None:
        """Its name leads to it no longer: nobody watches it, and nothing is known of it."""
        if self._forget(candidate):
            self._context.note("next hop gone", f"{candidate}: its name leads elsewhere now")

    def known(self, now: float) -> list[Candidate]:
        """The hops of which there is something to say: heartbeats run, or they are down."""
        return [one for one, hop in self._hops.items() if hop.watched or hop.down_until > now]

    def _forget(self, candidate: Candidate) -> bool:
        hop = self._hops.pop(candidate, None)
        if hop is not None and hop.down_until:
            self.troubled -= 1
        return hop is not None

    def _hop(self, candidate: Candidate) -> HopHealth:
        hop = self._hops.get(candidate)
        if hop is None:
            if len(self._hops) >= MAX_HOPS:
                self._forget(next(iter(self._hops)))
            hop = self._hops[candidate] = HopHealth()
        return hop

    def _take_down(self, candidate: Candidate, hop: HopHealth, until: float, reason: str) -> None:
        context = self._context
        fresh = hop.down_until <= context.now
        self.troubled += not hop.down_until
        hop.down_until, hop.reason = until, reason
        if fresh:
            hop.since = context.now
            context.counters["next-hop.down"] += 1
            context.note("next hop down", f"{candidate}: {reason}")

    def _bring_up(self, candidate: Candidate, hop: HopHealth, reason: str) -> None:
        context = self._context
        hop.down_until, hop.since, hop.reason = 0.0, context.now, ""
        self.troubled -= 1
        context.counters["next-hop.up"] += 1
        context.note("next hop up", f"{candidate}: {reason}")
