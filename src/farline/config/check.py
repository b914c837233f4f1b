"""Cross checks of a deployment: names that must exist, addresses that must be ours, port clashes.

`check` finds everything wrong at once; each problem names the place, the form and the remedy.
"""

from __future__ import annotations

from collections import Counter
from ipaddress import ip_network
from typing import TYPE_CHECKING

from farline.config.base import Form, Problem
from farline.sip import Transport

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from farline.config.deployment import Border, Deployment
    from farline.config.flows import ServerFlow, SubscriberFlow
    from farline.config.office import Office
    from farline.config.portal import Portal


def check(deployment: Deployment) -> list[Problem]:
    """Every problem of a deployment whose single values are valid; empty when it can run."""
    server_tls = {profile.name for profile in deployment.tls_server_profiles}
    client_tls = {profile.name for profile in deployment.tls_client_profiles}
    problems: list[Problem] = []
    if deployment.border is not None:
        problems += _border(deployment.border, server_tls, client_tls)
    if deployment.office is not None:
        problems += _office(deployment.office, server_tls)
    if deployment.portal is not None:
        problems += _portal(deployment.portal, server_tls, client_tls)
    return problems


def _missing(place: str, owner: Form, label: str, name: str, known: Iterable[str]) -> Problem:
    names = ", ".join(sorted(known)) or "none"
    return Problem(place, f"no such {label} {name!r}", f"there is: {names}", owner.form)


def _duplicates(place: str, items: Sequence[Form]) -> Iterator[Problem]:
    counts = Counter(str(getattr(item, "name", "")) for item in items)
    for index, item in enumerate(items):
        name = str(getattr(item, "name", ""))
        if counts[name] > 1:
            yield Problem(
                f"{place}[{index}].name", f"{name!r} is used twice", "rename one", item.form
            )


def _border(border: Border, server_tls: set[str], client_tls: set[str]) -> list[Problem]:
    problems: list[Problem] = []
    for field in (
        "interfaces", "networks", "media_interfaces", "signaling_interfaces", "server_profiles",
        "routing_profiles", "topology_hiding_profiles", "end_point_policy_groups",
        "subscriber_flows", "server_flows", "application_relays",
    ):  # fmt: skip
        problems += _duplicates(f"border.{field}", getattr(border, field))
    problems += _networks(border)
    problems += _interfaces(border, server_tls)
    problems += _servers(border, client_tls)
    problems += _flows(border)
    problems += _media_rules(border)
    problems += _relays(border, server_tls, client_tls)
    return problems


def _networks(border: Border) -> Iterator[Problem]:
    interfaces = {interface.name: interface for interface in border.interfaces}
    for index, network in enumerate(border.networks):
        place = f"border.networks[{index}].interface"
        interface = interfaces.get(network.interface)
        if interface is None:
            yield _missing(place, network, "interface", network.interface, interfaces)
        elif not interface.enabled:
            yield Problem(
                place,
                f"interface {interface.name!r} is disabled",
                "enable it under border.interfaces",
                network.form,
            )


def _owned(border: Border, place: str, owner: Form, network: str, ip: str) -> Iterator[Problem]:
    """The address must be one of the network that the form names."""
    found = {entry.name: entry for entry in border.networks}.get(network)
    if found is None:
        names = [entry.name for entry in border.networks]
        yield _missing(f"{place}network", owner, "network", network, names)
    elif ip not in {address.ip for address in found.addresses}:
        yield Problem(
            f"{place}ip",
            f"{ip} is not an address of network {network!r}",
            f"it has: {', '.join(address.ip for address in found.addresses)}",
            owner.form,
        )


