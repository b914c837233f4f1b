"""Flows that can never match, each with a witness: the request that somebody else takes.

The first flow that matches wins, so a flow is dead when an earlier one of its signaling interface
asks for no more in any field. Next hops that no server flow takes are found as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline.config.base import Problem
from farline.config.subnets import covers, in_subnet, network

if TYPE_CHECKING:
    from collections.abc import Iterator

    from farline.config.deployment import Border
    from farline.config.flows import ServerFlow, SubscriberFlow
    from farline.config.routing import NextHop


def check_shadows(border: Border) -> Iterator[Problem]:
    """A warning for each flow that can never match, and each next hop that no flow reaches."""
    for index, flow in enumerate(border.subscriber_flows):
        for earlier in border.subscriber_flows[:index]:
            if _takes_all(earlier, flow):
                yield Problem(
                    f"border.subscriber_flows[{index}]",
                    f"{flow.name!r} can never match: {earlier.name!r} stands before it and takes "
                    f"everything, for example {_witness(flow)}",
                    f"move {flow.name!r} before {earlier.name!r}, or narrow that one",
                    flow.form,
                    severity="warning",
                )
                break
    yield from _server_flows(border)
    yield from _unreached(border)


def _takes_all(earlier: SubscriberFlow, flow: SubscriberFlow) -> bool:
    """Whether whatever fits `flow` fits `earlier` too."""
    agent = earlier.user_agent == "*" or (
        flow.user_agent != "*" and earlier.user_agent in flow.user_agent
    )
    return (
        earlier.signaling_interface == flow.signaling_interface
        and agent
        and _subnet_covers(earlier.source_subnet, flow.source_subnet)
        and _host_covers(earlier.via_host, flow.via_host)
        and _host_covers(earlier.contact_host, flow.contact_host)
    )


def _subnet_covers(wide: str, narrow: str) -> bool:
    return wide == narrow or covers(wide, narrow)


def _host_covers(wide: str, narrow: str) -> bool:
    """The same for a host name, an address or a subnet."""
    return wide == "*" or wide.lower() == narrow.lower() or covers(wide, narrow)


def _witness(flow: SubscriberFlow) -> str:
    """A request that fits the flow, in words."""
    source = _example(flow.source_subnet) or "any address"
    words = [f"a REGISTER from {source} on {flow.signaling_interface}"]
    if flow.user_agent != "*":
        words.append(f"User-Agent {flow.user_agent!r}")
    if flow.via_host != "*":
        words.append(f"Via host {_example(flow.via_host) or flow.via_host}")
    if flow.contact_host != "*":
        words.append(f"Contact host {_example(flow.contact_host) or flow.contact_host}")
    return ", ".join(words)


def _example(subnet: str) -> str:
    """An address of a subnet; "" for * and for a name."""
    net = network(subnet)
    if net is None:
        return ""
    return str(net[1] if net.num_addresses > 2 else net[0])


def _server_flows(border: Border) -> Iterator[Problem]:
    """Outward a flow is dead behind an equal or wider one; inward if their interface is one."""
    for index, flow in enumerate(border.server_flows):
        for earlier in border.server_flows[:index]:
            if not _takes_requests(earlier, flow):
                continue
            never = earlier.signaling_interface == flow.signaling_interface
            what = "can never match" if never else "takes no request to its server"
            source = _example(flow.remote_subnet) or f"any address of {flow.server_profile}"
            yield Problem(
                f"border.server_flows[{index}]",
                f"{flow.name!r} {what}: {earlier.name!r} stands before it and takes everything, "
                f"for example a request received on {flow.received_interface} for {source}",
                f"move {flow.name!r} before {earlier.name!r}, or narrow that one",
                flow.form,
                severity="warning",
            )
            break


def _takes_requests(earlier: ServerFlow, flow: ServerFlow) -> bool:
    return (
        earlier.server_profile == flow.server_profile
        and earlier.received_interface == flow.received_interface
        and earlier.transport in ("*", flow.transport)
        and _subnet_covers(earlier.remote_subnet, flow.remote_subnet)
    )


def _unreached(border: Border) -> Iterator[Problem]:
    """Next hops that no server flow takes for a subscriber flow that is routed there."""
    profiles = {profile.name: (i, profile) for i, profile in enumerate(border.routing_profiles)}
    said: set[tuple[int, int, str]] = set()
    for flow in border.subscriber_flows:
        found = profiles.get(flow.routing_profile)
        if found is None:
            continue
        index, profile = found
        for number, hop in enumerate(profile.next_hops):
            key = (index, number, flow.signaling_interface)
            if key in said or _is_reached(border, hop, flow.signaling_interface):
                continue
            said.add(key)
            yield Problem(
                f"border.routing_profiles[{index}].next_hops[{number}]",
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
