"""Who is connected through an application relay, and whether one more may come in."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from farline.border.exchange import Verdict

if TYPE_CHECKING:
    from farline.border.relays.plan import RelayPlan, Whitelist

FORM = "Device Specific Settings > DMZ Services > Relay Services"

Ending = Literal[
    "closed", "reset", "idle", "connect failed", "stopped", "refused", "slow", "no login"
]
"""How a connection ended: both sides said all, one broke off, nobody said anything, ..., a request
took longer than Request Timeout, no phone registered within Login Time."""


@dataclass(slots=True)
class RelayCounters:
    """Since the start of the relay. Bytes: `up` towards the server inside, `down` to the client."""

    accepted: int = 0
    refused: int = 0
    connect_failed: int = 0
    bytes_up: int = 0
    bytes_down: int = 0
    idle: int = 0
    reset: int = 0


def decide(
    plan: RelayPlan, connections: int, from_source: int, strangers: int = 0, *, known: bool = True
) -> Verdict[bool]:
    """Whether one more may come, given how many there are, altogether and from its address.

    `known`: a phone is registered from its address; `strangers`: connections of those without.
    """
    if connections >= plan.max_connections:
        because = f"{connections} connections, the relay's maximum is {plan.max_connections}"
        return Verdict(False, because, f"{FORM} > Maximum Connections")
    if from_source >= plan.max_connections_per_source:
        limit = plan.max_connections_per_source
        because = f"{from_source} connections from this address, the maximum is {limit}"
        return Verdict(False, because, f"{FORM} > Maximum Connections Per Source")
    if plan.whitelist is not None and not known:
        return _stranger(plan, plan.whitelist, from_source, strangers)
    return Verdict(True, f"{connections} connections, {from_source} from this address", FORM)


def _stranger(
    plan: RelayPlan, whitelist: Whitelist, from_source: int, strangers: int
) -> Verdict[bool]:
    """Before login. Strangers together get half the relay, so that phones always find room."""
    limit, half = whitelist.max_connections, max(1, plan.max_connections // 2)
    if limit == 0:
        because = "no phone is registered from this address"
        return Verdict(False, because, f"{FORM} > Whitelist Flows")
    if from_source >= limit or strangers >= half:
        because = (
            f"no phone is registered from this address, which has {from_source} of {limit}"
            f" connections, and all such addresses {strangers} of {half}"
        )
        return Verdict(False, because, f"{FORM} > Maximum Connections Per Stranger")
    return Verdict(True, "no phone is registered from this address: for a login only", FORM)


class RelayLedger:
    """Who is connected through one relay, and what came of everybody before."""

    __slots__ = ("_sources", "connections", "counters", "plan", "reasons", "strangers")

    def __init__(self, plan: RelayPlan) -> None:
        self.plan = plan
        self.connections = 0
        self.counters = RelayCounters()
        self.reasons: Counter[str] = Counter()
        """What was refused, by a fixed word."""
        self.strangers = 0
        """Connections that began without a registered phone at their address."""
        self._sources: Counter[str] = Counter()

    def admit(self, source: str, *, known: bool = True) -> Verdict[bool]:
        """Decide about a connection from this address, and count it in if it may come."""
        here = self._sources[source]
        verdict = decide(self.plan, self.connections, here, self.strangers, known=known)
        if not verdict.value:
            self.counters.refused += 1
            self.reasons["limit" if known else "whitelist"] += 1
            if not self._sources[source]:
                del self._sources[source]
            return verdict
        self.counters.accepted += 1
        self.connections += 1
        self.strangers += not known
        self._sources[source] += 1
        return verdict

    def ended(
        self, source: str, ending: Ending, bytes_up: int, bytes_down: int, *, known: bool = True
    ) -> None:
        """A connection that was let in, as `known` then was, is over."""
        self.connections -= 1
        self.strangers -= not known
        self._sources[source] -= 1
        if self._sources[source] <= 0:
            del self._sources[source]
        counters = self.counters
        counters.bytes_up += bytes_up
        counters.bytes_down += bytes_down
        counters.idle += ending == "idle"
        counters.reset += ending == "reset"
        counters.connect_failed += ending == "connect failed"
        if ending in ("slow", "no login"):
            self.reasons[ending] += 1

    def show(self) -> dict[str, object]:
        """Plan, occupancy and counters, as data."""
        counters = self.counters
        return {
            "name": self.plan.name,
            "service": self.plan.service,
            "relay": str(self.plan),
            "connections": self.connections,
            "sources": len(self._sources),
            **{name: getattr(counters, name) for name in RelayCounters.__slots__},
            "refusals": dict(sorted(self.reasons.items())),
        }
