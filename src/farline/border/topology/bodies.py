"""Bodies that name addresses: reginfo, dialog-info, pidf, message summaries and the like.

They are changed as text, and only where no markup can be: a URI or an address ends before the first
quote, angle bracket or space, and what is put there has none of them. So what was well formed stays
so, and nothing has to be parsed that a peer has written.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from farline.border.topology.call_ids import cross_body
from farline.sip import headers

if TYPE_CHECKING:
    from collections.abc import Callable

    from farline.sip import Message

_URI = re.compile(
    r"(?i)\b(?P<scheme>sips?|pres|im):(?:(?P<user>[^\s\"'<>@:;]{1,128})@)?"
    r"(?P<host>\[[0-9a-f:.]{2,45}\]|[a-z0-9.-]{1,255})(?::(?P<port>\d{1,5}))?"
    r"(?P<rest>;[^\s\"'<>\]]{0,512})?"
)
_REFERENCE = re.compile(r"&#(?:x([0-9A-Fa-f]{1,6})|([0-9]{1,7}));")
_ENCODING = re.compile(rb"""^\s*<\?xml[^>]{0,100}?encoding=["']([A-Za-z0-9._-]{1,40})["']""")
_UTF_8 = frozenset({"utf-8", "utf8", "us-ascii", "ascii"})
_OTHERS = {"utf-16": "utf-16", "iso-8859-1": "latin-1", "windows-1252": "cp1252"}


def is_words_of_people(message: Message) -> bool:
    """Whether the body is what somebody wrote to somebody: that is not ours to change."""
    return message.method == "MESSAGE" and headers.media_type(message) in (
        "text/plain",
        "text/html",
    )


def text_of(message: Message) -> str | None:
    """The body as text in which every address can be found; None when it cannot be read.

    XML in another encoding becomes UTF-8, and characters that are written as numbers themselves.
    """
    body, kind = message.body, headers.media_type(message)
    if message.get("Content-Encoding") is not None:
        return None
    if not kind.endswith("xml"):
        return body.decode("utf-8", "surrogateescape")
    return _xml_text(body)


def rewritten(
    text: str, place: Callable[[str, int | None, str], str | None], *,
    crossed: Callable[[str], str] | None,
) -> str:  # fmt: skip
    """The text with its URIs changed.

    `place(host, port, parameters)` gives the "host:port;parameters" that belong there, None to
    leave the URI as it is; `crossed` changes Call-IDs, if they are hidden.
    """

    def swap(match: re.Match[str]) -> str:
        port = match["port"]
        host = match["host"].strip("[]")
        moved = place(host, int(port) if port else None, match["rest"] or "")
        if moved is None:
            return match[0]
        user = f"{match['user']}@" if match["user"] else ""
        return f"{match['scheme']}:{user}{moved}"

    changed = _URI.sub(swap, text)
    return changed if crossed is None else cross_body(changed, crossed)


def _xml_text(body: bytes) -> str | None:
    if body[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in body[:64]:
        named = "utf-16"
    else:
        found = _ENCODING.match(body)
        named = found[1].decode().lower() if found else "utf-8"
    codec = "utf-8" if named in _UTF_8 else _OTHERS.get(named)
    if codec is None:
        return None
    try:
        text = body.decode(codec).removeprefix("\ufeff")
    except UnicodeDecodeError:
        return None
    if codec != "utf-8":
        text = re.sub(r"""(encoding=["'])[^"']*""", r"\1UTF-8", text, count=1)
    return _REFERENCE.sub(_character, text) if "&#" in text else text


def _character(match: re.Match[str]) -> str:
    """A character for its number, where it is one that an address is made of."""
    code = int(match[1], 16) if match[1] else int(match[2])
    char = chr(code) if code < 0x7F else ""
    return char if char.isalnum() or char in ".:-@[];=" else match[0]
