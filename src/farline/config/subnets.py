"""Subnets as forms write them: an address, 192.168.0.1/24, or * for every address."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

IpNetwork = IPv4Network | IPv6Network


def in_subnet(subnet: str, host: str) -> bool:
    """Whether an address is in a subnet as forms write it; `*` has every address."""
    if subnet == "*":
        return True
    address = literal(host)
    net = ip_network(subnet, strict=False)
    return address is not None and address.version == net.version and address in net


def covers(wide: str, narrow: str) -> bool:
    """Whether every address of `narrow` is in `wide`; False for what is no subnet."""
    if wide == "*":
        return True
    if narrow == "*":
        return False
    one, other = network(wide), network(narrow)
    if isinstance(one, IPv4Network) and isinstance(other, IPv4Network):
        return other.subnet_of(one)
    if isinstance(one, IPv6Network) and isinstance(other, IPv6Network):
        return other.subnet_of(one)
    return False


def literal(host: str) -> IPv4Address | IPv6Address | None:
    """The address that a text is, None for a name."""
    try:
        return ip_address(host)
    except ValueError:
        return None


def network(text: str) -> IpNetwork | None:
    """The subnet that a text is, None for anything else."""
    try:
        return ip_network(text, strict=False)
    except ValueError:
        return None
