"""Where a request goes next: Route (RFC 3261 sections 16.6, 16.12) and RFC 3263 as a choice.

Nothing here resolves a name: a `Hop` with a numeric host has an address, any other is for the
resolver outside.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING

from farline._core import NameAddr, Uri, WireError
from farline.sip.transport import Address, Transport

if TYPE_CHECKING:
    from farline._core import Message

MAX_ROUTES = 64


@dataclass(frozen=True, slots=True)
class Hop:
    """A next hop as its URI names it (RFC 3263 section 4). None: DNS decides (NAPTR, SRV)."""

    host: str
    port: int | None
    transport: Transport | None

    @property
    def numeric(self) -> bool:
        """Whether `host` is an address already."""
        return is_numeric(self.host)

    @property
    def address(self) -> Address | None:
        """Where to send, when no name has to be resolved."""
        if not self.numeric:
            return None
        transport = self.transport or Transport.UDP
        return Address(self.host, self.port or transport.default_port)


def next_hop(request: Message) -> Uri:
    """The URI that decides where the request goes: the first Route, else the Request-URI.

    A first Route without lr is a strict router (section 16.6 step 6): the Request-URI goes to the
    end of Route and the route becomes the Request-URI.
    """
    values = request.values("Route")
    if not values:
        return Uri.parse(request.uri)
    if len(values) > MAX_ROUTES:
        raise WireError(400, "too many routes", "Route")
    first = NameAddr.parse(values[0]).uri
    if first.param("lr") is None:
        request.set_all("Route", [*values[1:], f"<{request.uri}>"])
        request.uri = str(first)
    return first


_SECURED = {Transport.TCP: Transport.TLS, Transport.WS: Transport.WSS}
"""What a transport means in a sips URI."""


def hop(uri: Uri) -> Hop:
    """What RFC 3263 section 4 says of a URI before DNS is asked.

    Transport: the parameter if given; TLS for sips; UDP for an address or where a port stands; else
    DNS decides. Raises WireError(416) for a scheme without host, WireError(400) for a transport
    that is none of ours.
    """
    if uri.scheme not in ("sip", "sips"):
        raise WireError(416, "no way to this URI scheme", "Request-URI")
    host = uri.param("maddr") or uri.host
    named = uri.param("transport")
    transport: Transport | None
    if named:
        if named.upper() not in Transport.__members__:
            raise WireError(400, "unknown transport", "Request-URI")
        transport = Transport[named.upper()]
        if uri.scheme == "sips":
            transport = _SECURED.get(transport, transport)
    elif uri.scheme == "sips":
        transport = Transport.TLS
    elif is_numeric(host) or uri.port is not None:
        transport = Transport.UDP
    else:
        transport = None
    if uri.scheme == "sips" and transport is Transport.UDP:
        raise WireError(400, "sips does not go over UDP", "Request-URI")
    return Hop(host, uri.port, transport)


def is_numeric(host: str) -> bool:
    """Whether `host` is an IPv4 or IPv6 address."""
    try:
        ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True
