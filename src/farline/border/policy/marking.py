"""Signaling QoS (signaling rules): the DS byte of every message that leaves (RFC 2474).

It is that of the policy set that holds now, in the group of the flow (subscriber or server flow)
that the message goes by. Which one that is, is noted where it is decided: the same connection may
carry messages of several. Interfaces of which no rule ever asked for a DS byte cost nothing.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

from farline.border.exchange import Refusal
from farline.border.policy import groups as policy

if TYPE_CHECKING:
    from farline.border.plan import Plan
    from farline.config import Border, ServerFlow, SubscriberFlow
    from farline.sip import Flow

    Configured = SubscriberFlow | ServerFlow

MAX_NOTED = 100_000
"""Connections and UDP peers whose flow is remembered; the longest unused is forgotten."""


def first_classes(border: Border) -> dict[str, int]:
    """The DS byte of each signaling interface's first flow and set: for what has no flow yet."""
    groups = border.resolved_groups()
    found: dict[str, int] = {}
    flows: tuple[Configured, ...] = border.subscriber_flows + border.server_flows
    for flow in flows:
        rules = groups[flow.end_point_policy_group][0]
        found.setdefault(flow.signaling_interface, rules.signaling.signaling_qos)
    return found


class Marking:
    """What is known of the flows of connections and UDP peers, and the DS bytes that follow."""

    def __init__(self, plan: Plan, past: Marking | None = None) -> None:
        self._plan = plan
        self._noted: OrderedDict[Flow, Configured] = OrderedDict()
        former: frozenset[str] = past.interfaces if past is not None else frozenset()
        self.interfaces: frozenset[str] = _asking(plan) | former
        """Where messages are marked: some rule asks for it, or asked before a change."""

    def belongs(self, way: Flow, flow: Configured | None) -> None:
        """A message of a flow came by a connection (or UDP peer), or goes by it now."""
        if flow is None or way.interface not in self.interfaces:
            return
        self._noted[way] = flow
        self._noted.move_to_end(way)
        if len(self._noted) > MAX_NOTED:
            self._noted.popitem(last=False)

    def forget(self, way: Flow) -> None:
        """A connection is gone."""
        self._noted.pop(way, None)

    def ds_byte(self, way: Flow, wall: float) -> int | None:
        """That of a message; None: as the socket is. `wall`: seconds since 1970."""
        if way.interface not in self.interfaces:
            return None
        flow = self._noted.get(way) or self._likely(way)
        if flow is None:
            return None
        sets = self._plan.groups[flow.end_point_policy_group]
        rules = policy.select(sets, wall, in_dialog=True).value
        return None if isinstance(rules, Refusal) else rules.signaling.signaling_qos

    def _likely(self, way: Flow) -> Configured | None:
        """Of whom nothing is known yet: the first flow of that server, else of that interface."""
        plan = self._plan
        servers = plan.server_flows.get(way.interface, ())
        for flow in servers:
            if way.remote.host in plan.hosts.of_profile[flow.server_profile]:
                return flow
        subscribers = plan.subscriber_flows.get(way.interface, ())
        return next(iter((*subscribers, *servers)), None)


def _asking(plan: Plan) -> frozenset[str]:
    border = plan.border
    flows: tuple[Configured, ...] = border.subscriber_flows + border.server_flows
    return frozenset(
        flow.signaling_interface
        for flow in flows
        for rules in plan.groups[flow.end_point_policy_group]
        if rules.signaling.signaling_qos
    )
