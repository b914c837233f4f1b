"""Cross checks of TLS Management: names, and fields that a place cannot go by."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline.config.base import Problem
from farline.config.check_common import duplicates, missing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from farline.config.deployment import Deployment
    from farline.config.tls import TlsProfile, TlsServerProfile


def check_tls(deployment: Deployment) -> Iterator[Problem]:
    """Every problem of the TLS profiles but those of their files (`farline.runtime.preflight`)."""
    servers, clients = deployment.tls_server_profiles, deployment.tls_client_profiles
    yield from duplicates("tls_server_profiles", servers)
    yield from duplicates("tls_client_profiles", clients)
    names = {profile.name for profile in servers}
    for index, profile in enumerate(servers):
        place = f"tls_server_profiles[{index}].sni_profiles"
        for name in profile.sni_profiles:
            if name not in names:
                yield missing(place, profile, "TLS profile", name, names)
    blind: list[tuple[str, TlsProfile, bool]] = []
    for index, profile in enumerate(servers):
        off = profile.peer_verification == "none"
        blind.append((f"tls_server_profiles[{index}]", profile, off))
    for index, client in enumerate(clients):
        blind.append((f"tls_client_profiles[{index}]", client, not client.peer_verification))
    for place, one, off in blind:
        if off and one.peer_certificate_revocation_lists is not None:
            yield Problem(
                f"{place}.peer_certificate_revocation_lists",
                "acts on verified certificates only, and Peer Verification is off",
                "switch Peer Verification on, or leave the lists away",
                one.form,
            )
    yield from _messaging(deployment)
    yield from _idle(deployment)
    yield from _acme(deployment)


def acme_role(deployment: Deployment, profile: TlsServerProfile) -> str:
    """The role that orders a profile's certificate: its Challenge IP is the role's; "" for none."""
    if profile.acme is None:
        return ""
    ip, border = profile.acme.challenge_ip, deployment.border
    networks = border.networks if border is not None else ()
    if any(ip == one.ip for network in networks for one in network.addresses):
        return "border"
    if deployment.portal is not None and deployment.portal.ip == ip:
        return "portal"
    return "office" if deployment.office is not None and deployment.office.ip == ip else ""


def _messaging(deployment: Deployment) -> Iterator[Problem]:
    """What the messaging server cannot go by: its clients log in with passwords, to one domain."""
    portal = deployment.portal
    if portal is None:
        return
    name, place = portal.im_presence.tls_profile, "portal.im_presence.tls_profile"
    profile = next((one for one in deployment.tls_server_profiles if one.name == name), None)
    if profile is None:
        return
    form = portal.im_presence.form
    if profile.peer_verification != "none":
        yield Problem(
            place,
            f"{name!r} has Peer Verification, and XMPP clients (MyBuddy too) show no certificate:"
            " they log in with SCRAM",
            "name a profile with Peer Verification none",
            form,
        )
    if profile.sni_profiles:
        yield Problem(
            place,
            f"{name!r} has SNI Options, and the messaging server has one domain",
            "name a profile without, whose certificate bears the XMPP Domain Name",
            form,
        )


def _idle(deployment: Deployment) -> Iterator[Problem]:
    """Profiles named where nothing begins TLS."""
    relays = deployment.border.application_relays if deployment.border is not None else ()
    for index, relay in enumerate(relays):
        place, remedy = f"border.application_relays[{index}]", "or leave the profile away"
        device, remote = relay.device, relay.remote
        if device.tls_profile is not None and device.listen_transport != "TLS":
            text = f"Listen Transport is {device.listen_transport}: nothing here begins TLS"
            fix = f"set Listen Transport TLS, {remedy}"
            yield Problem(f"{place}.device.tls_profile", text, fix, relay.form)
        if remote.tls_client_profile is not None and remote.transport != "TLS":
            text = f"Remote Transport is {remote.transport}: nothing here begins TLS"
            fix = f"set Remote Transport TLS, {remedy}"
            yield Problem(f"{place}.remote.tls_client_profile", text, fix, relay.form)


def _acme(deployment: Deployment) -> Iterator[Problem]:
    """Who answers the authority, and where."""
    for index, profile in enumerate(deployment.tls_server_profiles):
        form, place = profile.acme, f"tls_server_profiles[{index}].acme"
        if form is None:
            continue
        if not acme_role(deployment, profile):
            yield Problem(
                f"{place}.challenge_ip",
                f"{form.challenge_ip} is no address of border, portal or office: nobody orders",
                "give the address that the authority reaches for these names",
                form.form,
            )
        if form.challenge_port != _HTTP:
            yield Problem(
                f"{place}.challenge_port",
                f"authorities ask at port {_HTTP}, not at {form.challenge_port}",
                f"see to it that port {_HTTP} of the names leads here, or give {_HTTP}",
                form.form,
                severity="warning",
            )


_HTTP = 80
"""Where HTTP-01 is asked for (RFC 8555 section 8.3)."""