def _interfaces(border: Border, server_tls: set[str]) -> Iterator[Problem]:
    for index, media in enumerate(border.media_interfaces):
        yield from _owned(
            border, f"border.media_interfaces[{index}].", media, media.network, media.ip
        )
    for index, one in enumerate(border.media_interfaces):
        for other in border.media_interfaces[:index]:
            low = max(one.port_range[0], other.port_range[0])
            high = min(one.port_range[1], other.port_range[1])
            if one.ip == other.ip and low <= high:
                yield Problem(
                    f"border.media_interfaces[{index}].port_range",
                    f"ports {low}-{high} are also those of {other.name!r}",
                    "give each media interface of one address its own ports",
                    one.form,
                )
    for index, signaling in enumerate(border.signaling_interfaces):
        place = f"border.signaling_interfaces[{index}]."
        yield from _owned(border, place, signaling, signaling.network, signaling.ip)
        if all(signaling.port(transport) is None for transport in Transport):
            yield Problem(place + "tcp_port", "no port at all", "give one", signaling.form)
        if signaling.tls_port is None:
            continue
        if signaling.tls_profile is None:
            yield Problem(place + "tls_profile", "TLS needs a profile", "name one", signaling.form)
        elif signaling.tls_profile not in server_tls:
            yield _missing(
                place + "tls_profile", signaling, "TLS profile", signaling.tls_profile, server_tls
            )


def _servers(border: Border, client_tls: set[str]) -> Iterator[Problem]:
    servers = {server.name: server for server in border.server_profiles}
    for index, server in enumerate(border.server_profiles):
        place = f"border.server_profiles[{index}].tls_client_profile"
        uses_tls = any(address.transport is Transport.TLS for address in server.addresses)
        if server.tls_client_profile is None and uses_tls:
            yield Problem(place, "a TLS address needs a profile", "name one", server.form)
        elif server.tls_client_profile is not None and server.tls_client_profile not in client_tls:
            yield _missing(
                place, server, "TLS client profile", server.tls_client_profile, client_tls
            )
    for index, profile in enumerate(border.routing_profiles):
        for number, hop in enumerate(profile.next_hops):
            place = f"border.routing_profiles[{index}].next_hops[{number}]."
            target = servers.get(hop.server)
            if target is None:
                yield _missing(place + "server", hop, "server profile", hop.server, servers)
                continue
            known = {(a.address, a.port, a.transport) for a in target.addresses}
            if (hop.address, hop.port, hop.transport) not in known:
                listed = ", ".join(f"{a}:{p} ({t})" for a, p, t in sorted(known))
                yield Problem(
                    place + "address",
                    f"{hop.address}:{hop.port} ({hop.transport}) is no address of {hop.server!r}",
                    f"it has: {listed}",
                    hop.form,
                )


def _flows(border: Border) -> Iterator[Problem]:
    names = {
        "signaling_interface": {item.name for item in border.signaling_interfaces},
        "received_interface": {item.name for item in border.signaling_interfaces},
        "media_interface": {item.name for item in border.media_interfaces},
        "end_point_policy_group": {item.name for item in border.policy_groups},
        "routing_profile": {item.name for item in border.routing_profiles},
        "server_profile": {item.name for item in border.server_profiles},
        "topology_hiding_profile": {item.name for item in border.topology_hiding_profiles},
    }
    for kind, flows in (
        ("subscriber_flows", border.subscriber_flows),
        ("server_flows", border.server_flows),
    ):
        for index, flow in enumerate(flows):
            for field, known in names.items():
                value = getattr(flow, field, None)
                if value is None or (kind == "server_flows" and field == "routing_profile"):
                    continue
                if value not in known:
                    label = field.replace("_", " ")
                    place = f"border.{kind}[{index}].{field}"
                    yield _missing(place, flow, label, str(value), known)
            yield from _subnets(f"border.{kind}[{index}]", flow)


def _media_rules(border: Border) -> Iterator[Problem]:
    """Voice QoS acts per media interface and the media timeout per border: flows must agree."""
    groups = {group.name: group for group in border.policy_groups}
    first: dict[tuple[str, str], int] = {}
    kinds: tuple[tuple[str, tuple[SubscriberFlow | ServerFlow, ...]], ...] = (
        ("subscriber_flows", border.subscriber_flows),
        ("server_flows", border.server_flows),
    )
    for kind, flows in kinds:
        for index, flow in enumerate(flows):
            group = groups.get(flow.end_point_policy_group)
            if group is None:
                continue
            for field, shared in (
                ("voice_qos", f"media interface {flow.media_interface!r}"),
                ("media_timeout_seconds", "the border"),
            ):
                value = getattr(group, field)
                other = first.setdefault((field, shared), value)
                if value != other:
                    yield Problem(
                        f"border.{kind}[{index}].end_point_policy_group",
                        f"{field} {value} of {group.name!r}: other flows of {shared} have {other}",
                        "give them the same value",
                        group.form,
                    )


