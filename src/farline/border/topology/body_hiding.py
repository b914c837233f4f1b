"""Stage 5, topology, bodies: which address each side reads in place of the other side's.

How a body is searched and changed is in `bodies`; here is what stands in it then.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from farline.border.topology import bodies
from farline.border.topology.line import SUBID
from farline.sip import Uri, headers

if TYPE_CHECKING:
    from collections.abc import Callable

    from farline.border.plan import Plan
    from farline.border.topology.line import Line
    from farline.sip import Message

NAMING = frozenset({"application/simple-message-summary", "message/sipfrag", "multipart/related"})
"""Kinds of bodies beside XML that name addresses."""

NO_MARKUP = str.maketrans("", "", "<>&\"'")

Place: TypeAlias = "Callable[[str, int | None, str], str | None]"
"""(host, port, parameters) of a URI in a body -> what stands there instead; None: it stays."""


def hide_in_inward_body(plan: Plan, line: Line, contact: str, out: Message) -> None:
    """The phone's own addresses become ours. `contact`: its registered URI, "" when it has none."""
    _rewrite(line, out, lambda *uri: _uri_inside(plan, line, contact, *uri))


def hide_in_outward_body(line: Line, contact: str, out: Message) -> None:
    """URIs with a binding's token become the phone's own Contact, or our address."""
    _rewrite(line, out, lambda *uri: _uri_outside(line, contact, *uri))


def _rewrite(line: Line, out: Message, place: Place) -> None:
    """URIs and Call-IDs in bodies that name them (RFC 3680, 4235, 3863, 3842)."""
    kind = headers.media_type(out)
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
    if plan.own.has(host, port):
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
