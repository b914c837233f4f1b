"""The border's configuration with its names resolved, as the stages look things up.

A `Plan` is made once from a `Border` and never changes; it decides nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from farline.border.call_ids import CallIds
from farline.border.header_hiding import HeaderHiding
from farline.border.inside import InsideAddresses
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
    )

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
        self.hiding = {item.name: HeaderHiding(item) for item in border.topology_hiding_profiles}
        key = border.topology_hiding_key
        self.call_ids = CallIds(None if key is None else key.reveal())
        self.subscriber_flows = _by_interface(border.subscriber_flows)
        self.server_flows = _by_interface(border.server_flows)
        self.lines = {
            flow.name: FIRST_LINE + index for index, flow in enumerate(border.subscriber_flows)
        }
        self.server_addresses = {
            item.name: frozenset(entry.address for entry in item.addresses)
            for item in border.server_profiles
        }
        self._via_names = self._names_in_via()
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

    def sent_by(self, interface: str, transport: Transport) -> Address:
        """What our Via says: the address, or the name that topology hiding gives it."""
        address = self._addresses[interface, transport]
        name = self._via_names.get(interface)
        return address if name is None else Address(name, address.port)

    def is_own(self, host: str, port: int | None) -> bool:
        """Whether host and port of a URI or Via are one of our signaling interfaces."""
        ports = self.own.get(host)
        return ports is not None and (port is None or port in ports)

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
