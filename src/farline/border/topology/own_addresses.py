"""The border's own addresses: what its sockets have, what peers are told, what it knows again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline.sip import Address, Transport
from farline.sip.transport import canonical_host

if TYPE_CHECKING:
    from collections.abc import Mapping

    from farline.config import Border


class OwnAddresses:
    """The addresses of every signaling interface.

    `via_names`: by signaling interface, the names that topology hiding writes in its Via. `past`:
    the addresses before a change, which dialogs that began there still name.
    """

    def __init__(
        self, border: Border, via_names: Mapping[str, str], past: OwnAddresses | None = None
    ) -> None:
        self._via_names = via_names
        self._locals = {
            (item.name, one): Address(item.ip, item.port(one) or one.default_port)
            for item in border.signaling_interfaces
            for one in Transport
        }
        self._shown = {
            key: Address(border.shown(local.host), local.port)
            for key, local in self._locals.items()
        }
        self.ports = _ports(border, via_names)
        """By host: the ports that are ours there. With a host's other names: Public IP, Via."""

        if past is not None:
            self._locals = past._locals | self._locals
            self._shown = past._shown | self._shown
            for host, ports in past.ports.items():
                self.ports[host] = self.ports.get(host, set()) | ports

    def shown(self, interface: str, transport: Transport) -> Address:
        """Our address on a signaling interface, as peers are told (Public IP).

        Where that transport does not listen, its usual port: the peer answers on the connection.
        """
        return self._shown[interface, transport]

    def local(self, interface: str, transport: Transport) -> Address:
        """The address that our socket has."""
        return self._locals[interface, transport]

    def sent_by(self, interface: str, transport: Transport) -> Address:
        """What our Via says: the address, or the name that topology hiding gives it."""
        address = self._shown[interface, transport]
        name = self._via_names.get(interface)
        return address if name is None else Address(name, address.port)

    def has(self, host: str, port: int | None) -> bool:
        """Whether host and port of a URI or Via are one of our signaling interfaces."""
        ports = self.ports.get(canonical_host(host))
        return ports is not None and (port is None or port in ports)

    def may_name(self, text: str) -> bool:
        """Whether it is worth while to parse a Via or URI: False where `has` would be."""
        lowered = text.lower()
        for host in self.ports:  # noqa: SIM110 - `any` takes three times as long
            if host in lowered or (":" in host and "[" in lowered):
                return True
        return False


def _ports(border: Border, via_names: Mapping[str, str]) -> dict[str, set[int]]:
    found: dict[str, set[int]] = {}
    for interface in border.signaling_interfaces:
        listening = (*map(interface.port, Transport), interface.shared_control_port)
        ports = {port for port in listening if port is not None}
        found.setdefault(interface.ip, set()).update(ports)
        found.setdefault(border.shown(interface.ip), set()).update(ports)
    hosts = {interface.name: interface.ip for interface in border.signaling_interfaces}
    for interface_name, name in via_names.items():
        found.setdefault(name, set()).update(found[hosts[interface_name]])
    return found
