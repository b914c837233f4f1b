"""What an outsider may never read: addresses and names of the inside."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import TYPE_CHECKING

from farline.config.flows import split_host
from farline.config.subnets import IpNetwork, literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from farline.config import Border, ServerFlow

MAX_KNOWN = 4096
"""Hosts whose place is remembered."""


class InsideAddresses:
    """Which addresses and names are inside.

    All of the networks of server flows, the servers' own addresses and names, and what the audit's
    form lists; nothing of servers that are outsiders (trunks), and never one of our outside
    addresses or of a network that is outside as well (a laboratory may use one for both).
    """

    def __init__(self, border: Border, past: InsideAddresses | None = None) -> None:
        """`past`: what was inside before a change, and stays hidden while calls go on."""
        interfaces = {item.name: item for item in border.signaling_interfaces}
        networks = {item.name: item.subnet for item in border.networks}
        outsiders = {one.name for one in border.server_profiles if one.nature.is_outsider}
        inner_flows = [one for one in border.server_flows if one.server_profile not in outsiders]
        outer_flows = [one for one in border.server_flows if one.server_profile in outsiders]
        served = {flow.signaling_interface for flow in inner_flows}
        outer = {flow.signaling_interface for flow in border.subscriber_flows}
        outer |= {flow.signaling_interface for flow in outer_flows} - served
        self._outside_ips = {interfaces[name].ip for name in outer}
        self._outside_ips |= _outside_media(border, inner_flows, outer_flows)
        self._outside_ips |= {border.shown(ip) for ip in self._outside_ips}
        outside_nets = {networks[interfaces[name].network] for name in outer}
        inner = {networks[interfaces[name].network] for name in served}
        self.networks: tuple[IpNetwork, ...] = tuple(
            net for net in inner if not any(_overlap(net, out) for out in outside_nets)
        )
        servers = _servers(border, outsiders)
        exact = {interfaces[name].ip for name in served} | _inside_media(border, inner_flows)
        exact |= {address for address in servers if literal(address)}
        self.exact = frozenset(str(ip_address(ip)) for ip in exact - self._outside_ips)
        audit = border.topology_audit
        public = {name.lower() for name in audit.outside_names}
        public |= {one.sip_domain.lower() for one in border.server_profiles if one.sip_domain}
        names = {address.lower() for address in servers if not literal(address)}
        names |= {name.lower() for name in audit.inside_names}
        self.names = frozenset(names - public)
        if past is not None:
            kept = (net for net in past.networks if not any(_overlap(net, o) for o in outside_nets))
            self.networks = tuple(dict.fromkeys((*self.networks, *kept)))
            self.exact |= past.exact - self._outside_ips
            self.names |= past.names - public
        self._known: dict[str, bool] = {}

    def __contains__(self, host: str) -> bool:
        """Whether the host, an address or a name as text, is inside."""
        known = self._known.get(host)
        if known is None:
            if len(self._known) >= MAX_KNOWN:
                self._known.clear()
            known = self._known[host] = self._is_inside(host)
        return known

    def _is_inside(self, host: str) -> bool:
        address = literal(host.strip("[]"))
        if address is not None and address.version == 6 and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        if address is None:
            lowered = host.lower().rstrip(".")
            return any(lowered == one or lowered.endswith(f".{one}") for one in self.names)
        if str(address) in self._outside_ips:
            return False
        if str(address) in self.exact:
            return True
        return any(address.version == net.version and address in net for net in self.networks)


def hints(inside: InsideAddresses) -> tuple[str, ...]:
    """Texts one of which stands, in either case, wherever something inside is named."""
    found = set(inside.names)
    for net in inside.networks:
        found.add(_prefix(net))
    for ip in inside.exact:
        found.add(_first_group(ip) if ":" in ip else ip)
    if found:
        found |= {":ffff:", "%2e", "%3a"}  # IPv4 in IPv6 (RFC 4291 section 2.5.5.2), marks escaped
    return tuple(hint for hint in found if not any(o != hint and o in hint for o in found))


def _prefix(net: IpNetwork) -> str:
    """What every spelling of every address of a network has in it."""
    if isinstance(net, IPv6Network):
        return _first_group(str(net.network_address)) if net.prefixlen >= 16 else ":"
    if net.prefixlen < 8:
        return "."
    octets = str(net.network_address).split(".")[: net.prefixlen // 8]
    return ".".join(octets) + ("." if len(octets) < 4 else "")


def _first_group(ip: str) -> str:
    """The first group of an IPv6 address: leading zeros may stand before it, nothing within."""
    return f"{ip.partition(':')[0]}:"


def _overlap(one: IpNetwork, other: IpNetwork) -> bool:
    if isinstance(one, IPv4Network) and isinstance(other, IPv4Network):
        return one.overlaps(other)
    return isinstance(one, IPv6Network) and isinstance(other, IPv6Network) and one.overlaps(other)


def _outside_media(
    border: Border, inner_flows: Sequence[ServerFlow], outer_flows: Sequence[ServerFlow]
) -> set[str]:
    """Addresses for media that phones and outsiders are told."""
    media = {item.name: item.ip for item in border.media_interfaces}
    found = {media[flow.media_interface] for flow in border.subscriber_flows}
    inner = {flow.media_interface for flow in inner_flows}
    for flow in outer_flows:
        used = {flow.media_interface, flow.secondary_media_interface} - inner - {None}
        found |= {media[name] for name in used if name is not None}
    return found


def _inside_media(border: Border, inner_flows: Sequence[ServerFlow]) -> set[str]:
    """Addresses for media that only servers inside are told."""
    media = {item.name: item.ip for item in border.media_interfaces}
    found: set[str] = set()
    for flow in inner_flows:
        found.add(media[flow.media_interface])
        if flow.secondary_media_interface is not None:
            found.add(media[flow.secondary_media_interface])
    return found


def _servers(border: Border, outsiders: set[str]) -> set[str]:
    """Addresses and names of all servers but outsiders."""
    profiles = [one for one in border.server_profiles if one.name not in outsiders]
    found = {entry.address for one in profiles for entry in one.addresses}
    for subscriber in border.subscriber_flows:
        if subscriber.presence_server_address is not None:
            found.add(split_host(subscriber.presence_server_address, 5060)[0])
    return found