def _subnets(place: str, flow: Form) -> Iterator[Problem]:
    for field in ("source_subnet", "remote_subnet"):
        value = getattr(flow, field, "*")
        if value == "*":
            continue
        try:
            ip_network(value, strict=False)
        except ValueError:
            yield Problem(
                f"{place}.{field}",
                f"{value!r} is not a subnet",
                "write 192.168.0.1/24 or *",
                flow.form,
            )


def _relays(border: Border, server_tls: set[str], client_tls: set[str]) -> Iterator[Problem]:
    taken: dict[tuple[str, int], str] = {}
    for signaling in border.signaling_interfaces:
        for transport in Transport:
            port = signaling.port(transport)
            if port is not None and transport is not Transport.UDP:
                taken[signaling.ip, port] = f"signaling interface {signaling.name!r}"
    for index, relay in enumerate(border.application_relays):
        place = f"border.application_relays[{index}]."
        device, remote = relay.device, relay.remote
        for side in ("listen", "connect"):
            network, ip = getattr(device, f"{side}_network"), getattr(device, f"{side}_ip")
            yield from _owned(border, f"{place}device.{side}_", relay, network, ip)
        key = (device.listen_ip, device.listen_port)
        if key in taken:
            yield Problem(
                place + "device.listen_port",
                f"{key[0]}:{key[1]} is taken by {taken[key]}",
                "choose another port",
                relay.form,
            )
        taken[key] = f"relay {relay.name!r}"
        if device.listen_transport == "TLS" and device.tls_profile not in server_tls:
            yield _missing(
                place + "device.tls_profile",
                relay,
                "TLS profile",
                str(device.tls_profile),
                server_tls,
            )
        if remote.transport == "TLS" and remote.tls_client_profile not in client_tls:
            yield _missing(
                place + "remote.tls_client_profile",
                relay,
                "TLS client profile",
                str(remote.tls_client_profile),
                client_tls,
            )


def _office(office: Office, server_tls: set[str]) -> Iterator[Problem]:
    yield from _duplicates("office.users", office.users)
    lowered = Counter(user.name.lower() for user in office.users)
    extensions = Counter(user.extension for user in office.users)
    for index, user in enumerate(office.users):
        place = f"office.users[{index}]."
        if extensions[user.extension] > 1:
            yield Problem(
                place + "extension", f"{user.extension} is used twice", "choose another", user.form
            )
        if (
            lowered[user.name.lower()] > 1
            and lowered[user.name.lower()]
            != Counter(entry.name for entry in office.users)[user.name]
        ):
            yield Problem(
                place + "name",
                f"{user.name!r} differs from another name only in case",
                "IM addresses are lower case; rename one",
                user.form,
            )
        if user.mobile_voip and (user.profile != "power_user" or not user.one_x_portal):
            yield Problem(
                place + "mobile_voip",
                "Mobile VoIP Client needs the power user profile and one-X Portal Services",
                "set profile: power_user and one_x_portal: true",
                user.form,
            )
    registrar = office.registrar
    if registrar.tls_port is not None and registrar.tls_profile not in server_tls:
        yield _missing(
            "office.registrar.tls_profile",
            registrar,
            "TLS profile",
            str(registrar.tls_profile),
            server_tls,
        )
    if office.directory is not None and office.directory.tls_profile not in server_tls:
        yield _missing(
            "office.directory.tls_profile",
            office.directory,
            "TLS profile",
            office.directory.tls_profile,
            server_tls,
        )


def _portal(portal: Portal, server_tls: set[str], client_tls: set[str]) -> Iterator[Problem]:
    for place, owner, name in (
        ("portal.tls_profile", portal, portal.tls_profile),
        ("portal.im_presence.tls_profile", portal.im_presence, portal.im_presence.tls_profile),
    ):
        if name not in server_tls:
            yield _missing(place, owner, "TLS profile", name, server_tls)
    provider = portal.dsml_provider
    if provider.tls_client_profile not in client_tls:
        yield _missing(
            "portal.dsml_provider.tls_client_profile",
            provider,
            "TLS client profile",
            provider.tls_client_profile,
            client_tls,
        )
