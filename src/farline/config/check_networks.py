"""Cross checks of the border's networks: their interfaces, and which wire an address is on."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from farline.config.base import Problem
from farline.config.check_common import missing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from ipaddress import IPv4Network, IPv6Network

    from farline.config.deployment import Border
    from farline.config.network import Interface


def check_networks(border: Border) -> Iterator[Problem]:
    """Every problem of the networks beyond their own values."""
    yield from _on_interfaces(border)
    yield from _on_two_wires(border)


def _on_interfaces(border: Border) -> Iterator[Problem]:
    """Each network is on an interface that there is, and that is enabled."""
    interfaces = {interface.name: interface for interface in border.interfaces}
    for index, network in enumerate(border.networks):
        place = f"border.networks[{index}].interface"
        interface = interfaces.get(network.interface)
        if interface is None:
            yield missing(place, network, "interface", network.interface, interfaces)
        elif not interface.enabled:
            yield Problem(
                place,
                f"interface {interface.name!r} is disabled",
                "enable it under border.interfaces",
                network.form,
            )


def _on_two_wires(border: Border) -> Iterator[Problem]:
    """Networks of two interfaces that have addresses in common: the host takes one of the wires.

    With a device (or VLAN) for each interface it goes by the border's address, and `farline check`
    looks at the routes. On loopback every address is on one wire.
    """
    interfaces = {one.name: one for one in border.interfaces if one.enabled}
    numbered = [(index, one) for index, one in enumerate(border.networks)]
    for (_, first), (index, second) in combinations(numbered, 2):
        one, other = interfaces.get(first.interface), interfaces.get(second.interface)
        if one is None or other is None or one is other or _told_apart(one, other):
            continue
        nets = first.subnet, second.subnet
        if not _overlap(*nets) or any(net.is_loopback for net in nets):
            continue
        taken = {entry.ip for network in (first, second) for entry in network.addresses}
        example = _example(max(nets, key=lambda net: net.prefixlen), taken)
        yield Problem(
            f"border.networks[{index}].prefix",
            f"{nets[1]} on {other.name!r} and {nets[0]} of {first.name!r} on {one.name!r} have"
            f" addresses in common: the host's routes decide which wire {example} is on",
            "give each interface its device (and VLAN tag), or correct the prefix",
            second.form,
            severity="warning",
        )


def _told_apart(one: Interface, other: Interface) -> bool:
    """Whether each has a device: another, or the same wire."""
    return one.link is not None and other.link is not None


def _overlap(one: IPv4Network | IPv6Network, other: IPv4Network | IPv6Network) -> bool:
    return other[0] in one or one[0] in other


def _example(net: IPv4Network | IPv6Network, taken: set[str]) -> str:
    """An address of it that is none of ours."""
    return next((str(one) for one in net.hosts() if str(one) not in taken), str(net[0]))
