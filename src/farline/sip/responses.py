"""Responses made from requests (RFC 3261 section 8.2.6)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline._core import Message, WireError

if TYPE_CHECKING:
    from collections.abc import Iterable

REASONS = {
    100: "Trying",
    180: "Ringing",
    181: "Call Is Being Forwarded",
    182: "Queued",
    183: "Session Progress",
    199: "Early Dialog Terminated",
    200: "OK",
    202: "Accepted",
    204: "No Notification",
    300: "Multiple Choices",
    301: "Moved Permanently",
    302: "Moved Temporarily",
    305: "Use Proxy",
    380: "Alternative Service",
    400: "Bad Request",
    401: "Unauthorized",
    402: "Payment Required",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    407: "Proxy Authentication Required",
    408: "Request Timeout",
    410: "Gone",
    412: "Conditional Request Failed",
    413: "Request Entity Too Large",
    414: "Request-URI Too Long",
    415: "Unsupported Media Type",
    416: "Unsupported URI Scheme",
    420: "Bad Extension",
    421: "Extension Required",
    422: "Session Interval Too Small",
    423: "Interval Too Brief",
    428: "Use Identity Header",
    429: "Provide Referrer Identity",
    430: "Flow Failed",
    433: "Anonymity Disallowed",
    439: "First Hop Lacks Outbound Support",
    480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist",
    482: "Loop Detected",
    483: "Too Many Hops",
    484: "Address Incomplete",
    485: "Ambiguous",
    486: "Busy Here",
    487: "Request Terminated",
    488: "Not Acceptable Here",
    489: "Bad Event",
    491: "Request Pending",
    493: "Undecipherable",
    494: "Security Agreement Required",
    500: "Server Internal Error",
    501: "Not Implemented",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Server Time-out",
    505: "Version Not Supported",
    513: "Message Too Large",
    580: "Precondition Failure",
    600: "Busy Everywhere",
    603: "Decline",
    604: "Does Not Exist Anywhere",
    606: "Not Acceptable",
}
"""Reason phrases of RFC 3261 section 21 and the registered ones of later RFCs."""

_CLASSES = ("", "Progress", "Success", "Redirection", "Bad Request", "Server Error", "Failure")

_DIALOG_MAKING = frozenset({"INVITE", "SUBSCRIBE", "REFER", "NOTIFY"})
"""Whose answers copy Record-Route (RFC 3261 section 12.1.1, RFC 6665)."""


def reason_phrase(status: int) -> str:
    """The usual phrase; for an unknown code that of its class."""
    return REASONS.get(status) or _CLASSES[status // 100]


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
    response = Message.response(status, reason or reason_phrase(status))
    for via in request.all("Via"):
        response.add("Via", via)
    if 100 < status < 300 and request.method in _DIALOG_MAKING:
        for route in request.all("Record-Route"):
            response.add("Record-Route", route)
    to = request.get("To") or ""
    response.add("From", request.get("From") or "")
    response.add("To", f"{to};tag={to_tag}" if to_tag and not request.to_tag else to)
    response.add("Call-ID", request.get("Call-ID") or "")
    response.add("CSeq", request.get("CSeq") or "")
    if status == 100 and (stamp := request.get("Timestamp")) is not None:
        response.add("Timestamp", stamp)
    for name, value in headers:
        response.add(name, value)
    if body:
        response.add("Content-Type", content_type)
    response.body = body
    return response


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
