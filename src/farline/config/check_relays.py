"""Cross checks of the application relays: what must be known for a relay not to be an open one."""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING

from farline.config.base import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from farline.config.deployment import Deployment
    from farline.config.relays import ApplicationRelay


def check_relays(deployment: Deployment) -> Iterator[Problem]:
    """Every problem of the relays but those of their names, addresses of ours and ports."""
    relays = deployment.border.application_relays if deployment.border is not None else ()
    for index, relay in enumerate(relays):
        place = f"border.application_relays[{index}]"
        yield from _remote(place, relay)
        if relay.service_type == "XMPP" and relay.xmpp.domain is None and deployment.portal is None:
            yield Problem(
                f"{place}.xmpp.domain",
                "an XMPP relay must know its domain, and there is no portal to take it from",
                "give XMPP Domain",
                relay.form,
            )
        if _blind(relay):
            yield Problem(
                f"{place}.http.tls_passthrough",
                "Whitelist Flows cannot see paths in TLS that passes through: before a login only"
                " SNI, connections and time are limited",
                "set Listen Transport TLS with a TLS profile to have paths checked",
                relay.form,
                severity="warning",
            )


def _remote(place: str, relay: ApplicationRelay) -> Iterator[Problem]:
    try:
        address = ip_address(relay.remote.address)
    except ValueError:
        return
    if address.is_unspecified or address.is_multicast:
        yield Problem(
            f"{place}.remote.address",
            f"{address} is no server's address",
            "give the address of the server inside",
            relay.form,
        )


def _blind(relay: ApplicationRelay) -> bool:
    return (
        relay.service_type == "HTTP"
        and relay.whitelist_flows
        and relay.http.tls_passthrough
        and relay.device.listen_transport == "TCP"
    )
