"""Routing profiles: next hops that nobody can use, and fields that change nothing as they stand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline.config.base import Form, Problem
from farline.config.flows import SubscriberFlow
from farline.config.matching import ANY
from farline.config.subnets import in_subnet, literal, network

if TYPE_CHECKING:
    from collections.abc import Iterator

    from farline.config.deployment import Border
    from farline.config.flows import ServerFlow
    from farline.config.routing import NextHop, RoutingProfile


def check_routing(border: Border) -> Iterator[Problem]:
    """Every warning."""
    for index, profile in enumerate(border.routing_profiles):
        for order, rule in enumerate(profile.rules):
            within = f".further_rules[{order - 1}]" if order else ""
            yield from _without_effect(f"border.routing_profiles[{index}]{within}", rule)
    yield from _unreached(border)
    yield from _unknown_senders(border)


def _without_effect(place: str, rule: RoutingProfile) -> Iterator[Problem]:
    """Fields that ask for something which these next hops leave no room for."""
    hops = rule.next_hops
    if all(hop.port is not None for hop in hops):
        text = "only names without port are looked up so"
        remedy = "name a next hop without port, or switch it off"
        if rule.load_balancing == "dns_srv":
            yield _idle(f"{place}.load_balancing", text, remedy, rule)
        if rule.naptr:
            yield _idle(f"{place}.naptr", text, remedy, rule)
    if rule.transport is not None and all(hop.transport is not None for hop in hops):
        text = "every next hop has a transport of its own"
        yield _idle(f"{place}.transport", text, "take theirs away, or this one", rule)
    if rule.next_hop_priority and rule.load_balancing != "priority":
        text = f"with Load Balancing {rule.load_balancing} no next hop is the best"
        yield _idle(f"{place}.next_hop_priority", text, "switch it off", rule)
    if rule.enum_suffix and not rule.enum:
        yield _idle(f"{place}.enum_suffix", "ENUM is off", "switch ENUM on", rule)


def _idle(place: str, why: str, remedy: str, rule: Form) -> Problem:
    return Problem(place, f"changes nothing: {why}", remedy, rule.form, severity="warning")


def _unreached(border: Border) -> Iterator[Problem]:
    """Next hops that no server flow takes for a flow that is routed there."""
    profiles = {profile.name: (i, profile) for i, profile in enumerate(border.routing_profiles)}
    said: set[tuple[int, str, str]] = set()
    routed: tuple[SubscriberFlow | ServerFlow, ...]
    routed = (*border.subscriber_flows, *(one for one in border.server_flows if one.routes_on))
    for flow in routed:
        found = profiles.get(flow.routing_profile)
        if found is None:
            continue
        index, profile = found
        for within, _, hop in profile.all_hops:
            why = _why_not(border, flow, hop)
            if not why or (index, within, why) in said:
                continue
            said.add((index, within, why))
            yield Problem(
                f"border.routing_profiles[{index}].{within}",
                f"{why}: {flow.name!r} cannot use this next hop",
                "add a server flow with that server, transport, subnet and received interface",
                profile.form,
                severity="warning",
            )


def _why_not(border: Border, flow: SubscriberFlow | ServerFlow, hop: NextHop) -> str:
    """Why what comes by a flow has no way to a next hop; "" when it has one."""
    wanted = flow.received_interface if isinstance(flow, SubscriberFlow) else None
    what = f"{hop.server} {hop.address} ({hop.transport or 'any transport'})"
    for one in border.server_flows:
        if _takes(one, flow.signaling_interface, wanted, hop):
            ips = {entry.name: entry.ip for entry in border.signaling_interfaces}
            own, far = literal(ips.get(one.signaling_interface, "")), literal(hop.address)
            if own is None or far is None or own.version == far.version:
                return ""
            return f"{one.name!r} takes {what}, and {one.signaling_interface} is IPv{own.version}"
    by = f" with Signaling Interface {wanted}" if wanted else ""
    return f"no server flow{by} takes {what} for requests received on {flow.signaling_interface}"


def _takes(flow: ServerFlow, received: str, wanted: str | None, hop: NextHop) -> bool:
    """As the border decides; a name may lead to any address and transport."""
    return (
        flow.server_profile == hop.server
        and flow.received_interface == received
        and wanted in (None, flow.signaling_interface)
        and (hop.transport is None or flow.transport in (ANY, hop.transport))
        and _may_be_in(flow.remote_subnet, hop.address)
    )


def _may_be_in(subnet: str, address: str) -> bool:
    if subnet == ANY or literal(address) is None:
        return True
    return network(subnet) is not None and in_subnet(subnet, address)


def _unknown_senders(border: Border) -> Iterator[Problem]:
    """Servers known by names only, of whose own requests nobody can tell where they come from."""
    servers = {server.name: server for server in border.server_profiles}
    for index, flow in enumerate(border.server_flows):
        server = servers.get(flow.server_profile)
        if server is None or flow.remote_subnet != ANY or not server.nature.takes_calls:
            continue
        if any(literal(entry.address) is not None for entry in server.addresses):
            continue
        yield Problem(
            f"border.server_flows[{index}].remote_subnet",
            f"{server.name!r} is known by name only: what it sends on a connection of its own, or"
            " over UDP, is taken for a stranger's",
            "give the subnet that its requests come from",
            flow.form,
            severity="warning",
        )
