"""Where servers are: which hosts on which signaling interface are heard as servers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline.config.flows import split_host
from farline.config.matching import ANY
from farline.config.subnets import in_subnet, literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from farline.config import Border, ServerFlow

NOBODY: frozenset[str] = frozenset()


class ServerHosts:
    """The hosts of server profiles and of the server flows that use them.

    `flows`: server flows by signaling interface. `past`: the hosts before a change; of a server
    flow that is gone only the calls that run are heard.
    """

    def __init__(
        self,
        border: Border,
        flows: Mapping[str, Sequence[ServerFlow]],
        past: ServerHosts | None = None,
    ) -> None:
        self._flows = flows
        self.of_profile = _by_profile(border)
        """By server profile: its addresses and names, and those of its presence servers."""

        self._former: dict[str, frozenset[str]] = {}
        """By signaling interface: hosts whose server flow is gone."""

        if past is not None:
            self.of_profile = past.of_profile | self.of_profile
            self._former = dict(past._former)
            for interface in past._flows:
                known = self._former.get(interface, NOBODY)
                self._former[interface] = known | past._on(interface)
        self._heard = {
            interface: self._on(interface) | self._former.get(interface, NOBODY)
            for interface in {*flows, *self._former}
        }
        self._subnets = self._subnets_of_names(border)

    def is_server(self, interface: str, host: str) -> bool:
        """Whether a server, or one that the configuration no longer has, was heard here."""
        if host in self._heard.get(interface, ()):
            return True
        return any(in_subnet(subnet, host) for subnet in self._subnets.get(interface, ()))

    def was_server(self, interface: str, host: str) -> bool:
        """Whether a server that the configuration no longer has was heard here."""
        return host in self._former.get(interface, ())

    def _on(self, interface: str) -> frozenset[str]:
        """The hosts of all servers whose flows use a signaling interface."""
        flows = self._flows.get(interface, ())
        return NOBODY.union(*(self.of_profile[one.server_profile] for one in flows))

    def _subnets_of_names(self, border: Border) -> dict[str, list[str]]:
        """Where servers are that are known by name: Remote Subnets by signaling interface."""
        found: dict[str, list[str]] = {}
        for flow in border.server_flows:
            named = any(literal(one) is None for one in self.of_profile[flow.server_profile])
            if named and flow.remote_subnet != ANY:
                found.setdefault(flow.signaling_interface, []).append(flow.remote_subnet)
        return found


def _by_profile(border: Border) -> dict[str, frozenset[str]]:
    found = {
        item.name: frozenset(entry.address for entry in item.addresses)
        for item in border.server_profiles
    }
    for flow in border.subscriber_flows:
        if flow.presence_server_address is not None:
            host = split_host(flow.presence_server_address, 5060)[0]
            for server in border.server_flows:
                if server.received_interface == flow.signaling_interface:
                    found[server.server_profile] |= {host}
    return found
