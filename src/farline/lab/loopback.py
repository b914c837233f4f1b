"""A deployment on loopback: every address becomes a 127.x.y.z of its own, low ports move up.

So every hop of the guide's picture is still a different address, and no root is needed. An
address keeps its last three numbers (192.168.64.96 becomes 127.168.64.96), which keeps networks,
prefixes and gateways as they are. Ports under 1024 get 10000 more (443 becomes 10443).
"""

from __future__ import annotations

from ipaddress import AddressValueError, IPv4Address, IPv4Network, ip_address, ip_network
from typing import TYPE_CHECKING, TypeVar

from farline.config.base import Form

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from farline.config import Deployment

LOW_PORTS = 1024
PORT_SHIFT = 10_000

F = TypeVar("F", bound=Form)


def to_loopback(deployment: Deployment, variant: int = 0) -> Deployment:
    """The same deployment on 127.0.0.0/8. Raises ValueError for IPv6 (loopback has one address).

    Each `variant` (0 to 255) has addresses of its own, so that several can run at once.
    """
    addresses = {IPv4Address(text) for text in _texts(deployment) if _is_mappable(text)}
    mapped = _mapped(deployment, _Plan(addresses, variant))
    if mapped.ems is None:
        return mapped
    # Its address is loopback already and stays, so each variant gets a port of its own.
    ems = mapped.ems.model_copy(update={"port": mapped.ems.port + variant})
    return mapped.model_copy(update={"ems": ems})


def loopback_port(port: int) -> int:
    """The port that anybody may bind in place of `port`."""
    return port + PORT_SHIFT if port < LOW_PORTS else port


class _Plan:
    """Which loopback address stands for which address.

    Addresses with the same first number move together: their second number is changed by the same
    exclusive or, which keeps what is in one network in one network. The change is the variant
    unless two groups would meet, or an address would come into 127.0.0.0/16, where other programs
    live.
    """

    def __init__(self, addresses: Iterable[IPv4Address], variant: int = 0) -> None:
        groups: dict[int, set[int]] = {}
        for address in addresses:
            groups.setdefault(int(address) >> 24, set()).add(int(address) & 0xFFFFFF)
        self._change: dict[int, int] = {}
        taken: set[int] = set()
        for first, rests in sorted(groups.items()):
            for change in (variant ^ other for other in range(256)):
                moved = {rest ^ change << 16 for rest in rests}
                if not moved & taken and all(rest >> 16 for rest in moved):
                    break
            else:
                raise ValueError("too many addresses for one loopback network")
            self._change[first] = change
            taken |= moved

    def address(self, address: IPv4Address) -> IPv4Address:
        """The loopback address for one of the deployment."""
        first = int(address) >> 24
        rest = int(address) & 0xFFFFFF ^ self._change.get(first, 0) << 16
        return IPv4Address(127 << 24 | rest)

    def network(self, network: IPv4Network) -> IPv4Network:
        """The loopback network for one of the deployment."""
        if network.prefixlen < 8:
            return IPv4Network("127.0.0.0/8")
        return IPv4Network((self.address(network.network_address), network.prefixlen))


def _mapped(form: F, plan: _Plan) -> F:
    changes: dict[str, object] = {}
    for name, value in form:
        new = _value(name, value, plan)
        if new is not value:
            changes[name] = new
    if not changes:
        return form
    # Validated anew: a mapped value must hold what the form's own rules ask.
    return type(form).model_validate({name: changes.get(name, value) for name, value in form})


def _value(name: str, value: object, plan: _Plan) -> object:
    match value:
        case Form():
            return _mapped(value, plan)
        case tuple() if any(isinstance(entry, Form) for entry in value):
            return tuple(_value(name, entry, plan) for entry in value)
        case tuple() if value and all(isinstance(entry, str) for entry in value):
            texts = tuple(_text(entry, plan) for entry in value)
            return value if texts == value else texts
        case bool():
            return value
        case int() if name == "port" or name.endswith("_port"):
            return loopback_port(value)
        case str() if name != "prefix":
            return _text(value, plan)
    return value


def _text(text: str, plan: _Plan) -> str:
    if _is_mappable(text):
        return str(plan.address(IPv4Address(text)))
    if "/" in text:
        try:
            return str(plan.network(IPv4Network(text, strict=False)))
        except ValueError:
            return text
    return text


def _is_mappable(text: str) -> bool:
    """Whether text is an address of a box: not a name, not 0.0.0.0, not loopback already."""
    try:
        address = IPv4Address(text)
    except AddressValueError:
        return False
    return not (address.is_unspecified or address.is_loopback)


def _texts(form: Form) -> Iterator[str]:
    """Every text of the deployment but prefixes. Raises ValueError for an IPv6 address."""
    for name, value in form:
        for entry in value if isinstance(value, tuple) else (value,):
            if isinstance(entry, Form):
                yield from _texts(entry)
            elif isinstance(entry, str) and name != "prefix":
                if _is_ipv6(entry):
                    raise ValueError(f"{form.form}: {entry}: loopback has one IPv6 address only")
                yield entry


def _is_ipv6(text: str) -> bool:
    try:
        address = ip_network(text, strict=False) if "/" in text else ip_address(text)
    except ValueError:
        return False
    return address.version == 6
