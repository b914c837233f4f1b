"""Stage 4, the routing profile: the next hops in the order in which they are tried.

Load balancing orders them: by priority, in turn, by weight, or by use. What is balanced is ways: a
binding stays with the next hop that it got while that one serves it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from farline.border.exchange import Verdict
from farline.border.plan import Candidate
from farline.sip import Address, Transport
from farline.sip.routing import is_numeric

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from farline.border.plan import Plan
    from farline.config import NextHop, RoutingProfile


def _never_down(_candidate: Candidate) -> str:
    return ""


def _no_chance(_below: int) -> int:
    return 0


@dataclass(frozen=True, slots=True)
class Standing:
    """What a routing decision rests on besides the configuration; the default: nothing is known."""

    why_down: Callable[[Candidate], str] = _never_down
    used: Mapping[Candidate, int] = field(default_factory=dict)
    """Bindings whose way leads to a next hop."""

    turn: int = 0
    """How often this profile was asked before (round robin)."""

    chance: Callable[[int], int] = _no_chance
    """A number from 0 to below its argument (weighted)."""


def decide(
    plan: Plan, profile: RoutingProfile, standing: Standing
) -> Verdict[tuple[Candidate, ...]]:
    """Every address worth trying, best first.

    A next hop that is down goes to the end of the list and not out of it: where all are down, each
    is tried.
    """
    good: list[Candidate] = []
    bad: list[Candidate] = []
    because: list[str] = []
    for hop, why in _ordered(plan, profile, standing):
        if hop.transport is Transport.UDP and not is_numeric(hop.address):
            because.append(f"{hop.address} left out: a next hop over UDP must be an IP address")
            continue
        for candidate in _candidates(plan, hop):
            down = standing.why_down(candidate)
            if down:
                bad.append(candidate)
                because.append(f"{candidate} goes last: {down}")
            else:
                good.append(candidate)
                note = "failover port" if candidate.failover else why
                because.append(f"{candidate}{f', {note}' if note else ''}")
    return Verdict((*good, *bad), "; ".join(because), f"{profile.form}: {profile.name}")


def _ordered(plan: Plan, profile: RoutingProfile, standing: Standing) -> list[tuple[NextHop, str]]:
    """The hops in the order that Load Balancing gives, each with why it stands there."""
    hops = list(profile.next_hops)
    if len(hops) < 2 or profile.load_balancing == "priority":
        return [(hop, "") for hop in profile.by_priority]
    if profile.load_balancing == "round_robin":
        first = standing.turn % len(hops)
        turned = [*hops[first:], *hops[:first]]
        return [(hop, f"round robin, turn {standing.turn + 1}") for hop in turned]
    if profile.load_balancing == "weighted":
        return _weighted(hops, standing)
    uses = [(_uses(plan, hop, standing), hop) for hop in hops]
    uses.sort(key=lambda pair: pair[0])
    return [(hop, f"used by {count} bindings") for count, hop in uses]


def _weighted(hops: list[NextHop], standing: Standing) -> list[tuple[NextHop, str]]:
    """Drawn one after the other, each with a chance of its weight's part in what is left."""
    left, drawn = list(hops), []
    while left:
        total = sum(hop.priority for hop in left)
        ball, at = standing.chance(total), 0
        while ball >= left[at].priority:
            ball -= left[at].priority
            at += 1
        drawn.append((left[at], f"weight {left[at].priority} of {total}"))
        del left[at]
    return drawn


def _uses(plan: Plan, hop: NextHop, standing: Standing) -> int:
    return sum(standing.used.get(candidate, 0) for candidate in _candidates(plan, hop))


def _candidates(plan: Plan, hop: NextHop) -> list[Candidate]:
    """The hop itself, then the server's failover port for that transport."""
    first = Candidate(hop.server, hop.transport, Address(hop.address, hop.port))
    advanced = plan.servers[hop.server].advanced
    if hop.transport is Transport.UDP:
        return [first]
    port = advanced.tls_failover_port
    if hop.transport is Transport.TCP:
        port = advanced.tcp_failover_port
    if port == hop.port:
        return [first]
    second = Candidate(hop.server, hop.transport, Address(hop.address, port), failover=True)
    return [first, second]
