"""Application relays: from the form to a plan, and whether a connection may come in.

A relay stands between a client outside and a server inside (the guide: HTTP 8444, XMPP 5222, and
9443 of Avaya Communicator). `runtime.relay` moves the bytes; what it decides by is here, and for
HTTP and XMPP in `relay_http` and `relay_xmpp`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from farline.border.exchange import Verdict
from farline.border.relay_http import HttpPolicy
from farline.border.relay_xmpp import XmppPolicy
from farline.border.rtcp_actors import Actors

if TYPE_CHECKING:
    from ipaddress import IPv4Network, IPv6Network

    from farline.config import ApplicationRelay, Deployment

FORM = "Device Specific Settings > DMZ Services > Relay Services"

Ending = Literal[
    "closed", "reset", "idle", "connect failed", "stopped", "refused", "slow", "no login"
]
"""How a connection ended: both sides said all, one broke off, nobody said anything, ..., a request
took longer than Request Timeout, no phone registered within Login Time."""


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


@dataclass(slots=True)
class RelayCounters:
    """Since the start of the relay. Bytes: `up` towards the server inside, `down` to the client."""

    accepted: int = 0
    refused: int = 0
    connect_failed: int = 0
    bytes_up: int = 0
    bytes_down: int = 0
    idle: int = 0
    reset: int = 0


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


def decide(
    plan: RelayPlan, connections: int, from_source: int, strangers: int = 0, *, known: bool = True
) -> Verdict[bool]:
    """Whether one more may come, given how many there are, altogether and from its address.

    `known`: a phone is registered from its address; `strangers`: connections of those without.
    """
    if connections >= plan.max_connections:
        because = f"{connections} connections, the relay's maximum is {plan.max_connections}"
        return Verdict(False, because, f"{FORM} > Maximum Connections")
    if from_source >= plan.max_connections_per_source:
        limit = plan.max_connections_per_source
        because = f"{from_source} connections from this address, the maximum is {limit}"
        return Verdict(False, because, f"{FORM} > Maximum Connections Per Source")
    if plan.whitelist is not None and not known:
        return _stranger(plan, plan.whitelist, from_source, strangers)
    return Verdict(True, f"{connections} connections, {from_source} from this address", FORM)


def _stranger(
    plan: RelayPlan, whitelist: Whitelist, from_source: int, strangers: int
) -> Verdict[bool]:
    """Before login. Strangers together get half the relay, so that phones always find room."""
    limit, half = whitelist.max_connections, max(1, plan.max_connections // 2)
    if limit == 0:
        because = "no phone is registered from this address"
        return Verdict(False, because, f"{FORM} > Whitelist Flows")
    if from_source >= limit or strangers >= half:
        because = (
            f"no phone is registered from this address, which has {from_source} of {limit}"
            f" connections, and all such addresses {strangers} of {half}"
        )
        return Verdict(False, because, f"{FORM} > Maximum Connections Per Stranger")
    return Verdict(True, "no phone is registered from this address: for a login only", FORM)


class RelayLedger:
    """Who is connected through one relay, and what came of everybody before."""

    __slots__ = ("_sources", "connections", "counters", "plan", "reasons", "strangers")

    def __init__(self, plan: RelayPlan) -> None:
        self.plan = plan
        self.connections = 0
        self.counters = RelayCounters()
        self.reasons: Counter[str] = Counter()
        """What was refused, by a fixed word."""
        self.strangers = 0
        """Connections that began without a registered phone at their address."""
        self._sources: Counter[str] = Counter()

    def admit(self, source: str, *, known: bool = True) -> Verdict[bool]:
        """Decide about a connection from this address, and count it in if it may come."""
        here = self._sources[source]
        verdict = decide(self.plan, self.connections, here, self.strangers, known=known)
        if not verdict.value:
            self.counters.refused += 1
            self.reasons["limit" if known else "whitelist"] += 1
            if not self._sources[source]:
                del self._sources[source]
            return verdict
        self.counters.accepted += 1
        self.connections += 1
        self.strangers += not known
        self._sources[source] += 1
        return verdict

    def ended(
        self, source: str, ending: Ending, bytes_up: int, bytes_down: int, *, known: bool = True
    ) -> None:
        """A connection that was let in, as `known` then was, is over."""
        self.connections -= 1
        self.strangers -= not known
        self._sources[source] -= 1
        if self._sources[source] <= 0:
            del self._sources[source]
        counters = self.counters
        counters.bytes_up += bytes_up
        counters.bytes_down += bytes_down
        counters.idle += ending == "idle"
        counters.reset += ending == "reset"
        counters.connect_failed += ending == "connect failed"
        if ending in ("slow", "no login"):
            self.reasons[ending] += 1

    def show(self) -> dict[str, object]:
        """Plan, occupancy and counters, as data."""
        counters = self.counters
        return {
            "name": self.plan.name,
            "service": self.plan.service,
            "relay": str(self.plan),
            "connections": self.connections,
            "sources": len(self._sources),
            **{name: getattr(counters, name) for name in RelayCounters.__slots__},
            "refusals": dict(sorted(self.reasons.items())),
        }


def _address(address: tuple[str, int]) -> str:
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _transport(profile: str | None) -> str:
    return "TCP" if profile is None else f"TLS {profile}"
