"""A line: how one binding looks from each side, and the texts by which it is known again.

What the topology stage writes (farline.border.topology.stage) comes from here, and what it wrote is
recognised here: a binding's token stands in our Contact and Record-Route on the inside.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import lru_cache
from sys import intern
from typing import TYPE_CHECKING, NamedTuple

from farline.border.routing.peers import PeerFlow
from farline.sip import Address, Crossing, headers

if TYPE_CHECKING:
    from farline.border.plan import Candidate, Plan
    from farline.border.topology.call_ids import CallIds
    from farline.border.topology.headers import HeaderHiding
    from farline.config import ServerFlow, SubscriberFlow
    from farline.sip import Flow, Message, Transport

SUBID = "subid_ipcs"
"""URI parameter that names the binding; it is written on the inside only."""

OUTER = "-o"
"""Behind the token of a way between servers: it was given to the server that began."""


@dataclass(frozen=True, slots=True)
class Line:
    """How one binding looks from each side; the texts are made once for every message."""

    subid: str
    domain: str
    outside: Address
    """Our address as the phone knows it."""

    inside: Address
    """Our address as the office knows it."""

    hop: Address
    """The office, as the upstream connection reaches it."""

    outside_transport: str
    inside_transport: str
    outside_route: str
    inside_route: str
    server: ServerFlow
    outside_contact: Address
    """What our Contact and Record-Route show the phone: our address, or a name of ours."""

    inside_contact: Address
    """The same for the office."""

    phone: Address
    next_hop: str
    """The office as the routing profile names it."""

    inward: Crossing = field(compare=False)
    """Makes what the office reads of what the phone sent."""

    outward: Crossing = field(compare=False)
    """The other way round."""

    outside_token: str = ""
    """What our Contact and Record-Route bear outside; only servers, who begin ways, get one."""

    peer_hiding: HeaderHiding | None = None
    """The profile of the server flow that a way begins at."""

    shields: bool = True
    """Whether the outside may read nothing of the inside."""

    shields_inside: bool = False
    """The same of the inside: it is a trunk."""

    inside_domain: str = ""
    """What identities of the inside say to such an inside."""

    hiding: HeaderHiding | None = None
    call_ids: CallIds | None = None
    """None: Call-IDs stay."""

    @property
    def call_id_host(self) -> str:
        """What stands behind the @ of a hidden Call-ID."""
        own = self.hiding.call_id_host if self.hiding is not None else ""
        return own or (self.peer_hiding.call_id_host if self.peer_hiding is not None else "")

    def seen_from(self, other: Line) -> Line:
        """This line for a phone that is reached by the flow of another one of its bindings."""
        return replace(
            self,
            outside=other.outside,
            outside_transport=other.outside_transport,
            outside_route=other.outside_route,
            outside_contact=other.outside_contact,
            phone=other.phone,
            outward=other.outward,
        )

    def crossed(self, call_id: str) -> str:
        """The Call-ID by which the other side knows a dialog."""
        if self.call_ids is None:
            return call_id
        return self.call_ids.crossed(call_id, self.call_id_host)


class _Face(NamedTuple):
    """What we show of ourselves on one side of a line."""

    own: Address
    transport: str
    """The value of a URI's `transport` parameter."""

    contact: Address
    """Our address, or the name that topology hiding puts in its place in our Contact."""

    route: Address
    """The same in our Record-Route."""


def make_line(
    plan: Plan,
    *,
    subid: str,
    domain: str,
    subscriber: SubscriberFlow,
    phone: Flow,
    server: ServerFlow,
    candidate: Candidate,
) -> Line:
    """The line of a binding whose phone is on `phone` and whose next hop is `candidate`."""
    hiding = plan.hiding.get(server.topology_hiding_profile or "")
    inside = _face(plan, server.signaling_interface, candidate.transport, hiding, "server")
    peer = subscriber.server if isinstance(subscriber, PeerFlow) else None
    outer, outer_kind, token = hiding, "endpoint", ""
    if peer is not None:
        outer, outer_kind = plan.hiding.get(peer.topology_hiding_profile or ""), "server"
        token = f"{subid}{OUTER}"
    outside = _face(plan, phone.interface, phone.transport, outer, outer_kind)
    number = plan.lines[subscriber.name]
    out_route = f"<sip:{outside.route};ipcs-line={number};lr;transport={outside.transport}"
    in_route = f"<sip:{inside.route};ipcs-line={number};lr;transport={inside.transport}"
    out_route = intern(f"{out_route};{SUBID}={token}>" if token else f"{out_route}>")
    in_route = f"{in_route};{SUBID}={subid}>"
    host, port = inside.contact
    params = [("transport", inside.transport), (SUBID, subid)]
    hides_call_ids = any(one is not None and one.hides_call_id for one in (hiding, outer))
    trunk = plan.nature(server.server_profile).is_outsider
    return Line(
        subid=subid,
        domain=intern(domain),
        outside=outside.own,
        inside=inside.own,
        hop=candidate.remote,
        outside_transport=outside.transport,
        inside_transport=inside.transport,
        outside_route=out_route,
        inside_route=in_route,
        server=server,
        outside_contact=outside.contact,
        inside_contact=inside.contact,
        phone=phone.remote,
        next_hop=candidate.remote.host,
        inward=Crossing(host, port, params, in_route, believes=peer is not None),
        outward=_outward(outside.contact, outside.transport, token, out_route),
        hiding=hiding,
        call_ids=plan.call_ids if hides_call_ids else None,
        outside_token=token,
        peer_hiding=outer if peer is not None else None,
        shields=peer is None or plan.nature(peer.server_profile).is_outsider,
        shields_inside=trunk and inside.own.host not in plan.inside,
        inside_domain=plan.servers[server.server_profile].sip_domain or inside.contact.host,
    )


def _face(
    plan: Plan, interface: str, transport: Transport, hiding: HeaderHiding | None, towards: str
) -> _Face:
    own = plan.own.shown(interface, transport)

    def shown(header: str) -> Address:
        name = hiding.own_host(header, towards) if hiding is not None else ""
        return Address(name, own.port) if name else own

    return _Face(own, transport.uri_param, shown("Contact"), shown("Record-Route"))


@lru_cache(maxsize=1024)
def _outward(contact: Address, transport: str, token: str, route: str) -> Crossing:
    """What phones read is the same for all of an interface and flow; a server's bears its token."""
    params = [("transport", transport), *([(SUBID, token)] if token else [])]
    return Crossing(contact.host, contact.port, params, route, believes=True)


def is_line_of(line: Line, value: str) -> bool:
    """Whether a Route or Record-Route value is one that we wrote for this line."""
    if value in (line.inside_route, line.outside_route):
        return True
    uri, own = headers.uri_of(value), headers.uri_of(line.outside_route)
    if uri is None or own is None:
        return False
    mine = subid_of(value) in {line.subid, line.outside_token} - {""}
    return mine or (uri.host, uri.port) == (own.host, own.port)


def subid_of(value: str) -> str:
    """The token that a Route, Record-Route or URI bears; "" for none."""
    uri = headers.uri_of(value) if SUBID in value.lower() else None
    return (uri.param(SUBID) or "") if uri is not None else ""


def token_of(request: Message) -> str:
    """The binding's token of a request from inside: in its Request-URI, else in its first Route."""
    for text in (request.uri, *request.values("Route")[:1]):
        token = subid_of(text)
        if token:
            return token
    return ""
