"""Stage 5, topology: what each side reads instead of the other side's addresses.

Inward (phone to office) and outward (office to phone), requests and responses: the four functions
at the end. From, To, tags, Call-ID and CSeq stay unless the topology hiding profile names them;
headers that are not named here keep their bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from sys import intern
from typing import TYPE_CHECKING, TypeAlias

from farline.border import bodies
from farline.border.call_ids import CallIds, cross_headers
from farline.border.header_hiding import HeaderHiding, Way, readable
from farline.border.peers import PeerFlow
from farline.sip import Address, NameAddr, Uri, WireError
from farline.sip.routing import next_hop

if TYPE_CHECKING:
    from collections.abc import Callable

    from farline.border.hiding import Hider
    from farline.border.plan import Candidate, Plan
    from farline.border.session import End
    from farline.config import ServerFlow, SubscriberFlow
    from farline.sip import Flow, Message

RECORDED = frozenset({"INVITE", "ACK", "SUBSCRIBE", "NOTIFY", "REFER"})
"""Requests that get our Record-Route; ACK because the guide's does."""

SUBID = "subid_ipcs"
"""URI parameter that names the binding; it is written on the inside only."""

NAMING = frozenset({"application/simple-message-summary", "message/sipfrag", "multipart/related"})
"""Kinds of bodies beside XML that name addresses."""

NO_MARKUP = str.maketrans("", "", "<>&\"'")
OUTER = "-o"
"""Behind the token of a way between servers: it was given to the server that began."""

MAX_CONTACTS = 16
DEFAULT_MAX_FORWARDS = 70


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
        )

    def crossed(self, call_id: str) -> str:
        """The Call-ID by which the other side knows a dialog."""
        if self.call_ids is None:
            return call_id
        return self.call_ids.crossed(call_id, self.call_id_host)


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
    outside = plan.address(phone.interface, phone.transport)
    inside = plan.address(server.signaling_interface, candidate.transport)
    out_transport, in_transport = phone.transport.uri_param, candidate.transport.uri_param
    number = plan.lines[subscriber.name]
    hiding = plan.hiding.get(server.topology_hiding_profile or "")
    peer = subscriber.server if isinstance(subscriber, PeerFlow) else None
    outer, outer_kind, token = hiding, "endpoint", ""
    if peer is not None:
        outer, outer_kind = plan.hiding.get(peer.topology_hiding_profile or ""), "server"
        token = f"{subid}{OUTER}"
    out_contact = _shown(outer, outer_kind, outside)
    in_contact = _shown(hiding, "server", inside)
    out_route = _shown(outer, outer_kind, outside, "Record-Route")
    in_route = _shown(hiding, "server", inside, "Record-Route")
    out_token = f";{SUBID}={token}" if token else ""
    hides = [one for one in (hiding, outer) if one is not None and one.hides_call_id]
    trunk = plan.nature(server.server_profile).is_outsider
    return Line(
        subid=subid,
        domain=intern(domain),
        outside=outside,
        inside=inside,
        hop=candidate.remote,
        outside_transport=out_transport,
        inside_transport=in_transport,
        outside_route=intern(
            f"<sip:{out_route};ipcs-line={number};lr;transport={out_transport}{out_token}>"
        ),
        inside_route=(
            f"<sip:{in_route};ipcs-line={number};lr;transport={in_transport};{SUBID}={subid}>"
        ),
        server=server,
        outside_contact=out_contact,
        inside_contact=in_contact,
        phone=phone.remote,
        next_hop=candidate.remote.host,
        hiding=hiding,
        call_ids=plan.call_ids if hides else None,
        outside_token=token,
        peer_hiding=outer if peer is not None else None,
        shields=peer is None or plan.nature(peer.server_profile).is_outsider,
        shields_inside=trunk and inside.host not in plan.inside,
        inside_domain=plan.servers[server.server_profile].sip_domain or in_contact.host,
    )


def _shown(
    hiding: HeaderHiding | None, towards: str, own: Address, header: str = "Contact"
) -> Address:
    """Our address, or the name of ours that a rule puts in its place."""
    name = hiding.own_host(header, towards) if hiding is not None else ""
    return Address(name, own.port) if name else own


def contact_inside(line: Line, value: str) -> str:
    """A Contact of the phone as the office reads it: our address and the binding's token."""
    contact = NameAddr.parse(value)
    params: list[tuple[str, str | None]] = [
        ("transport", line.inside_transport),
        (SUBID, line.subid),
    ]
    host, port = line.inside_contact
    return str(contact.with_uri(Uri.build(host, user=contact.uri.user, port=port, params=params)))


def contact_outside(line: Line, value: str) -> str:
    """A Contact of the office as the phone reads it: our address."""
    contact = NameAddr.parse(value)
    params: list[tuple[str, str | None]] = [("transport", line.outside_transport)]
    if line.outside_token:
        params.append((SUBID, line.outside_token))
    host, port = line.outside_contact
    return str(contact.with_uri(Uri.build(host, user=contact.uri.user, port=port, params=params)))


