"""Where the requests of a dialog go: what Contact and Record-Route say (RFC 3261 section 12.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline.sip import Message, NameAddr, WireError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


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


def with_tag(name: str, tag: str) -> str:
    """A From or To with this tag instead of the one it has. Raises WireError."""
    parsed = NameAddr.parse(name)
    return str(parsed.with_param("tag", tag) if tag else parsed.without_param("tag"))


def routes_behind(message: Message, own: Callable[[str], bool]) -> tuple[str, ...]:
    """The Record-Routes that are not ours, in the order in which they stand."""
    return tuple(value for value in message.values("Record-Route") if not own(value))


def request_to(
    target: str,
    method: str,
    *,
    routes: Iterable[str] = (),
    from_: str,
    to: str,
    call_id: str,
    cseq: int,
) -> Message:
    """A request of ours in a dialog. `target`: the remote target, "" without one.

    `routes`: the route set, nearest to us first; `from_` and `to` with their tags.
    """
    message = Message.request(method, target_or_name(target, to))
    for route in routes:
        message.add("Route", route)
    message.add("From", from_)
    message.add("To", to)
    message.add("Call-ID", call_id)
    message.add("CSeq", f"{cseq} {method}")
    message.add("Max-Forwards", "70")
    return message
