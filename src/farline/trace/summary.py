"""What one line of a list or a ladder says about a SIP message, and text made safe to show.

The message may be malformed: it was traced before anybody judged it. So this looks, bounded, at the
first line and two headers, and never raises.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

HEAD_LIMIT = 8192
"""Bytes looked at."""

_STATUS = re.compile(rb"SIP/2\.0[ \t]+([1-6]\d\d)[ \t]*([^\r\n]*)", re.IGNORECASE)
_REQUEST = re.compile(rb"([A-Za-z0-9.!%*_+`'~-]{1,32})[ \t]+(\S+)[ \t]+SIP/2\.0", re.IGNORECASE)
_CSEQ = re.compile(rb"^CSeq[ \t]*:\s*\d{1,10}\s+([^\s;]{1,32})", re.IGNORECASE | re.MULTILINE)
_SDP = re.compile(rb"^(?:Content-Type|c)[ \t]*:\s*application/sdp\b", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Summary:
    """`method` is that of CSeq for a response ("" unknown); `status` is 0 for a request."""

    method: str
    status: int
    reason: str
    target: str
    """Request-URI, "" for a response."""
    sdp: bool

    def __str__(self) -> str:
        body = " (SDP)" if self.sdp else ""
        if self.status:
            return f"{self.status} {self.reason}{body}"
        return f"{self.method}{body}"


def summarise(data: bytes) -> Summary:
    """The gist of a message; of something else a summary whose method is "?"."""
    head = data[:HEAD_LIMIT].lstrip(b"\r\n")
    sdp = _SDP.search(head) is not None
    if status := _STATUS.match(head):
        cseq = _CSEQ.search(head)
        method = printable(cseq[1]) if cseq else ""
        return Summary(method, int(status[1]), printable(status[2]), "", sdp)
    if request := _REQUEST.match(head):
        return Summary(printable(request[1]), 0, "", printable(request[2]), sdp)
    return Summary("?", 0, "", "", sdp)


def printable(data: bytes | str) -> str:
    r"""Text without anything that a terminal obeys: other characters as \xNN or \uNNNN."""
    text = data.decode("utf-8", "surrogateescape") if isinstance(data, bytes) else data
    return "".join(char if char.isprintable() else _escape(char) for char in text)


def _escape(char: str) -> str:
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is not UTF-8 (surrogateescape)
        code -= 0xDC00
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def cells(text: str) -> int:
    """Terminal columns that printable text takes."""
    return sum(_cell(char) for char in text)


def fit(text: str, width: int) -> str:
    """The text if it fits in `width` columns, else its beginning and an ellipsis."""
    if cells(text) <= width:
        return text
    kept, used = "", 0
    for char in text:
        used += _cell(char)
        if used > width - 1:
            break
        kept += char
    return kept + "…" if width > 0 else ""


def _cell(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1
