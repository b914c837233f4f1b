"""Stage 4, the routing profile: the next hops in the order in which they are tried.

Load balancing orders them: by priority, in turn, by weight, or by use. What is balanced is ways: a
binding stays with the next hop that it got while that one serves it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from farline.border.exchange import Verdict
from farline.border.plan import Candidate
from farline.config.time_of_day import DAYS
from farline.sip import Address, Transport, headers
from farline.sip.locate import PREFERRED, Locator, Place
from farline.sip.routing import is_numeric

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from farline.border.plan import Plan
    from farline.config import NextHop, RoutingProfile
    from farline.sip.locate import Located


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

    routes: tuple[str, ...] = ()
    """Route values of the request."""


def select(plan: Plan, name: str, aor: str, wall: float) -> Verdict[RoutingProfile | None]:
    """The first rule of a routing profile that fits an end point now; None: no request goes on.

    `aor`: the end point's user@domain; `wall`: seconds since 1970.
    """
    rules = plan.routing[name]
    passed: list[str] = []
    for order, rule in enumerate(rules, 1):
        field = rule_mismatch(plan, rule, aor, wall)
        if field is None:
            because = "; ".join([*passed, f"rule {order} is the first that fits"])
            return Verdict(rule, because, f"{rule.form}: {name}")
        passed.append(f"rule {order}: {field}")
    return Verdict(None, f"no rule fits {aor}: {'; '.join(passed)}", f"{rules[0].form}: {name}")


def rule_mismatch(plan: Plan, rule: RoutingProfile, aor: str, wall: float) -> str | None:
    """The first field of a routing rule that does not fit; None when both do."""
    if not plan.in_uri_group(rule.uri_group, f"<sip:{aor}>"):
        return f"URI Group is {rule.uri_group}"
    window = plan.times[rule.time_of_day]
    if not window.always:
        at = datetime.fromtimestamp(wall, UTC).astimezone()
        if not window.holds(at.weekday(), at.hour * 60 + at.minute):
            return f"Time of Day is {window.name}, and it is {DAYS[at.weekday()]} {at:%H:%M}"
    return None


def decide(
    plan: Plan,
    profile: RoutingProfile,
    standing: Standing,
    located: Mapping[NextHop, Located] | None = None,
) -> Verdict[tuple[Candidate, ...]]:
    """Every address worth trying, best first. `located`: where the names among the hops lead.

    A next hop that is down goes to the end of the list and not out of it: where all are down, each
    is tried.
    """
    good: list[Candidate] = []
    bad: list[Candidate] = []
    because: list[str] = []
    for hop, why in _ordered(plan, profile, standing, located):
        ways = _candidates(plan, hop, located)
        if not is_numeric(hop.address):
            found = (located or {}).get(hop)
            how = found.because if found is not None else "a name, and the DNS was not asked"
            because.append(f"{hop.address} leads {'on' if ways else 'nowhere'}: {how or 'by DNS'}")
        for candidate in ways:
            down = standing.why_down(candidate)
            if down:
                bad.append(candidate)
                because.append(f"{candidate} goes last: {down}")
            else:
                good.append(candidate)
                note = "failover port" if candidate.failover else why
                because.append(f"{candidate}{f', {note}' if note else ''}")
    for candidate in good:
        if any(names(route, candidate) for route in standing.routes):
            good.sort(key=lambda one: one != candidate)
            because.append(f"{candidate} comes first: Route names it")
            break
    return Verdict((*good, *bad), "; ".join(because), f"{profile.form}: {profile.name}")


def names(value: str, candidate: Candidate) -> bool:
    """Whether a Route, Record-Route or URI names a next hop: its address or name, and its port."""
    uri = headers.uri_of(value)
    if uri is None or not names_host(value, candidate):
        return False
    return (uri.port or candidate.transport.default_port) == candidate.remote.port


def names_host(value: str, candidate: Candidate) -> bool:
    """The same whatever its port is."""
    uri = headers.uri_of(value)
    known = (candidate.remote.host, candidate.name.lower())
    return uri is not None and uri.host.strip("[]").lower() in known


def _ordered(
    plan: Plan,
    profile: RoutingProfile,
    standing: Standing,
    located: Mapping[NextHop, Located] | None,
) -> list[tuple[NextHop, str]]:
    """The hops in the order that Load Balancing gives, each with why it stands there."""
    hops = list(profile.next_hops)
    if len(hops) < 2 or profile.load_balancing in ("priority", "dns_srv"):
        return [(hop, "") for hop in profile.by_priority]
    if profile.load_balancing == "round_robin":
        first = standing.turn % len(hops)
        turned = [*hops[first:], *hops[:first]]
        return [(hop, f"round robin, turn {standing.turn + 1}") for hop in turned]
    if profile.load_balancing == "weighted":
        return _weighted(hops, standing)
    uses = list(zip(_uses(plan, hops, standing, located), hops, strict=True))
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


def _uses(
    plan: Plan,
    hops: list[NextHop],
    standing: Standing,
    located: Mapping[NextHop, Located] | None,
) -> list[int]:
    """The bindings of each hop; a failover port that is another hop's own address is that hop's."""
    ways = [_candidates(plan, hop, located) for hop in hops]
    own = {candidate for found in ways for candidate in found if not candidate.failover}
    return [
        sum(standing.used.get(one, 0) for one in found if not (one.failover and one in own))
        for found in ways
    ]


def _candidates(
    plan: Plan, hop: NextHop, located: Mapping[NextHop, Located] | None
) -> list[Candidate]:
    """The hop's addresses, each with the server's failover port for that transport after it."""
    fixed = hop.fixed
    if fixed is not None:
        places: tuple[Place, ...] = (Place(*fixed, ""),)
    else:
        found = (located or {}).get(hop)
        places = found.places if found is not None else ()
    ways: list[Candidate] = []
    advanced = plan.servers[hop.server].advanced
    for transport, address, name in places:
        ways.append(Candidate(hop.server, transport, address, name=name))
        port = advanced.tls_failover_port
        if transport is Transport.TCP:
            port = advanced.tcp_failover_port
        # Where SRV records give the ports they give the alternatives too.
        if transport.reliable and hop.port is not None and port != hop.port:
            other = Address(address.host, port)
            ways.append(Candidate(hop.server, transport, other, failover=True, name=name))
    return ways


def locator(
    plan: Plan, profile: RoutingProfile, hop: NextHop, chance: Callable[[int], int]
) -> Locator:
    """The search for a next hop that is a name: transports as hop and profile allow."""
    chosen = hop.transport or profile.transport
    secure = plan.servers[hop.server].tls_client_profile is not None
    transports = (
        [chosen] if chosen else [one for one in PREFERRED if secure or one is not Transport.TLS]
    )
    return Locator(hop.address, hop.port, transports, chance)
