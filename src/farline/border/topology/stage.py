"""Stage 5, topology: what each side reads instead of the other side's addresses.

Inward (phone to office) and outward (office to phone), requests and responses: the four functions
at the end. From, To, tags, Call-ID and CSeq stay unless the topology hiding profile names them;
headers that are not named here keep their bytes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline.border.topology import encoded
from farline.border.topology.body_hiding import hide_in_inward_body, hide_in_outward_body
from farline.border.topology.call_ids import cross_headers
from farline.border.topology.headers import Way, readable
from farline.sip import NameAddr, Uri
from farline.sip.routing import next_hop

if TYPE_CHECKING:
    from farline.border.calls.session import End
    from farline.border.plan import Plan
    from farline.border.topology.hiding import Hider
    from farline.border.topology.line import Line
    from farline.sip import Crossing, Message

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
    if far is None or not far.target:
        out = line.inward.request(request, _own_to_hop(plan, line, request.uri), ())
    else:
        out = _in_dialog(line.inward, request, far)
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
    out = line.inward.response(response, request)
    _cross_back(line, out, request)
    _rules(line, out, "", towards="server")
    if hider is not None and line.shields_inside:
        _hide_from_trunk(line, hider, out)
    return out


def outward_request(
    line: Line, hider: Hider, request: Message, far: End | None, contact: str
) -> Message:
    """A request of the office as the phone reads it. `contact`: the phone's registered URI."""
    if far is None or not far.target:
        out = line.outward.request(request, contact, ())
    else:
        out = _in_dialog(line.outward, request, far)
    _cross(line, out)
    hide_in_outward_body(line, contact, out)
    _rules(line, out, contact, towards="endpoint")
    _hide(line, hider, out)
    return out


def outward_response(line: Line, hider: Hider, response: Message, request: Message) -> Message:
    """A response of the office as the phone reads it; `request` is the phone's."""
    out = line.outward.response(response, request)
    _cross_back(line, out, request)
    hide_in_outward_body(line, "", out)
    _rules(line, out, "", towards="endpoint")
    _hide(line, hider, out)
    return out


# ---- parts of them ----


def _in_dialog(crossing: Crossing, request: Message, far: End) -> Message:
    """Only routes of the far end: nobody routes through us."""
    out = crossing.request(request, far.target, far.routes)
    if far.routes:
        next_hop(out)
    return out


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
    if hider.report_only:
        return
    if out.body and encoded.coding(out):
        encoded.remove(out)
    if hider.leaks(out.to_bytes()):
        address = str(line.inside_contact)
        hider.clean_message(out, domain=line.inside_domain, address=address)


def _hide(line: Line, hider: Hider, out: Message) -> None:
    if not line.shields or hider.report_only:
        return
    if out.body and encoded.coding(out):
        encoded.remove(out)
    if hider.leaks(out.to_bytes()):
        hider.clean_message(out, domain=line.domain, address=str(line.outside_contact))
