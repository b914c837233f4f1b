"""Flows that can never match, each with a witness: the request that somebody else takes.

The first flow that matches wins, so a flow is dead when those before it take everything together
(`farline.config.coverage`). `check_routing` has the next hops that no server flow takes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline.config.base import Problem
from farline.config.coverage import Covered, server_cover, subscriber_cover
from farline.config.flows import ANY_BRANCH
from farline.config.subnets import network
from farline.sip import Transport

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from farline.config.deployment import Border
    from farline.config.flows import ServerFlow, SubscriberFlow


def check_shadows(border: Border) -> Iterator[Problem]:
    """A warning for each flow that can never match."""
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
    """Outward a flow is dead behind others; inward too if they take all from that interface.

    A subscriber flow with a Received Interface passes over the server flows of other ones.
    """
    wanted = {(one.signaling_interface, one.received_interface) for one in border.subscriber_flows}
    transports = [str(one) for one in Transport if not one.is_websocket]
    for index, flow in enumerate(border.server_flows):
        before: Sequence[ServerFlow] = border.server_flows[:index]
        if (flow.received_interface, flow.signaling_interface) in wanted:
            before = [one for one in before if one.signaling_interface == flow.signaling_interface]
        covered = server_cover(flow, before, transports)
        if covered is None:
            continue
        takers = [one for one in before if one.name in covered.takers]
        never = all(
            one.signaling_interface == flow.signaling_interface
            and one.remote_branch_office in (ANY_BRANCH, flow.remote_branch_office)
            for one in takers
        )
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
