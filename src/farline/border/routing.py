"""Stage 4, the routing profile: the next hops in the order in which they are tried."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline.border.exchange import Verdict
from farline.border.plan import Candidate
from farline.sip import Address, Transport
from farline.sip.routing import is_numeric

if TYPE_CHECKING:
    from collections.abc import Mapping

    from farline.border.plan import Plan
    from farline.config import NextHop, RoutingProfile


def decide(
    plan: Plan, profile: RoutingProfile, *, down: Mapping[Candidate, float], now: float
) -> Verdict[tuple[Candidate, ...]]:
    """Every address worth trying, best first.

    A next hop that failed lately (`down`, with the time until which it is believed to be) goes to
    the end of the list and not out of it: where all are down, each is tried.
    """
    good: list[Candidate] = []
    bad: list[Candidate] = []
    because: list[str] = []
    for hop in profile.by_priority:
        if hop.transport is Transport.UDP and not is_numeric(hop.address):
            because.append(f"{hop.address} left out: a next hop over UDP must be an IP address")
            continue
        for candidate in _candidates(plan, hop):
            if down.get(candidate, 0.0) > now:
                bad.append(candidate)
                because.append(f"{candidate} failed lately and goes last")
            else:
                good.append(candidate)
                because.append(f"{candidate}{', failover port' if candidate.failover else ''}")
    return Verdict((*good, *bad), "; ".join(because), f"{profile.form}: {profile.name}")


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
