"""Words for what carries SIP: transports, addresses and flows.

They are values, not sockets: `runtime` owns the sockets and names them by these.
"""

from __future__ import annotations

from enum import StrEnum
from ipaddress import ip_address
from typing import NamedTuple


class Transport(StrEnum):
    """A SIP transport, spelt as in Via (RFC 3261 section 20.42, RFC 7118 section 5.2)."""

    UDP = "UDP"
    TCP = "TCP"
    TLS = "TLS"
    WS = "WS"
    WSS = "WSS"

    @property
    def reliable(self) -> bool:
        """Whether the transport retransmits by itself (RFC 3261 section 17)."""
        return self is not Transport.UDP

    @property
    def default_port(self) -> int:
        """Of RFC 3261 section 19.1.2; of a WebSocket that of HTTP (RFC 7118 section 5.3)."""
        return DEFAULT_PORTS.get(self, 5060)

    @property
    def secure(self) -> bool:
        """Whether TLS is below it."""
        return self in (Transport.TLS, Transport.WSS)

    @property
    def is_websocket(self) -> bool:
        """Whether it is SIP over a WebSocket, which only the client can open (RFC 7118)."""
        return self in (Transport.WS, Transport.WSS)

    @property
    def uri_param(self) -> str:
        """The value of the URI parameter `transport`; "ws" for both (RFC 7118 section 5.2.3)."""
        return "ws" if self is Transport.WSS else self.value.lower()


DEFAULT_PORTS = {Transport.TLS: 5061, Transport.WS: 80, Transport.WSS: 443}


def same_host(one: str, other: str) -> bool:
    """Whether two texts are one host: names without case, addresses however written (RFC 5118)."""
    if one == other:
        return True
    if ":" not in one or ":" not in other:
        return one.lower() == other.lower()
    return canonical_host(one) == canonical_host(other)


def canonical_host(host: str) -> str:
    """A host in the one spelling that comparing needs: lower case, IPv6 as RFC 5952 writes it.

    A third colon before an embedded IPv4 address is a slip of RFC 3261 (RFC 5118 section 4.10).
    """
    if ":" not in host:
        return host.lower()
    try:
        return str(ip_address(host.strip("[]").replace(":::", "::")))
    except ValueError:
        return host.lower()


class Address(NamedTuple):
    """An IP address (literal, no brackets) and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Flow(NamedTuple):
    """One way to a peer: a connection, or for UDP a pair of addresses (RFC 5626 section 3.1).

    `token` numbers a connection of this process, and is 0 for UDP, so that two datagrams from the
    same peer have equal flows. `interface` is the name of our signaling interface.
    """

    token: int
    interface: str
    transport: Transport
    local: Address
    remote: Address
