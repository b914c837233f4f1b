"""Responses made from requests (RFC 3261 section 8.2.6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline._core import Message, WireError, reason_phrase, registered_phrase

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["for_error", "make", "reason_phrase", "registered_phrase"]


def make(
    request: Message,
    status: int,
    reason: str = "",
    *,
    to_tag: str = "",
    headers: Iterable[tuple[str, str]] = (),
    body: bytes = b"",
    content_type: str = "application/sdp",
) -> Message:
    """Answer a request: Via, Record-Route where it makes a dialog, From, To, Call-ID, CSeq.

    After these come `headers`, then the body with its Content-Type and always Content-Length.
    `to_tag` goes into To where it has none. 100 copies Timestamp (section 8.2.6.1).
    """
    return request.answer(status, reason, to_tag, list(headers), body, content_type)


def for_error(request: Message, error: WireError, *, to_tag: str) -> Message | None:
    """The answer to a request that `validate()` or a reader refused.

    None where only dropping is right: an ACK, a response, a status of 0, or a request too broken
    to be answered.
    """
    if not request.is_request or request.method == "ACK" or not 400 <= error.status < 700:
        return None
    if request.top_via is None or not all(map(request.get, ("From", "To", "Call-ID", "CSeq"))):
        return None
    return make(request, error.status, _printable(error.reason), to_tag=to_tag)


def _printable(reason: str) -> str:
    """A reason phrase on one line, without what a peer could have put into it, at most 80 long."""
    return "".join(c if " " <= c <= "~" else "?" for c in reason[:80])
