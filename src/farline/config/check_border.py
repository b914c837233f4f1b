"""Cross checks of the border's interfaces, servers and relays: names, addresses, profiles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline.config.base import Form, Problem
from farline.config.check_common import duplicates, missing
from farline.config.check_networks import check_networks
from farline.sip import Transport

if TYPE_CHECKING:
    from collections.abc import Iterator

    from farline.config.deployment import Border
    from farline.config.interfaces import SignalingInterface
    from farline.config.routing import RoutingProfile


def check_border(border: Border, server_tls: set[str], client_tls: set[str]) -> list[Problem]:
    """Every problem of the border's forms but those of its flows and ports."""
    problems: list[Problem] = []
    for field in (
        "interfaces", "networks", "media_interfaces", "signaling_interfaces", "server_profiles",
        "interworking_profiles", "signaling_scripts",
        "routing_profiles", "topology_hiding_profiles", "end_point_policy_groups", "uri_groups",
        "application_rules", "border_rules", "media_rules", "security_rules", "signaling_rules",
        "charging_rules", "recording_rules", "time_of_day_rules",
        "subscriber_flows", "server_flows", "application_relays",
    ):  # fmt: skip
        problems += duplicates(f"border.{field}", getattr(border, field))
    problems += check_networks(border)
    problems += _interfaces(border, server_tls)
    problems += _servers(border, client_tls)
    problems += _relays(border, server_tls, client_tls)
    return problems


def _owned(border: Border, place: str, owner: Form, network: str, ip: str) -> Iterator[Problem]:
    """The address must be one of the network that the form names."""
    found = {entry.name: entry for entry in border.networks}.get(network)
    if found is None:
        names = [entry.name for entry in border.networks]
        yield missing(f"{place}network", owner, "network", network, names)
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
    for index, signaling in enumerate(border.signaling_interfaces):
        place = f"border.signaling_interfaces[{index}]."
        yield from _owned(border, place, signaling, signaling.network, signaling.ip)
        if all(signaling.port(transport) is None for transport in Transport):
            yield Problem(place + "tcp_port", "no port at all", "give one", signaling.form)
        if signaling.ws_port is not None or signaling.wss_port is not None:
            yield from _websocket(place, signaling)
        if signaling.tls_profile is None and not signaling.uses_tls:
            continue
        if signaling.tls_profile is None:
            yield Problem(place + "tls_profile", "TLS needs a profile", "name one", signaling.form)
        elif signaling.tls_profile not in server_tls:
            yield missing(
                place + "tls_profile", signaling, "TLS profile", signaling.tls_profile, server_tls
            )


def _websocket(place: str, signaling: SignalingInterface) -> Iterator[Problem]:
    if not signaling.ws_origins:
        yield Problem(
            place + "ws_origins",
            "no web page may connect",
            "name the origin of the page, as https://phone.example.com",
            signaling.form,
            severity="warning",
        )
    if signaling.ws_port is not None:
        yield Problem(
            place + "ws_port",
            "WS carries passwords' digests and keys of SRTP in clear",
            "use WSS outside of laboratories",
            signaling.form,
            severity="warning",
        )


def _servers(border: Border, client_tls: set[str]) -> Iterator[Problem]:
    servers = {server.name: server for server in border.server_profiles}
    for index, server in enumerate(border.server_profiles):
        place = f"border.server_profiles[{index}].tls_client_profile"
        uses_tls = any(address.transport is Transport.TLS for address in server.addresses)
        if server.tls_client_profile is None and uses_tls:
            yield Problem(place, "a TLS address needs a profile", "name one", server.form)
        elif server.tls_client_profile is not None and server.tls_client_profile not in client_tls:
            yield missing(
                place, server, "TLS client profile", server.tls_client_profile, client_tls
            )
        profiles = {profile.name for profile in border.interworking}
        wanted = server.advanced.interworking_profile
        if wanted not in profiles:
            place = f"border.server_profiles[{index}].advanced.interworking_profile"
            yield missing(place, server.advanced, "interworking profile", wanted, profiles)
        yield from _refer_groups(border, index, wanted)
        script = server.advanced.signaling_manipulation_script
        scripts = {one.name for one in border.signaling_scripts}
        if script is not None and script not in scripts:
            place = f"border.server_profiles[{index}].advanced.signaling_manipulation_script"
            yield missing(place, server.advanced, "signaling script", script, scripts)
    for index, profile in enumerate(border.routing_profiles):
        yield from _routing_rules(border, index, profile)
        for within, _, hop in profile.all_hops:
            place = f"border.routing_profiles[{index}].{within}."
            target = servers.get(hop.server)
            if target is None:
                yield missing(place + "server", hop, "server profile", hop.server, servers)
                continue
            known = {(a.address, a.port, a.transport) for a in target.addresses}
            if (hop.address, hop.port, hop.transport) not in known:
                listed = ", ".join(sorted(_in_words(*one) for one in known))
                wanted = _in_words(hop.address, hop.port, hop.transport)
                yield Problem(
                    place + "address",
                    f"{wanted} is no address of {hop.server!r}",
                    f"it has: {listed}",
                    hop.form,
                )


def _refer_groups(border: Border, index: int, wanted: str) -> Iterator[Problem]:
    """The URI group of a server's interworking profile."""
    groups = {"*", *(group.name for group in border.uri_groups)}
    for profile in border.interworking:
        if profile.name == wanted and profile.uri_group not in groups:
            place = f"border.server_profiles[{index}].advanced.interworking_profile"
            yield missing(place, profile, "URI group", profile.uri_group, groups)


def _routing_rules(border: Border, index: int, profile: RoutingProfile) -> Iterator[Problem]:
    """Names in the rules of a routing profile."""
    groups = {"*", *(group.name for group in border.uri_groups)}
    times = border.rules["time_of_day"]
    for order, rule in enumerate(profile.rules, 1):
        place = f"border.routing_profiles[{index}]"
        place += f".further_rules[{order - 2}]" if order > 1 else ""
        if rule.uri_group not in groups:
            yield missing(f"{place}.uri_group", profile, "URI group", rule.uri_group, groups)
        if rule.time_of_day not in times:
            yield missing(f"{place}.time_of_day", profile, "time of day rule", rule.time_of_day,
                          times)  # fmt: skip


def _in_words(address: str, port: int | None, transport: Transport | None) -> str:
    return f"{address}:{port or 'SRV'} ({transport or 'any transport'})"


def _relays(border: Border, server_tls: set[str], client_tls: set[str]) -> Iterator[Problem]:
    for index, relay in enumerate(border.application_relays):
        place = f"border.application_relays[{index}]."
        device, remote = relay.device, relay.remote
        for side in ("listen", "connect"):
            network, ip = getattr(device, f"{side}_network"), getattr(device, f"{side}_ip")
            yield from _owned(border, f"{place}device.{side}_", relay, network, ip)
        if device.listen_transport == "TLS" and device.tls_profile not in server_tls:
            yield missing(
                place + "device.tls_profile",
                relay,
                "TLS profile",
                str(device.tls_profile),
                server_tls,
            )
        if remote.transport == "TLS" and remote.tls_client_profile not in client_tls:
            yield missing(
                place + "remote.tls_client_profile",
                relay,
                "TLS client profile",
                str(remote.tls_client_profile),
                client_tls,
            )