def target_of(message: Message) -> str:
    """The URI in Contact, "" without a readable one."""
    value = message.get("Contact")
    if value is None:
        return ""
    try:
        return str(NameAddr.parse(value).uri)
    except WireError:
        return ""


def target_or_name(target: str, name: str) -> str:
    """The remote target; of who gave no Contact the URI of its From or To.

    RFC 3261 section 12.1 asks for one; a peer that breaks the rule is to get its BYE nevertheless.
    """
    if target:
        return target
    try:
        return str(NameAddr.parse(name).uri)
    except WireError:
        return "sip:unknown.invalid"


def routes_behind(message: Message, own: Callable[[str], bool]) -> tuple[str, ...]:
    """The Record-Routes that are not ours, in the order in which they stand."""
    return tuple(value for value in message.values("Record-Route") if not own(value))


def is_line_of(line: Line, value: str) -> bool:
    """Whether a Route or Record-Route value is one that we wrote for this line."""
    return value in (line.inside_route, line.outside_route) or (
        f"{SUBID}={line.subid}" in value
        or value.startswith(line.outside_route.partition("ipcs-line=")[0])
    )


def token_of(request: Message) -> str:
    """The binding's token of a request from inside: in its Request-URI, else in its first Route."""
    for text in (request.uri, *request.values("Route")[:1]):
        _, found, rest = text.partition(f";{SUBID}=")
        if found:
            return rest.partition(";")[0].partition(">")[0].strip('"')
    return ""


# ---- the four ways ----


def inward_request(
    plan: Plan,
    line: Line,
    request: Message,
    far: End | None,
    contact: str = "",
    hider: Hider | None = None,
) -> Message:
    """A request of the phone as the office reads it. Raises WireError for what cannot be read.

    `contact`: the phone's registered URI, "" when it has none. `hider`: for a server that is an
    outsider.
    """
    out = request.copy()
    _onward(out)
    _believe(line, out)
    _address(out, far, lambda uri: _own_to_hop(plan, line, uri))
    _contacts(out, lambda value: contact_inside(line, value))
    if request.method in RECORDED:
        out.set("Record-Route", line.inside_route)
    else:
        out.remove("Record-Route")
    for name in ("Refer-To", "Referred-By"):
        value = out.get(name)
        if value is not None:
            out.set(name, _own_name_to_hop(plan, line, value))
    _cross(line, out)
    _body(line, out, lambda *uri: _uri_inside(plan, line, contact, *uri))
    _rules(line, out, contact, towards="server", initial=far is None)
    if hider is not None and line.shields_inside:
        _hide_from_trunk(line, hider, out)
    return out


def inward_response(
    line: Line, response: Message, request: Message, hider: Hider | None = None
) -> Message:
    """A response of the phone as the office reads it; `request` is the office's."""
    out = response.copy()
    out.set_all("Via", request.all("Via"))
    _believe(line, out)
    _contacts(out, lambda value: contact_inside(line, value))
    if response.get("Record-Route") is not None:
        out.set_all("Record-Route", [line.inside_route, *request.all("Record-Route")])
    _cross_back(line, out, request)
    _rules(line, out, "", towards="server")
    if hider is not None and line.shields_inside:
        _hide_from_trunk(line, hider, out)
    return out


def outward_request(
    line: Line, hider: Hider, request: Message, far: End | None, contact: str
) -> Message:
    """A request of the office as the phone reads it. `contact`: the phone's registered URI."""
    out = request.copy()
    _onward(out)
    _address(out, far, lambda _: contact)
    _contacts(out, lambda value: contact_outside(line, value))
    if request.method in RECORDED:
        out.set("Record-Route", line.outside_route)
    else:
        out.remove("Record-Route")
    _cross(line, out)
    _body(line, out, lambda *uri: _uri_outside(line, contact, *uri))
    _rules(line, out, contact, towards="endpoint")
    _hide(line, hider, out)
    return out


def outward_response(line: Line, hider: Hider, response: Message, request: Message) -> Message:
    """A response of the office as the phone reads it; `request` is the phone's."""
    out = response.copy()
    out.set_all("Via", request.all("Via"))
    _contacts(out, lambda value: contact_outside(line, value))
    if response.get("Record-Route") is not None:
        out.set_all("Record-Route", [line.outside_route, *request.all("Record-Route")])
    _cross_back(line, out, request)
    _body(line, out, lambda *uri: _uri_outside(line, "", *uri))
    _rules(line, out, "", towards="endpoint")
    _hide(line, hider, out)
    return out


# ---- parts of them ----


def _believe(line: Line, out: Message) -> None:
    """A phone asserts nothing (RFC 3325 section 5); servers are believed."""
    if not line.outside_token:
        out.remove("P-Asserted-Identity")


def _onward(out: Message) -> None:
    """What every forwarded request loses and counts (RFC 3261 section 16.6)."""
    out.remove("Via")
    left = out.get("Max-Forwards")
    out.set("Max-Forwards", str(int(left) - 1 if left is not None else DEFAULT_MAX_FORWARDS))


