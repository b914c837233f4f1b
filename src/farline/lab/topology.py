"""The guide's networks as data: nodes, links, addresses, rules. `namespaces` builds them.

mobile ── router ── outside(bridge) ── border ── office
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from farline.config import Deployment
    from farline.config.lab import Lab
    from farline.config.network import Network


@dataclass(frozen=True, slots=True)
class Port:
    """A network interface of a node: its name and its addresses ("192.0.2.1/24")."""

    name: str
    addresses: tuple[str, ...] = ()
    bridge: str | None = None
    """The bridge of the node that the interface belongs to; its addresses are the bridge's then."""


@dataclass(frozen=True, slots=True)
class Node:
    """A box of the picture."""

    name: str
    ports: tuple[Port, ...]
    bridges: tuple[Port, ...] = ()
    gateway: str | None = None
    forward: bool = False
    rules: str = ""
    """nftables, as `nft -f` reads it."""
    resolver: str | None = None
    """Address of the name server that programs in this node ask."""


@dataclass(frozen=True, slots=True)
class Link:
    """A cable: (node, port) to (node, port)."""

    one: tuple[str, str]
    other: tuple[str, str]


@dataclass(frozen=True, slots=True)
class Topology:
    """Nodes and the links between them."""

    nodes: tuple[Node, ...]
    links: tuple[Link, ...]

    def node(self, name: str) -> Node:
        """A node by name. Raises KeyError."""
        for node in self.nodes:
            if node.name == name:
                return node
        raise KeyError(name)


NODES = ("mobile", "router", "outside", "border", "office")

_MASQUERADE = """
table inet router {
  chain forward {
    type filter hook forward priority filter; policy accept;
    iifname "wan0" ct state established,related accept
    iifname "wan0" drop
  }
  chain postrouting {
    type nat hook postrouting priority srcnat;
    oifname "wan0" masquerade
  }
}
"""

_NO_CROSSING = """
table inet border {{
  chain input {{
    type filter hook input priority filter; policy accept;
    iifname "{outside}" ip daddr != {{ {outside_ips} }} drop
    iifname "{inside}" ip daddr != {{ {inside_ips} }} drop
  }}
}}
"""
"""Linux answers for any of its addresses on any interface; a border must not."""


def guide_topology(deployment: Deployment) -> Topology:
    """The lab of a deployment: it must have border, office and lab sections (ValueError)."""
    border, office, lab = deployment.border, deployment.office, deployment.lab
    if border is None or office is None or lab is None:
        raise ValueError("the lab needs the sections border, office and lab in the deployment")
    inside = _network_of(border.networks, office.ip)
    outside = _network_of(border.networks, lab.router.wan_ip)
    portal = (deployment.portal.ip,) if deployment.portal is not None else ()
    office_ips = tuple(dict.fromkeys((office.ip, *portal, lab.inside_dns, lab.desk_phone.ip)))
    nodes = (*_outer_nodes(lab, outside), *_inner_nodes(lab, inside, outside, office_ips))
    links = (
        Link(("mobile", "wlan0"), ("router", "lan0")),
        Link(("router", "wan0"), ("outside", "router0")),
        Link(("outside", "border0"), ("border", outside.interface)),
        Link(("border", inside.interface), ("office", "eth0")),
    )
    return Topology(nodes, links)


def _outer_nodes(lab: Lab, outside: Network) -> tuple[Node, ...]:
    """The phone, the router before it, and the network that the border's outside is in."""
    prefix = outside.subnet.prefixlen
    return (
        Node(
            "mobile",
            (Port("wlan0", (f"{lab.mobile.ip}/{lab.router.lan_prefix}",)),),
            gateway=lab.router.lan_ip,
            resolver=lab.outside_dns,
        ),
        Node(
            "router",
            (
                Port("lan0", (f"{lab.router.lan_ip}/{lab.router.lan_prefix}",)),
                Port("wan0", (f"{lab.router.wan_ip}/{prefix}",)),
            ),
            forward=True,
            rules=_MASQUERADE,
            resolver=lab.outside_dns,
        ),
        Node(
            "outside",
            (Port("router0", bridge="br0"), Port("border0", bridge="br0")),
            bridges=(Port("br0", (f"{lab.outside_dns}/{prefix}",)),),
            resolver=lab.outside_dns,
        ),
    )


def _inner_nodes(
    lab: Lab, inside: Network, outside: Network, office_ips: tuple[str, ...]
) -> tuple[Node, ...]:
    """The border, and the one machine of everything inside."""
    within, without = inside.subnet.prefixlen, outside.subnet.prefixlen
    rules = _NO_CROSSING.format(
        outside=outside.interface,
        inside=inside.interface,
        outside_ips=", ".join(entry.ip for entry in outside.addresses),
        inside_ips=", ".join(entry.ip for entry in inside.addresses),
    )
    return (
        Node(
            "border",
            (_border_port(inside, within), _border_port(outside, without)),
            rules=rules,
            resolver=lab.inside_dns,
        ),
        Node(
            "office",
            (Port("eth0", tuple(f"{ip}/{within}" for ip in office_ips)),),
            resolver=lab.inside_dns,
        ),
    )


def _border_port(network: Network, prefix: int) -> Port:
    return Port(network.interface, tuple(f"{entry.ip}/{prefix}" for entry in network.addresses))


def _network_of(networks: tuple[Network, ...], ip: str) -> Network:
    """The border's network that an address is in."""
    for network in networks:
        if ip_address(ip) in ip_network(network.subnet):
            return network
    raise ValueError(f"no network of the border holds {ip}")
