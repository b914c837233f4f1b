"""Stage 5, topology: bodies that are compressed or encoded, so that nobody sees into them.

What cannot be read may name anything. A request with such a body is refused (RFC 3261 section
21.4.13: 415, which names the encodings that are taken) where its reader is an outsider, or where
the media engine would have to read it. Of answers and ACKs, which cannot be refused, the body is
removed (`stage`). With *Topology Audit: Action* report they pass, and the trace says so.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from farline.border.exchange import Refusal, Side, Verdict
from farline.border.topology.bodies import is_words_of_people
from farline.config import TopologyAudit
from farline.sip import headers

if TYPE_CHECKING:
    from farline.border.context import Context
    from farline.border.registrations.binding import Binding
    from farline.sip import Message

TAKEN = (("Accept-Encoding", "identity"),)
"""What a 415 names (RFC 3261 section 20.2)."""

_NAMES = ("Content-Encoding", "Content-Transfer-Encoding")
_READABLE = frozenset({"identity", "7bit", "8bit", "binary"})
"""Codings that leave the bytes as they are (RFC 9110 section 12.5.3, RFC 2045 section 6.2)."""

_OF_PART = re.compile(
    rb"^content-(?:transfer-)?encoding[ \t]*:[ \t]*([^\r\n;]*)", re.IGNORECASE | re.MULTILINE
)


def coding(message: Message) -> str:
    """How a body, or a part of it, is encoded; "" when it is there as it is.

    What people write to one another is not ours to read, however it is packed.
    """
    if not message.body or is_words_of_people(message):
        return ""
    given = [value for name in _NAMES for value in message.values(name)]
    if headers.media_type(message).startswith("multipart/"):
        given += [match[1].decode("latin-1") for match in _OF_PART.finditer(message.body)]
    codings = (value.partition(";")[0].strip().lower() for value in given)
    return next((one[:40] for one in codings if one not in _READABLE), "")


def remove(message: Message) -> None:
    """Take an encoded body out, with what is said of it."""
    message.body = b""
    for name in _NAMES:
        message.remove(name)


def decide(
    context: Context, binding: Binding, sender: Side, request: Message
) -> Verdict[Refusal] | None:
    """Why a request with an encoded body is refused; None when it goes on."""
    if not request.body or not (how := coding(request)):
        return None
    refusal = Refusal(415, "encoding", TAKEN)
    if headers.media_type(request) == "application/sdp":
        return Verdict(refusal, f"SDP that is encoded: {how}")
    line = binding.line
    guarded = line is not None and (line.shields_inside if sender is Side.OUTSIDE else line.shields)
    if not guarded:
        return None
    form, why = f"{TopologyAudit.form}: Action", f"a body that is encoded may name anything: {how}"
    if context.hider.report_only:
        context.decided("topology", "passed", f"{why}; reported only", form)
        return None
    return Verdict(refusal, why, form)
