"""Stage 5, topology: what each side reads instead of the other side's addresses.

Inward (phone to office) and outward (office to phone), requests and responses: the four functions
at the end. From, To, tags, Call-ID and CSeq stay unless the topology hiding profile names them;
headers that are not named here keep their bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline.border.body_hiding import hide_in_inward_body, hide_in_outward_body
from farline.border.call_ids import cross_headers
from farline.border.header_hiding import Way, readable
from farline.border.line import contact_inside, contact_outside
from farline.sip import NameAddr, Uri, WireError
from farline.sip.routing import next_hop

if TYPE_CHECKING:
    from collections.abc import Callable

    from farline.border.hiding import Hider
    from farline.border.line import Line
    from farline.border.plan import Plan
    from farline.border.session import End
    from farline.sip import Message

RECORDED = frozenset({"INVITE", "ACK", "SUBSCRIBE", "NOTIFY", "REFER"})
"""Requests that get our Record-Route; ACK because the guide's does."""

MAX_CONTACTS = 16
DEFAULT_MAX_FORWARDS = 70


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
    hide_in_inward_body(plan, line, contact, out)
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
    hide_in_outward_body(line, contact, out)
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
    hide_in_outward_body(line, "", out)
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
    if not plan.own.has(parsed.host, parsed.port):
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


def _hide_from_trunk(line: Line, hider: Hider, out: Message) -> None:
    if not hider.report_only and hider.leaks(out.to_bytes()):
        address = str(line.inside_contact)
        hider.clean_message(out, domain=line.inside_domain, address=address)


def _hide(line: Line, hider: Hider, out: Message) -> None:
    if line.shields and not hider.report_only and hider.leaks(out.to_bytes()):
        hider.clean_message(out, domain=line.domain, address=str(line.outside_contact))
