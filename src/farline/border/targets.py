"""Where the requests of a dialog go: what Contact and Record-Route say (RFC 3261 section 12.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline.sip import NameAddr, WireError

if TYPE_CHECKING:
    from collections.abc import Callable

    from farline.sip import Message


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
