"""The connections of a driver: who may have one, their numbers, and what the core hears of them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from farline.sip.effects import Closed, Opened
from farline.sip.transport import Flow

if TYPE_CHECKING:
    from farline.runtime.sip import SipDriver
    from farline.runtime.sip_ports import SipPorts
    from farline.runtime.sip_stream import Connection
    from farline.sip.transport import Address, Transport


class SipConnections:
    """Every connection on which SIP may flow, accepted or opened."""

    def __init__(self, driver: SipDriver, ports: SipPorts) -> None:
        self._driver = driver
        self._ports = ports
        self.by_token: dict[int, Connection] = {}
        """Those on which SIP flows, by the token of their flow."""

        self.accepted: Counter[str] = Counter()
        """How many were accepted on each interface."""

        self._websockets: Counter[tuple[str, str]] = Counter()
        """How many each source has on an interface."""

        self._last_token = 0

    def admit(self, connection: Connection) -> bool:
        """Whether one more accepted connection fits the interface's limits."""
        if connection.ticket is not None:
            return True
        interface, remote = connection.interface, connection.remote
        limits = self._ports.listener(interface).limits
        full = ""
        if self.accepted[interface] >= limits.max_connections:
            full = f"limit {limits.max_connections}"
        elif connection.kind.is_websocket:
            if self._websockets[interface, remote.host] >= limits.websockets_per_source:
                full = f"limit {limits.websockets_per_source} of one source"
            else:
                self._websockets[interface, remote.host] += 1
        if full:
            self._driver.refused("connections", full, interface, remote)
            return False
        self.accepted[interface] += 1
        connection.admitted = True
        return True

    def opened(self, connection: Connection) -> Flow:
        """Number a new connection and tell the core."""
        connection.mark(self._ports.ds_byte(connection.interface))
        self._last_token += 1
        flow = Flow(
            self._last_token,
            connection.interface,
            connection.kind,
            connection.local,
            connection.remote,
        )
        self.by_token[flow.token] = connection
        self._driver.handle(Opened(flow, connection.ticket))
        return flow

    def closed(self, connection: Connection, flow: Flow | None, reason: str) -> None:
        """Forget a connection and tell the core; `flow` None: SIP never began on it."""
        if connection.admitted:
            connection.admitted = False
            self.accepted[connection.interface] -= 1
            if connection.kind.is_websocket:
                self._leave(connection.interface, connection.remote.host)
        if flow is not None and self.by_token.pop(flow.token, None) is not None:
            self._driver.handle(Closed(flow, reason))

    def _leave(self, interface: str, host: str) -> None:
        self._websockets[interface, host] -= 1
        if not self._websockets[interface, host]:
            del self._websockets[interface, host]

    def close(self, flow: Flow) -> None:
        """Close the connection of a flow, if it is still there."""
        connection = self.by_token.get(flow.token)
        if connection is not None:
            connection.close()

    def close_at(self, interface: str, transport: Transport, local: Address) -> None:
        """Close the connections that were accepted at a port."""
        for connection in list(self.by_token.values()):
            at = connection.interface, connection.kind, connection.local
            if connection.ticket is None and at == (interface, transport, local):
                connection.close()

    def close_all(self) -> None:
        """Close every connection on which SIP flows."""
        for connection in list(self.by_token.values()):
            connection.close()
