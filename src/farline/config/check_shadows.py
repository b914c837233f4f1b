"""Flows that can never match, each with a witness: the request that somebody else takes.

The first flow that matches wins, so a flow is dead when those before it take everything together
(`farline.config.coverage`). Next hops that no server flow takes are found as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline.config.base import Problem
from farline.config.coverage import Covered, server_cover, subscriber_cover
from farline.config.subnets import in_subnet, network
from farline.sip import Transport

if TYPE_CHECKING:
    from collections.abc import Iterator

    from farline.config.deployment import Border
    from farline.config.flows import ServerFlow, SubscriberFlow
    from farline.config.routing import NextHop


def check_shadows(border: Border) -> Iterator[Problem]:
    """A warning for each flow that can never match, and each next hop that no flow reaches."""
    for index, flow in enumerate(border.subscriber_flows):
        covered = subscriber_cover(flow, border.subscriber_flows[:index])
        if covered is not None:
            yield Problem(
                f"border.subscriber_flows[{index}]",
                f"{flow.name!r} can never match: {_takers(covered)}, "
                f"for example {_witness(flow, covered)}",
                f"move {flow.name!r} before {covered.takers[0]!r}, or narrow that one",
                flow.form,
                severity="warning",
            )
    yield from _server_flows(border)
    yield from _unreached(border)


def _takers(covered: Covered) -> str:
    """Who stands before a flow and takes everything."""
    names = [repr(name) for name in covered.takers]
    if len(names) == 1:
        return f"{names[0]} stands before it and takes everything"
    return f"{', '.join(names[:-1])} and {names[-1]} stand before it and take everything together"


def _witness(flow: SubscriberFlow, covered: Covered) -> str:
    """A request that fits the flow, in words."""
    shown = {
        name: _example(getattr(flow, name), value, covered)
        for name, value in covered.witness.items()
    }
    words = [f"a REGISTER from {shown['source_subnet']} on {flow.signaling_interface}"]
    if flow.uri_group != "*":
        words.append(f"From in {flow.uri_group}")
    if "user_agent" in shown:
        words.append(f"User-Agent {flow.user_agent!r}")
    if flow.via_host != "*":
        words.append(f"Via host {shown['via_host']}")
    if flow.contact_host != "*":
        words.append(f"Contact host {shown['contact_host']}")
    return ", ".join(words)


def _example(criterion: str, value: str, covered: Covered) -> str:
    """A value for people: where one flow takes everything, any that fits will do."""
    if len(covered.takers) > 1:
        return value
    net = network(criterion)
    if net is None:
        return "any address" if criterion == "*" else criterion
    return str(net[1] if net.num_addresses > 2 else net[0])


def _server_flows(border: Border) -> Iterator[Problem]:
    """Outward a flow is dead behind others; inward too if the signaling interface is theirs."""
    for index, flow in enumerate(border.server_flows):
        before = border.server_flows[:index]
        covered = server_cover(flow, before, [str(one) for one in Transport])
        if covered is None:
            continue
        takers = [one for one in before if one.name in covered.takers]
        never = all(one.signaling_interface == flow.signaling_interface for one in takers)
        what = "can never match" if never else "takes no request to its server"
        source = _example(flow.remote_subnet, covered.witness["remote_subnet"], covered)
        source = source.replace("any address", f"any address of {flow.server_profile}")
        yield Problem(
            f"border.server_flows[{index}]",
            f"{flow.name!r} {what}: {_takers(covered)}, "
            f"for example a request received on {flow.received_interface} for {source}",
            f"move {flow.name!r} before {covered.takers[0]!r}, or narrow that one",
            flow.form,
            severity="warning",
        )


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
            key = (index, within, flow.signaling_interface)
            if key in said or _is_reached(border, hop, flow.signaling_interface):
                continue
            said.add(key)
            yield Problem(
                f"border.routing_profiles[{index}].{within}",
                f"no server flow takes {hop.server} {hop.address} ({hop.transport}) for requests "
                f"received on {flow.signaling_interface}: {flow.name!r} cannot use this next hop",
                "add a server flow with that server, transport, subnet and received interface",
                profile.form,
                severity="warning",
            )


def _is_reached(border: Border, hop: NextHop, received: str) -> bool:
    return any(
        flow.server_profile == hop.server
        and flow.received_interface == received
        and flow.transport in ("*", hop.transport)
        and _fits(flow.remote_subnet, hop.address)
        for flow in border.server_flows
    )


def _fits(subnet: str, address: str) -> bool:
    if subnet == "*":
        return True
    return network(subnet) is not None and in_subnet(subnet, address)
