"""Application relays: from the form to a plan, and whether a connection may come in.

A relay copies bytes between a client outside and a server inside (the guide: HTTP 8444, XMPP 5222,
and 9443 of Avaya Communicator). `runtime.relay` moves the bytes; everything it decides by is here.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from farline.border.exchange import Verdict

if TYPE_CHECKING:
    from farline.config import ApplicationRelay, Border

FORM = "Device Specific Settings > DMZ Services > Relay Services"

Ending = Literal["closed", "reset", "idle", "connect failed", "stopped"]
"""How a connection ended: both sides said all, one broke off, nobody said anything, ..."""


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

    def __str__(self) -> str:
        return (
            f"{self.name}: {_address(self.listen)} ({_transport(self.listen_tls)}) -> "
            f"{self.connect_ip} -> {_address(self.remote)} ({_transport(self.remote_tls)})"
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


def plan_relays(border: Border) -> tuple[RelayPlan, ...]:
    """A plan for each configured relay, in the order of the form."""
    return tuple(plan_relay(relay) for relay in border.application_relays)


def plan_relay(relay: ApplicationRelay) -> RelayPlan:
    """One relay's plan."""
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
    )


def decide(plan: RelayPlan, connections: int, from_source: int) -> Verdict[bool]:
    """Whether one more may come, given how many there are, altogether and from its address."""
    if connections >= plan.max_connections:
        because = f"{connections} connections, the relay's maximum is {plan.max_connections}"
        return Verdict(False, because, f"{FORM} > Maximum Connections")
    if from_source >= plan.max_connections_per_source:
        limit = plan.max_connections_per_source
        because = f"{from_source} connections from this address, the maximum is {limit}"
        return Verdict(False, because, f"{FORM} > Maximum Connections Per Source")
    return Verdict(True, f"{connections} connections, {from_source} from this address", FORM)


class RelayLedger:
    """Who is connected through one relay, and what came of everybody before."""

    __slots__ = ("_sources", "connections", "counters", "plan")

    def __init__(self, plan: RelayPlan) -> None:
        self.plan = plan
        self.connections = 0
        self.counters = RelayCounters()
        self._sources: Counter[str] = Counter()

    def admit(self, source: str) -> Verdict[bool]:
        """Decide about a connection from this address, and count it in if it may come."""
        verdict = decide(self.plan, self.connections, self._sources[source])
        if not verdict.value:
            self.counters.refused += 1
            if not self._sources[source]:
                del self._sources[source]
            return verdict
        self.counters.accepted += 1
        self.connections += 1
        self._sources[source] += 1
        return verdict

    def ended(self, source: str, ending: Ending, bytes_up: int, bytes_down: int) -> None:
        """A connection that was let in is over."""
        self.connections -= 1
        self._sources[source] -= 1
        if self._sources[source] <= 0:
            del self._sources[source]
        counters = self.counters
        counters.bytes_up += bytes_up
        counters.bytes_down += bytes_down
        counters.idle += ending == "idle"
        counters.reset += ending == "reset"
        counters.connect_failed += ending == "connect failed"

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
        }


def _address(address: tuple[str, int]) -> str:
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _transport(profile: str | None) -> str:
    return "TCP" if profile is None else f"TLS {profile}"
