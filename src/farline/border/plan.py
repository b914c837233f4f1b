"""The border's configuration with its names resolved, as the stages look things up.

A `Plan` is made once from a `Border` and never changes; it decides nothing. The plan of a changed
configuration knows by name what its past still holds together: bindings and calls that began
before go on by it, and nothing that begins now finds it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from farline.border.exchange import Verdict
from farline.border.flow import because
from farline.border.interworking.stage import Interworking
from farline.border.policy import groups as policy
from farline.border.routing.peers import PeerFlow, peer_flow
from farline.border.topology.call_ids import CallIds
from farline.border.topology.headers import HeaderHiding
from farline.border.topology.inside import InsideAddresses
from farline.border.topology.own_addresses import OwnAddresses
from farline.border.topology.server_hosts import ServerHosts
from farline.config.time_of_day import TimeOfDay
from farline.config.uri_groups import URI_GROUP_ANY, compile_group
from farline.sip import Address, NameAddr, Transport, WireError

if TYPE_CHECKING:
    from farline.border.exchange import Refusal
    from farline.config import (
        Border,
        RoutingProfile,
        Rules,
        ServerFlow,
        ServerProfile,
        SignalingInterface,
        SubscriberFlow,
    )
    from farline.config.server_types import Nature

FIRST_LINE = 11
"""`ipcs-line` of the first subscriber flow; the guide's traces show 11."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One address that a routing profile leads to."""

    server: str
    transport: Transport
    remote: Address
    failover: bool = field(default=False, compare=False)
    """The server profile's failover port: tried only after a connection to its neighbour failed."""

    name: str = field(default="", compare=False)
    """The host name that led here; "" where an address is configured."""

    def __str__(self) -> str:
        return f"{self.server} {self.remote} ({self.transport})"


