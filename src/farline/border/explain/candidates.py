"""Every rule that a stage looked at, or would have: which field of it did not fit.

The stages themselves stop at the first that matches; an explanation goes on to the last.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farline.border import flow as flows
from farline.border.routing import stage as routing

if TYPE_CHECKING:
    from collections.abc import Iterable

    from farline.border.exchange import Exchange
    from farline.border.plan import Candidate, Plan
    from farline.config import RoutingProfile, SubscriberFlow


@dataclass(frozen=True, slots=True)
class Considered:
    """One candidate of a stage: taken, or the field that did not fit, or who stood before it."""

    name: str
    taken: bool
    why: str


def subscriber_flows(plan: Plan, exchange: Exchange) -> tuple[Considered, ...]:
    """Every subscriber flow, those of other interfaces too."""

    def judged() -> Iterable[tuple[str, str | None]]:
        for flow in plan.border.subscriber_flows:
            if flow.signaling_interface != exchange.flow.interface:
                yield flow.name, f"Signaling Interface is {flow.signaling_interface}"
            else:
                yield flow.name, flows.subscriber_mismatch(plan, flow, exchange)

    return _first_wins(judged())


def server_flows(
    plan: Plan, subscriber: SubscriberFlow, candidate: Candidate, aor: str
) -> tuple[Considered, ...]:
    """Every server flow, for a request of a phone of a subscriber flow that goes to a next hop."""
    return _first_wins(
        (flow.name, flows.server_mismatch(plan, flow, subscriber, candidate, aor))
        for flow in plan.border.server_flows
    )


def source_flows(plan: Plan, exchange: Exchange) -> tuple[Considered, ...]:
    """Every server flow, for a request from inside."""

    def judged() -> Iterable[tuple[str, str | None]]:
        for flow in plan.border.server_flows:
            if flow.signaling_interface != exchange.flow.interface:
                yield flow.name, f"Signaling Interface is {flow.signaling_interface}"
            else:
                yield flow.name, flows.source_mismatch(plan, flow, exchange)

    return _first_wins(judged())


def policy_sets(plan: Plan, group: str, form: str) -> tuple[Considered, ...]:
    """Every set of a policy group. `form`: what the decision named, which tells the set taken."""
    rows: list[Considered] = []
    for rules in plan.groups.get(group, ()):
        window = rules.time_of_day
        name = f"order {rules.order}: {rules.application.name}, {rules.border.name}, "
        name += f"{rules.media.name}, {rules.security.name}, {rules.signaling.name}"
        taken = f"(group {group}, order {rules.order})" in form
        taken_before = any(row.taken for row in rows)
        why = f"{window.name}, {', '.join(window.days)} {window.start}-{window.end}"
        if taken:
            why = f"the first whose time it is: {why}"
        elif not taken_before:
            why = f"not its time: {why}"
        rows.append(Considered(name, taken, why))
    return tuple(rows)


def routing_rules(
    plan: Plan, rules: tuple[RoutingProfile, ...], aor: str, wall: float
) -> tuple[Considered, ...]:
    """Every rule of a routing profile, for an end point (user@domain) at a time."""
    return _first_wins(
        (f"rule {order}", routing.rule_mismatch(plan, rule, aor, wall))
        for order, rule in enumerate(rules, 1)
    )


def next_hops(plan: Plan, profile: RoutingProfile) -> tuple[Considered, ...]:
    """Every next hop of a profile, none of which has failed yet."""
    ways = routing.decide(plan, profile, routing.Standing()).value
    rows: list[Considered] = []
    for position, candidate in enumerate(ways):
        why = "the first" if not position else f"tried when {ways[0]} does not answer"
        if candidate.failover:
            why = "failover port: tried when a connection to its neighbour fails"
        rows.append(Considered(str(candidate), position == 0, why))
    listed = {(way.server, way.remote.host, way.transport) for way in ways}
    for hop in profile.by_priority:
        if (hop.server, hop.address, hop.transport) not in listed:
            name = f"{hop.server} {hop.address}:{hop.port} ({hop.transport})"
            rows.append(Considered(name, False, "Next Hop Address is a name, and Transport UDP"))
    return tuple(rows)


def _first_wins(judged: Iterable[tuple[str, str | None]]) -> tuple[Considered, ...]:
    rows: list[Considered] = []
    winner = ""
    for name, field in judged:
        if field is not None:
            rows.append(Considered(name, False, field))
        elif winner:
            rows.append(Considered(name, False, f"would match too, but {winner} stands before it"))
        else:
            winner = name
            rows.append(Considered(name, True, "the first that matches"))
    return tuple(rows)
