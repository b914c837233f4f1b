"""Application relays: from the form to a plan.

A relay stands between a client outside and a server inside (the guide: HTTP 8444, XMPP 5222, and
9443 of Avaya Communicator). `farline.runtime` moves the bytes; who may come in is decided in
`ledger`, what HTTP and XMPP clients may say in `http` and `xmpp`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farline.border.relays.http_judge import HttpPolicy
from farline.border.relays.rtcp_actors import Actors
from farline.border.relays.xmpp import XmppPolicy

if TYPE_CHECKING:
    from ipaddress import IPv4Network, IPv6Network

    from farline.config import ApplicationRelay, Deployment


@dataclass(frozen=True, slots=True)
class Whitelist:
    """Whitelist Flows: how far an address without a registered phone comes."""

    login_seconds: float
    """A phone must be registered after that time."""
    max_connections: int
    """Of one such address; 0: the service is no part of a login, such addresses are refused."""


@dataclass(frozen=True, slots=True)
class RelayPlan:
    """One relay, ready to run. TLS fields are names of profiles, None: plain TCP."""

    name: str
    service: str
    listen: tuple[str, int]
    listen_tls: str | None
    connect_ip: str
    """Source address of the connections inside."""
    remote: tuple[str, int]
    remote_tls: str | None
    max_connections: int
    max_connections_per_source: int
    idle_seconds: float
    connect_seconds: float
    udp: bool = False
    policy: HttpPolicy | XmppPolicy | None = None
    """What is looked for in the bytes; None: nothing."""
    request_seconds: float = 30.0
    remote_networks: tuple[IPv4Network | IPv6Network, ...] = ()
    """Where addresses that the DNS gives for `remote` must be."""
    whitelist: Whitelist | None = None
    monitoring: bool = False
    """RTCP Monitoring."""
    actors: Actors | None = None
    """Use Relay Actors."""

    def __str__(self) -> str:
        listen, remote = (
            "UDP" if self.udp else _transport(tls) for tls in (self.listen_tls, self.remote_tls)
        )
        return (
            f"{self.name}: {_address(self.listen)} ({listen}) -> "
            f"{self.connect_ip} -> {_address(self.remote)} ({remote})"
        )


def plan_relays(deployment: Deployment) -> tuple[RelayPlan, ...]:
    """A plan for each configured relay, in the order of the form."""
    border = deployment.border
    if border is None:
        return ()
    return tuple(plan_relay(relay, deployment) for relay in border.application_relays)


def plan_relay(relay: ApplicationRelay, deployment: Deployment) -> RelayPlan:
    """One relay's plan; the deployment's portal gives what the form leaves open."""
    device, remote = relay.device, relay.remote
    return RelayPlan(
        name=relay.name,
        service=relay.service_type,
        listen=(device.listen_ip, device.listen_port),
        listen_tls=device.tls_profile if device.listen_transport == "TLS" else None,
        connect_ip=device.connect_ip,
        remote=(remote.address, remote.port),
        remote_tls=remote.tls_client_profile if remote.transport == "TLS" else None,
        max_connections=relay.max_connections,
        max_connections_per_source=relay.max_connections_per_source,
        idle_seconds=float(relay.idle_seconds),
        connect_seconds=float(relay.connect_seconds),
        udp=device.listen_transport == "UDP",
        policy=_policy(relay, deployment),
        request_seconds=float(relay.request_seconds),
        remote_networks=remote.allowed() or _connect_network(relay, deployment),
        whitelist=_whitelist(relay),
        monitoring="RTCP Monitoring" in relay.options,
        actors=_actors(relay),
    )


def _actors(relay: ApplicationRelay) -> Actors | None:
    if not relay.relay_actors:
        return None
    return Actors(
        rewrite="End-to-End Rewrite" in relay.options,
        traceroute="Hop-by-Hop Traceroute" in relay.options,
        bridging="Bridging" in relay.options,
    )


def _policy(relay: ApplicationRelay, deployment: Deployment) -> HttpPolicy | XmppPolicy | None:
    portal = deployment.portal
    if relay.service_type == "XMPP":
        domain = relay.xmpp.domain or (portal.im_presence.domain if portal is not None else "")
        return XmppPolicy(domain.lower(), relay.xmpp.max_stanza_bytes)
    if relay.service_type != "HTTP":
        return None
    http = relay.http
    open_names = (relay.remote.address, relay.device.listen_ip)
    hosts = http.hosts or ((portal.server_name,) if portal is not None else ()) + open_names
    return HttpPolicy(
        methods=http.methods,
        hosts=tuple(host.lower() for host in hosts),
        paths=http.paths,
        bootstrap_paths=http.bootstrap_paths if relay.whitelist_flows else None,
        tls_passthrough=http.tls_passthrough,
        websocket=http.websocket,
        forwarded_for=http.forwarded_for,
        max_body=http.max_body_bytes,
    )


def _whitelist(relay: ApplicationRelay) -> Whitelist | None:
    if not relay.whitelist_flows:
        return None
    first = relay.service_type in ("HTTP", "XMPP")
    return Whitelist(float(relay.login_seconds), relay.max_connections_per_stranger if first else 0)


def _connect_network(
    relay: ApplicationRelay, deployment: Deployment
) -> tuple[IPv4Network | IPv6Network, ...]:
    networks = deployment.border.networks if deployment.border is not None else ()
    return tuple(one.subnet for one in networks if one.name == relay.device.connect_network)


def _address(address: tuple[str, int]) -> str:
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _transport(profile: str | None) -> str:
    return "TCP" if profile is None else f"TLS {profile}"