class Plan:
    """Lookups over one `Border`."""

    def __init__(self, border: Border, past: Plan | None = None) -> None:
        self.border = border
        self.has_scripts: bool = bool(border.signaling_scripts) or (
            past is not None and past.has_scripts
        )
        """Some flow or server may name one."""

        self._take_forms(border)
        self._take_profiles(border)
        self._take_flows(border)
        self.hosts: ServerHosts = ServerHosts(
            border, self.server_flows, None if past is None else past.hosts
        )
        self.own: OwnAddresses = OwnAddresses(
            border, self._names_in_via(), None if past is None else past.own
        )
        self.inside: InsideAddresses = InsideAddresses(
            border, None if past is None else past.inside
        )
        if past is not None:
            self._inherit(past)
        self._foresee()

    def _take_forms(self, border: Border) -> None:
        """Forms by name, as they are."""
        self.interfaces: dict[str, SignalingInterface] = {
            item.name: item for item in border.signaling_interfaces
        }
        self.media = {item.name: item for item in border.media_interfaces}
        self.servers: dict[str, ServerProfile] = {
            item.name: item for item in border.server_profiles
        }
        self.routing: dict[str, tuple[RoutingProfile, ...]] = {
            item.name: item.rules for item in border.routing_profiles
        }
        """The rules of each profile in their order."""

        self.times = {
            name: rule
            for name, rule in border.rules["time_of_day"].items()
            if isinstance(rule, TimeOfDay)
        }
        self.groups = border.resolved_groups()

    def _take_profiles(self, border: Border) -> None:
        """Forms by name, made ready to be applied to messages."""
        profiles = {one.name: Interworking(one) for one in border.interworking}
        self.interworking: dict[str, Interworking] = {
            item.name: profiles[item.advanced.interworking_profile]
            for item in border.server_profiles
        }
        """By server profile."""

        self.hiding = {item.name: HeaderHiding(item) for item in border.topology_hiding_profiles}
        key = border.topology_hiding_key
        self.call_ids = CallIds(None if key is None else key.reveal())
        self._uri_groups = {group.name: compile_group(group) for group in border.uri_groups}

    def _take_flows(self, border: Border) -> None:
        """Flows by interface, and what follows from their order and from their servers."""
        self.subscriber_flows = _by_interface(border.subscriber_flows)
        self.server_flows = _by_interface(border.server_flows)
        self.first_flows: dict[str, Verdict[SubscriberFlow | None]] = {
            flow.name: Verdict(flow, because(flow.name), f"{flow.form}: {flow.name}")
            for flow in border.subscriber_flows
        }
        """The verdict for a subscriber flow where no other one stands before it."""

        self.lines = {
            flow.name: FIRST_LINE + index for index, flow in enumerate(border.subscriber_flows)
        }
        """`ipcs-line` by name of the subscriber flow, or of the server flow in `peers`."""

        self.peers: dict[str, PeerFlow] = {}
        """By name of the server flow: those whose requests go on to other servers."""

        self.outsiders: set[str] = set()
        """Signaling interfaces behind which there are servers that are outsiders."""

        for index, flow in enumerate(border.server_flows):
            server = self.servers[flow.server_profile]
            if server.nature.is_outsider:
                self.outsiders.add(flow.signaling_interface)
            if flow.routes_on:
                script = server.advanced.signaling_manipulation_script
                self.peers[flow.name] = peer_flow(flow, script)
                number = FIRST_LINE + len(border.subscriber_flows) + index
                self.lines.setdefault(flow.name, number)

    def _foresee(self) -> None:
        """What is decided already, for every message at every time."""
        self.only_rules: dict[str, RoutingProfile] = {}
        """The rule of each routing profile that has one, for every end point at all times."""

        for name, rules in self.routing.items():
            free = rules[0].uri_group == URI_GROUP_ANY and self.times[rules[0].time_of_day].always
            if len(rules) == 1 and free:
                self.only_rules[name] = rules[0]
        self._standing = {
            name: policy.always(sets[0])
            for name, sets in self.groups.items()
            if len(sets) == 1 and sets[0].time_of_day.always
        }

    def standing(self, group: str) -> Verdict[Rules | Refusal] | None:
        """The rules of a policy group whose only set always holds; None: it depends on the time."""
        return self._standing.get(group)

    def in_uri_group(self, name: str, header: str | None) -> bool:
        """Whether the address in a header is one of a URI group's (`*` has every address)."""
        if name == URI_GROUP_ANY:
            return True
        try:
            uri = NameAddr.parse(header or "").uri
        except WireError:
            return False
        aor = f"{uri.user}@{uri.host}" if uri.user else uri.host
        return self._uri_groups[name].fullmatch(aor) is not None

    def is_outer(self, interface: str) -> bool:
        """Whether somebody on a signaling interface must not read anything of the inside."""
        return interface in self.subscriber_flows or interface in self.outsiders

    def nature(self, server: str) -> Nature:
        """What the type of a server profile means."""
        return self.servers[server].nature

    def _inherit(self, past: Plan) -> None:
        """What bindings and calls that began before go on by."""
        self.outsiders |= past.outsiders
        self.interfaces = past.interfaces | self.interfaces
        self.servers = past.servers | self.servers
        self.routing = past.routing | self.routing
        self.times = past.times | self.times
        self.groups = past.groups | self.groups
        self.media = past.media | self.media
        self._uri_groups = past._uri_groups | self._uri_groups
        self.call_ids.remember(past.call_ids)
        self.hiding = past.hiding | self.hiding
        self.interworking = past.interworking | self.interworking
        self.lines = past.lines | self.lines

    def _names_in_via(self) -> dict[str, str]:
        """Overwritten Via hosts by signaling interface; flows of one interface agree (checked)."""
        named: dict[str, str] = {}
        for flow in self.border.server_flows:
            hiding = self.hiding.get(flow.topology_hiding_profile or "")
            for towards, interface in (
                ("server", flow.signaling_interface),
                ("endpoint", flow.received_interface),
            ):
                name = hiding.own_host("Via", towards) if hiding is not None else ""
                if name:
                    named[interface] = name
        return named


F = TypeVar("F", "SubscriberFlow", "ServerFlow")


def _by_interface(flows: tuple[F, ...]) -> dict[str, list[F]]:
    """Flows in their order, by signaling interface."""
    found: dict[str, list[F]] = {}
    for flow in flows:
        found.setdefault(flow.signaling_interface, []).append(flow)
    return found
