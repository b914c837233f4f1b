"""The border's configuration with its names resolved, as the stages look things up.

A `Plan` is made once from a `Border` and never changes; it decides nothing. The plan of a changed
configuration knows by name what its past still holds together: bindings and calls that began
before go on by it, and nothing that begins now finds it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from farline.border import policy
from farline.border.call_ids import CallIds
from farline.border.exchange import Verdict
from farline.border.flow import because
from farline.border.header_hiding import HeaderHiding
from farline.border.inside import InsideAddresses
from farline.border.interworking import Interworking
from farline.border.peers import PeerFlow, peer_flow
from farline.config.flows import split_host
from farline.config.matching import ANY
from farline.config.policy_rules import TimeOfDay
from farline.config.subnets import in_subnet, literal
from farline.config.uri_groups import URI_GROUP_ANY, compile_group
from farline.sip import Address, NameAddr, Transport, WireError
from farline.sip.transport import canonical_host

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

        self.only_rules: dict[str, RoutingProfile] = {}
        """The rule of each routing profile that has one, for every end point at all times."""

        self.times = {
            name: rule
            for name, rule in border.rules["time_of_day"].items()
            if isinstance(rule, TimeOfDay)
        }
        self.groups = border.resolved_groups()
        profiles = {one.name: Interworking(one) for one in border.interworking}
        self.interworking: dict[str, Interworking] = {
            item.name: profiles[item.advanced.interworking_profile]
            for item in border.server_profiles
        }
        """By server profile."""

        self.hiding = {item.name: HeaderHiding(item) for item in border.topology_hiding_profiles}
        key = border.topology_hiding_key
        self._uri_groups = {group.name: compile_group(group) for group in border.uri_groups}
        self.call_ids = CallIds(None if key is None else key.reveal())
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
        self.peers: dict[str, PeerFlow] = {}
        """By name of the server flow: those whose requests go on to other servers."""

        self.outsiders: set[str] = set()
        """Signaling interfaces behind which there are servers that are outsiders."""

        self._look_at_servers()
        self.server_addresses = {
            item.name: frozenset(entry.address for entry in item.addresses)
            for item in border.server_profiles
        }
        self._via_names = self._names_in_via()
        for flow in border.subscriber_flows:
            if flow.presence_server_address is not None:
                host = split_host(flow.presence_server_address, 5060)[0]
                for server in border.server_flows:
                    if server.received_interface == flow.signaling_interface:
                        self.server_addresses[server.server_profile] |= {host}
        self.own = self._own_addresses()
        self._locals = {
            (item.name, one): Address(item.ip, item.port(one) or one.default_port)
            for item in border.signaling_interfaces
            for one in Transport
        }
        self._addresses = {
            key: Address(border.shown(local.host), local.port)
            for key, local in self._locals.items()
        }
        self.inside: InsideAddresses = InsideAddresses(
            border, None if past is None else past.inside
        )
        self.former_servers: dict[str, frozenset[str]] = {}
        """Hosts by interface whose server flow is gone: only their running calls are heard."""

        if past is not None:
            self._inherit(past)
        self._peers = {
            interface: self.servers_on(interface) | self.former_servers.get(interface, frozenset())
            for interface in {*self.server_flows, *self.former_servers}
        }
        self._named = self._subnets_of_names()
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

    def is_server(self, interface: str, host: str) -> bool:
        """Whether a server, or one that the configuration no longer has, was heard here."""
        if host in self._peers.get(interface, ()):
            return True
        return any(in_subnet(subnet, host) for subnet in self._named.get(interface, ()))

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

    def address(self, interface: str, transport: Transport) -> Address:
        """Our address on a signaling interface, as peers are told (Public IP).

        Where that transport does not listen, its usual port: the peer answers on the connection.
        """
        return self._addresses[interface, transport]

    def local(self, interface: str, transport: Transport) -> Address:
        """The address that our socket has."""
        return self._locals[interface, transport]

    def sent_by(self, interface: str, transport: Transport) -> Address:
        """What our Via says: the address, or the name that topology hiding gives it."""
        address = self._addresses[interface, transport]
        name = self._via_names.get(interface)
        return address if name is None else Address(name, address.port)

    def is_own(self, host: str, port: int | None) -> bool:
        """Whether host and port of a URI or Via are one of our signaling interfaces."""
        ports = self.own.get(canonical_host(host))
        return ports is not None and (port is None or port in ports)

    def _subnets_of_names(self) -> dict[str, list[str]]:
        """Where servers are that are known by name: Remote Subnets by signaling interface."""
        found: dict[str, list[str]] = {}
        for flow in self.border.server_flows:
            named = any(literal(one) is None for one in self.server_addresses[flow.server_profile])
            if named and flow.remote_subnet != ANY:
                found.setdefault(flow.signaling_interface, []).append(flow.remote_subnet)
        return found

    def is_outer(self, interface: str) -> bool:
        """Whether somebody on a signaling interface must not read anything of the inside."""
        return interface in self.subscriber_flows or interface in self.outsiders

    def nature(self, server: str) -> Nature:
        """What the type of a server profile means."""
        return self.servers[server].nature

    def _look_at_servers(self) -> None:
        for index, flow in enumerate(self.border.server_flows):
            server = self.servers[flow.server_profile]
            if server.nature.is_outsider:
                self.outsiders.add(flow.signaling_interface)
            if flow.routes_on:
                script = server.advanced.signaling_manipulation_script
                self.peers[flow.name] = peer_flow(flow, script)
                number = FIRST_LINE + len(self.border.subscriber_flows) + index
                self.lines.setdefault(flow.name, number)

    def may_own(self, text: str) -> bool:
        """Whether it is worth while to parse a Via or URI: False where `is_own` would be."""
        lowered = text.lower()
        for host in self.own:  # noqa: SIM110 - `any` takes three times as long
            if host in lowered or (":" in host and "[" in lowered):
                return True
        return False

    def _inherit(self, past: Plan) -> None:
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
        self.server_addresses = past.server_addresses | self.server_addresses
        self._addresses = past._addresses | self._addresses
        self._locals = past._locals | self._locals
        for host, ports in past.own.items():
            self.own[host] = self.own.get(host, set()) | ports
        self.former_servers = dict(past.former_servers)
        for interface in past.server_flows:
            known = self.former_servers.get(interface, frozenset())
            self.former_servers[interface] = known | past.servers_on(interface)

    def servers_on(self, interface: str) -> frozenset[str]:
        """The hosts of all servers whose flows use a signaling interface."""
        flows = self.server_flows.get(interface, ())
        return frozenset().union(*(self.server_addresses[one.server_profile] for one in flows))

    def was_server(self, interface: str, host: str) -> bool:
        """Whether a server that the configuration no longer has was heard here."""
        return host in self.former_servers.get(interface, ())

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

    def _own_addresses(self) -> dict[str, set[int]]:
        own: dict[str, set[int]] = {}
        for interface in self.interfaces.values():
            ports = {port for one in Transport if (port := interface.port(one)) is not None}
            own.setdefault(interface.ip, set()).update(ports)
            own.setdefault(self.border.shown(interface.ip), set()).update(ports)
        for interface_name, name in self._via_names.items():
            own.setdefault(name, set()).update(own[self.interfaces[interface_name].ip])
        return own


F = TypeVar("F", "SubscriberFlow", "ServerFlow")


def _by_interface(flows: tuple[F, ...]) -> dict[str, list[F]]:
    """Flows in their order, by signaling interface."""
    found: dict[str, list[F]] = {}
    for flow in flows:
        found.setdefault(flow.signaling_interface, []).append(flow)
    return found
