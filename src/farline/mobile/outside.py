"""Requests that arrive outside a dialog, other than INVITE, and what Replaces names: decisions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline.mobile.call import Phase
from farline.mobile.commands import TextReceived
from farline.mobile.line import ALLOW
from farline.mobile.text import printable
from farline.sip import WireError
from farline.sip.headers import split_params

if TYPE_CHECKING:
    from collections.abc import Iterable

    from farline.mobile.incall import InCall
    from farline.sip import Message

MAX_TEXT = 1300
"""Bytes of a MESSAGE that are shown (RFC 3428 section 8 allows no more outside a session)."""

_STATUS = {
    "MESSAGE": 200,
    # Message waiting and the like come unasked from office servers.
    "NOTIFY": 200,
    "INFO": 200,
    "PUBLISH": 489,
    "BYE": 481,
    "UPDATE": 481,
    # A phone that is told to call somebody without being in a call does not.
    "REFER": 603,
}


def outside_dialog(message: Message, *, busy: bool) -> tuple[int, list[tuple[str, str]]]:
    """Status and headers of the answer; OPTIONS is answered as an INVITE would be (11.2)."""
    if message.method == "OPTIONS":
        return 486 if busy else 200, [("Accept", "application/sdp")]
    status = _STATUS.get(message.method)
    return (405, [("Allow", ALLOW)]) if status is None else (status, [])


def text_of(message: Message) -> TextReceived:
    """What a MESSAGE says, fit for a terminal."""
    text = message.body[:MAX_TEXT].decode("utf-8", "replace")
    return TextReceived(printable(message.get("From") or ""), printable(text, MAX_TEXT))


def replaced_call(value: str, calls: Iterable[InCall]) -> InCall | None:
    """The standing call that a Replaces header names (RFC 3891 section 3)."""
    try:
        call_id, params = split_params(value, "Replaces")
    except WireError:
        return None
    wanted = (call_id, params.get("to-tag"), params.get("from-tag"))
    for call in calls:
        if call.dialog is not None and call.phase is Phase.STANDING and call.dialog.key == wanted:
            return call
    return None
