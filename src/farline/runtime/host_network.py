"""Whether this host has the addresses, VLANs and routes that the border's forms name.

The border binds its sockets; addresses, VLAN devices and routes are the host's. What is missing is
warned about with the command that adds it. Only networks whose interface names a device are looked
at: a deployment is often checked on another machine.
"""

from __future__ import annotations

import json
import subprocess
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from farline.config import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from farline.config import Border, Interface, Network

    Ask = Callable[[list[str]], list[dict[str, Any]]]

SECONDS = 5.0
FIRST_TABLE = 100
"""Number of the first routing table that a command proposes."""

FAR = {4: "198.51.100.1", 6: "2001:db8:ffff::1"}
"""An address that is in nobody's network (RFC 5737, RFC 3849): which way would it go?"""


def ip_tool(arguments: list[str]) -> list[dict[str, Any]]:
    """What `ip -json ...` answers; empty when it cannot say."""
    try:
        done = subprocess.run(  # noqa: S603 - our own words and checked addresses
            ["ip", "-json", *arguments],  # noqa: S607 - the administrator's ip
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
        found = json.loads(done.stdout or b"[]")
    except (OSError, subprocess.TimeoutExpired, ValueError):
        return []
    return [one for one in found if isinstance(one, dict)]


def host_problems(border: Border, ask: Ask = ip_tool) -> Iterator[Problem]:
    """What the host lacks for the networks whose interface names a device."""
    interfaces = {one.name: one for one in border.interfaces if one.link is not None}
    table = FIRST_TABLE
    for index, network in enumerate(border.networks):
        interface = interfaces.get(network.interface)
        if interface is None or not interface.enabled:
            continue
        present = _addresses(ask, str(interface.link))
        for number, address in enumerate(network.addresses):
            place = f"border.networks[{index}].addresses[{number}]"
            if address.ip not in present:
                yield _address(network, interface, address.ip, f"{place}.ip", known=bool(present))
                continue
            gateway = address.gateway_override or network.default_gateway
            given = address.gateway_override is not None
            found = _gateway(ask, address.ip)
            if found != gateway:
                field = f"{place}.gateway_override" if given else f"border.networks[{index}]"
                yield _route(network, interface, address.ip, gateway, found, field, table)
                table += 1


def _addresses(ask: Ask, device: str) -> set[str]:
    found = ask(["address", "show", "dev", device])
    return {info.get("local", "") for one in found for info in one.get("addr_info", ())}


def _gateway(ask: Ask, ip: str) -> str:
    """By which gateway a packet from this address to the world leaves; "" for none."""
    far = FAR[ip_address(ip).version]
    routes = ask(["route", "get", far, "from", ip])
    return str(routes[0].get("gateway", "")) if routes else ""


def _address(
    network: Network, interface: Interface, ip: str, place: str, *, known: bool
) -> Problem:
    length = network.subnet.prefixlen
    commands = [f"ip address add {ip}/{length} dev {interface.link}"]
    if interface.vlan_tag is not None and not known:
        add = f"ip link add link {interface.device} name {interface.link} type vlan"
        commands[:0] = [f"{add} id {interface.vlan_tag}", f"ip link set {interface.link} up"]
    text = f"this host does not have {ip} on {interface.link}"
    return Problem(place, text, " && ".join(commands), network.form, severity="warning")


def _route(
    network: Network,
    interface: Interface,
    ip: str,
    gateway: str,
    found: str,
    place: str,
    table: int,
) -> Problem:
    text = f"what {ip} sends to far addresses leaves by {found or 'no gateway'}, not by {gateway}"
    ip_of = "ip -6" if ":" in ip else "ip"
    remedy = (
        f"{ip_of} route add default via {gateway} dev {interface.link} table {table} && "
        f"{ip_of} rule add from {ip} lookup {table}"
    )
    return Problem(place, text, remedy, network.form, severity="warning")
