"""The border's configuration with its names resolved, as the stages look things up.

A `Plan` is made once from a `Border` and never changes; it decides nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import TYPE_CHECKING, TypeVar

from farline.config.subnets import IpNetwork, literal
from farline.sip import Address, Transport

if TYPE_CHECKING:
    from farline.config import (
        Border,
        EndPointPolicyGroup,
        RoutingProfile,
        ServerFlow,
        ServerProfile,
        SignalingInterface,
        SubscriberFlow,
        TopologyHidingProfile,
    )

FIRST_LINE = 11
"""`ipcs-line` of the first subscriber flow; the guide's traces show 11."""

MAX_KNOWN = 4096
"""Hosts whose place is remembered."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """One address that a routing profile leads to."""

    server: str
    transport: Transport
    remote: Address
    failover: bool = False
    """The server profile's failover port: tried only after a connection to its neighbour failed."""

    def __str__(self) -> str:
        return f"{self.server} {self.remote} ({self.transport})"


class Plan:
    """Lookups over one `Border`."""

    def __init__(self, border: Border) -> None:
        self.border = border
        self.interfaces: dict[str, SignalingInterface] = {
            item.name: item for item in border.signaling_interfaces
        }
        self.servers: dict[str, ServerProfile] = {
            item.name: item for item in border.server_profiles
        }
        self.routing: dict[str, RoutingProfile] = {
            item.name: item for item in border.routing_profiles
        }
        self.groups: dict[str, EndPointPolicyGroup] = {
            item.name: item for item in border.policy_groups
        }
        self.hiding: dict[str, TopologyHidingProfile] = {
            item.name: item for item in border.topology_hiding_profiles
        }
        self.subscriber_flows = _by_interface(border.subscriber_flows)
        self.server_flows = _by_interface(border.server_flows)
        self.lines = {
            flow.name: FIRST_LINE + index for index, flow in enumerate(border.subscriber_flows)
        }
        self.server_addresses = {
            item.name: frozenset(entry.address for entry in item.addresses)
            for item in border.server_profiles
        }
        self.own = self._own_addresses()
        self._addresses = {
            (item.name, one): Address(item.ip, item.port(one) or one.default_port)
            for item in border.signaling_interfaces
            for one in Transport
        }
        self.inside = InsideAddresses(border)

    def address(self, interface: str, transport: Transport) -> Address:
        """Our address on a signaling interface.

        Where that transport does not listen, its usual port: the peer answers on the connection.
        """
        return self._addresses[interface, transport]

    def is_own(self, host: str, port: int | None) -> bool:
        """Whether host and port of a URI or Via are one of our signaling interfaces."""
        ports = self.own.get(host)
        return ports is not None and (port is None or port in ports)

    def _own_addresses(self) -> dict[str, set[int]]:
        own: dict[str, set[int]] = {}
        for interface in self.interfaces.values():
            ports = {port for one in Transport if (port := interface.port(one)) is not None}
            own.setdefault(interface.ip, set()).update(ports)
        return own


class InsideAddresses:
    """Which addresses an outsider may never read.

    All of the networks of server flows, and the servers' own addresses; never one of our outside
    addresses or of a network that is outside as well (a laboratory may use one network for both).
    """

    def __init__(self, border: Border) -> None:
        interfaces = {item.name: item for item in border.signaling_interfaces}
        networks = {item.name: item.subnet for item in border.networks}
        media = {item.name: item for item in border.media_interfaces}
        served = {flow.signaling_interface for flow in border.server_flows}
        outer = {flow.signaling_interface for flow in border.subscriber_flows}
        outside_nets = {networks[interfaces[name].network] for name in outer}
        self._outside_ips = {interfaces[name].ip for name in outer}
        self._outside_ips |= {media[flow.media_interface].ip for flow in border.subscriber_flows}
        inner = {networks[interfaces[name].network] for name in served}
        self.networks: tuple[IpNetwork, ...] = tuple(
            net for net in inner if not any(_overlap(net, out) for out in outside_nets)
        )
        exact = {interfaces[name].ip for name in served}
        exact |= {media[flow.media_interface].ip for flow in border.server_flows}
        for server in border.server_profiles:
            exact |= {entry.address for entry in server.addresses if literal(entry.address)}
        self.exact = frozenset(str(ip_address(ip)) for ip in exact - self._outside_ips)
        self._known: dict[str, bool] = {}

    def __contains__(self, host: str) -> bool:
        """Whether the host, an address as text, is inside."""
        known = self._known.get(host)
        if known is None:
            if len(self._known) >= MAX_KNOWN:
                self._known.clear()
            known = self._known[host] = self._is_inside(host)
        return known

    def _is_inside(self, host: str) -> bool:
        address = literal(host.strip("[]"))
        if address is None or str(address) in self._outside_ips:
            return False
        if str(address) in self.exact:
            return True
        return any(address.version == net.version and address in net for net in self.networks)


def _overlap(one: IpNetwork, other: IpNetwork) -> bool:
    if isinstance(one, IPv4Network) and isinstance(other, IPv4Network):
        return one.overlaps(other)
    return isinstance(one, IPv6Network) and isinstance(other, IPv6Network) and one.overlaps(other)


F = TypeVar("F", "SubscriberFlow", "ServerFlow")


def _by_interface(flows: tuple[F, ...]) -> dict[str, list[F]]:
    """Flows in their order, by signaling interface."""
    found: dict[str, list[F]] = {}
    for flow in flows:
        found.setdefault(flow.signaling_interface, []).append(flow)
    return found
