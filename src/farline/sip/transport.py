"""Words for what carries SIP: transports, addresses and flows.

They are values, not sockets: `runtime` owns the sockets and names them by these.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Transport(StrEnum):
    """A SIP transport, spelt as in Via (RFC 3261 section 20.42)."""

    UDP = "UDP"
    TCP = "TCP"
    TLS = "TLS"

    @property
    def reliable(self) -> bool:
        """Whether the transport retransmits by itself (RFC 3261 section 17)."""
        return self is not Transport.UDP

    @property
    def default_port(self) -> int:
        """5061 for TLS, else 5060 (RFC 3261 section 19.1.2)."""
        return 5061 if self is Transport.TLS else 5060

    @property
    def uri_param(self) -> str:
        """The value of the URI parameter `transport` (lower case)."""
        return self.value.lower()


class Address(NamedTuple):
    """An IP address (literal, no brackets) and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Flow:
    """One way to a peer: a connection, or for UDP a pair of addresses (RFC 5626 section 3.1).

    `token` numbers a connection of this process, and is 0 for UDP, so that two datagrams from the
    same peer have equal flows. `interface` is the name of our signaling interface.
    """

    token: int
    interface: str
    transport: Transport
    local: Address
    remote: Address