def _address(out: Message, far: End | None, otherwise: Callable[[str], str]) -> None:
    """Request-URI and Route: only routes of the far end, nobody routes through us."""
    if far is None or not far.target:
        out.remove("Route")
        out.uri = otherwise(out.uri)
        return
    out.uri = far.target
    out.set_all("Route", list(far.routes))
    if far.routes:
        next_hop(out)


def _contacts(out: Message, rewrite: Callable[[str], str]) -> None:
    values = out.values("Contact")
    if not values or values == ["*"]:
        return
    if len(values) > MAX_CONTACTS:
        raise WireError(400, "too many contacts", "Contact")
    out.set_all("Contact", [rewrite(value) for value in values])


def _own_to_hop(plan: Plan, line: Line, uri: str) -> str:
    """A URI that names our outside address means the office."""
    if not _may_name(line.outside.host, uri):
        return uri
    parsed = Uri.parse(uri)
    if not plan.is_own(parsed.host, parsed.port):
        return uri
    domain = plan.servers[line.server.server_profile].sip_domain
    if domain:
        moved = parsed.with_host(domain, None)
    else:
        moved = parsed.with_host(line.hop.host, line.hop.port)
    if moved.param("transport") is not None:
        moved = moved.with_param("transport", line.inside_transport)
    return str(moved)


def _may_name(host: str, text: str) -> bool:
    """Whether it is worth while to parse; an IPv6 address has many spellings."""
    return host in text or (":" in host and "[" in text)


def _own_name_to_hop(plan: Plan, line: Line, value: str) -> str:
    if not _may_name(line.outside.host, value):
        return value
    parsed = NameAddr.parse(value)
    return str(parsed.with_uri(Uri.parse(_own_to_hop(plan, line, str(parsed.uri)))))


def _cross(line: Line, out: Message) -> None:
    """The other side's Call-IDs, where they are hidden."""
    if line.call_ids is not None:
        out.set("Call-ID", line.crossed(out.call_id))
        cross_headers(out, line.crossed)


def _cross_back(line: Line, out: Message, request: Message) -> None:
    if line.call_ids is not None:
        out.set("Call-ID", request.call_id)
        cross_headers(out, line.crossed)


def _rules(line: Line, out: Message, contact: str, *, towards: str, initial: bool = False) -> None:
    """What the topology hiding profile says of single headers."""
    if towards != "server" and line.outside_token:
        if line.peer_hiding is not None:
            back = Way("server", line.outside, line.phone, line.phone.host)
            line.peer_hiding.apply(out, back, initial=initial)
        return
    if line.hiding is None:
        return
    if towards == "server":
        way = Way(towards, line.inside, line.hop, line.next_hop)
    else:
        hop = readable(contact) or line.phone.host
        way = Way(towards, line.outside, line.phone, hop)
    line.hiding.apply(out, way, initial=initial)


Place: TypeAlias = "Callable[[str, int | None, str], str | None]"


def _body(line: Line, out: Message, place: Place) -> None:
    """URIs and Call-IDs in bodies that name them (RFC 3680, 4235, 3863, 3842)."""
    kind = bodies.kind_of(out)
    if (
        not out.body
        or not (kind.endswith("xml") or kind in NAMING)
        or bodies.is_words_of_people(out)
    ):
        return
    text = bodies.text_of(out)
    if text is None:
        out.body = b""  # nobody could look for addresses in it
        out.remove("Content-Encoding")
        return
    crossed = line.crossed if line.call_ids is not None else None
    changed = bodies.rewritten(text, place, crossed=crossed).encode("utf-8", "surrogateescape")
    if changed != out.body:
        out.body = changed


def _uri_inside(
    plan: Plan, line: Line, contact: str, host: str, port: int | None, rest: str
) -> str | None:
    """What stands inside for host, port and parameters of a URI in a phone's body."""
    own = Uri.parse(contact) if contact else None
    hosts = (own.host, line.phone.host) if own is not None else (line.phone.host,)
    if host in hosts and own is not None and port in (None, own.port, line.phone.port):
        return f"{line.inside_contact};transport={line.inside_transport};{SUBID}={line.subid}"
    if plan.is_own(host, port):
        return f"{line.hop}{rest}"
    return None


def _uri_outside(line: Line, contact: str, host: str, port: int | None, rest: str) -> str | None:
    """What stands outside: the phone's own Contact for its token, our address for others'."""
    del host, port
    if f";{SUBID}=" not in rest:
        return None
    if f";{SUBID}={line.subid}" in rest and contact:
        return contact.partition(":")[2].rpartition("@")[2].translate(NO_MARKUP)
    return f"{line.outside_contact};transport={line.outside_transport}"


def _hide_from_trunk(line: Line, hider: Hider, out: Message) -> None:
    if not hider.report_only and hider.leaks(out.to_bytes()):
        address = str(line.inside_contact)
        hider.clean_message(out, domain=line.inside_domain, address=address)


def _hide(line: Line, hider: Hider, out: Message) -> None:
    if line.shields and not hider.report_only and hider.leaks(out.to_bytes()):
        hider.clean_message(out, domain=line.domain, address=str(line.outside_contact))
