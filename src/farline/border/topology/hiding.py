"""The last look at what goes outside: nothing of the inside in any header or body.

The rewriting of `topology` already replaces what SIP names; this catches what it does not know
(Warning, unknown headers, XML bodies). Most messages have nothing to catch, and one search says so.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from farline.border.topology.bodies import is_words_of_people
from farline.border.topology.call_ids import DIALOG_HEADERS
from farline.border.topology.inside import hints
from farline.sip import Finder, Message, WireError, headers

if TYPE_CHECKING:
    from farline.border.topology.inside import InsideAddresses

_ESCAPED = r"(?<=%[0-9A-Fa-f]{2})"
"""Behind an escaped character: `%4010.10.10.13` names a host, though a digit stands before it."""

_V4 = rf"(?:(?<![\d.])|{_ESCAPED})(?P<v4>(?:\d{{1,3}}\.){{3}}\d{{1,3}})(?!\.?\d)"
_V6 = (
    rf"\[?(?:(?<![0-9A-Fa-f:])|{_ESCAPED})(?P<v6>(?:[0-9A-Fa-f]{{0,4}}:){{2,7}}"
    r"(?:(?:\d{1,3}\.){3}\d{1,3}|[0-9A-Fa-f]{1,4}|(?<=::)))\]?"
)
_PORT = r"(?::\d{1,5})?"
NEVER = r"(?!)"
"""A pattern that nothing matches: there is no inside."""

_DIALOG = r"(?P<dialog>[?&]Replaces=[^&;>]*|\bcall-?id=(?:\"[^\"<]*\"|'[^'<]*'))"
"""The Call-ID of another dialog within a Refer-To or XML: it stays where Call-IDs stay."""

_MARK = re.compile("%(?:2e|3a|5b|5d)", re.IGNORECASE)
"""What addresses are made of; in the headers of a URI it means the same with and without an escape
(hnv-unreserved, RFC 3261 section 25.1)."""

CREDENTIALS = frozenset(
    {
        "WWW-Authenticate",
        "Proxy-Authenticate",
        "Authorization",
        "Proxy-Authorization",
        "Authentication-Info",
        "Identity",
    }
)
"""Hashed or signed as they are: another realm would make every password wrong."""

KEPT = frozenset({"Via", "Call-ID", "Record-Route", "Content-Length", "CSeq", *DIALOG_HEADERS})
"""Ours already, or what a dialog is found by (Call-IDs stay as they came unless a rule hides
them)."""

IDENTITY = frozenset(
    {
        "From",
        "To",
        "P-Asserted-Identity",
        "P-Preferred-Identity",
        "P-Called-Party-ID",
        "P-Associated-URI",
        "Remote-Party-ID",
        "Diversion",
        "History-Info",
    }
)
"""Headers that say who somebody is: there an address becomes the domain, elsewhere our address."""

ECHOED = frozenset({"Via", "From", "To", "Call-ID", "CSeq", "Record-Route"})
"""What an answer repeats from the request: the reader's own words."""


class Hider:
    """Replaces what is inside in text, and finds it in bytes."""

    def __init__(self, inside: InsideAddresses, *, report_only: bool = False) -> None:
        self._inside = inside
        self.report_only = report_only
        """Find and tell, but change nothing."""

        wanted = hints(inside)
        names = "|".join(map(re.escape, sorted(inside.names, key=len, reverse=True))) or NEVER
        start = rf"(?:(?<![\w.-])|{_ESCAPED})"
        name = rf"{start}(?P<name>(?:[\w-]+\.)*(?:{names}))(?![\w-]|\.\w)"
        named = f"(?:{_V4}|{_V6}|{name}){_PORT}"
        self._named = re.compile(named, re.IGNORECASE)
        self._cleaned = re.compile(f"{_DIALOG}|{named}", re.IGNORECASE)
        self._hint = Finder(wanted)
        self._text_hint = re.compile(
            "|".join(map(re.escape, wanted)) or NEVER, re.IGNORECASE
        ).search

    def leaks(self, data: bytes) -> bool:
        """Whether something inside may be named in these bytes; never a wrong False."""
        return self._hint.search(data)

    def names_inside(self, text: str) -> str:
        """The first inside address or name in a text, "" when there is none."""
        if self._text_hint(text) is None:
            return ""
        text = _plain(text)
        for match in self._named.finditer(text):
            at = self._begins(match)
            if at >= 0:
                return text[at : match.end()]
        return ""

    def clean(self, text: str, instead: str) -> str:
        """Put `instead` for every inside address or name, its brackets and its port."""

        def swap(match: re.Match[str]) -> str:
            at = -1 if match["dialog"] else self._begins(match)
            return match[0] if at < 0 else match[0][: at - match.start()] + instead

        plain = _plain(text)
        cleaned = self._cleaned.sub(swap, plain)
        return text if cleaned == plain else cleaned

    def clean_description(self, sdp: bytes, host: str) -> bytes:
        """The same in SDP that goes outside, where `host` is the address for media."""
        if self.report_only or not self.leaks(sdp):
            return sdp
        text = sdp.decode("utf-8", "surrogateescape")
        return self.clean(text, host).encode("utf-8", "surrogateescape")

    def clean_message(self, message: Message, *, domain: str, address: str) -> bool:
        """Clean headers and body where `leaks` has said so; True when From or To changed."""
        masked = False
        dirty = (name for name, value in message.headers() if self._text_hint(value) is not None)
        for name in dict.fromkeys(dirty):
            if name in KEPT or name in CREDENTIALS:
                continue
            lines = message.all(name)
            cleaned = [self.clean(one, domain if name in IDENTITY else address) for one in lines]
            if cleaned != lines:
                message.set_all(name, cleaned)
                masked = masked or name in ("From", "To")
        body = message.body
        if body and self.leaks(body) and not is_words_of_people(message):
            text = body.decode("utf-8", "surrogateescape")
            sdp = headers.media_type(message) == "application/sdp"
            host = address.rpartition(":")[0].strip("[]")
            cleaned_body = self.clean(text, host if sdp else domain)
            message.body = cleaned_body.encode("utf-8", "surrogateescape")
        return masked

    def findings(self, data: bytes) -> list[tuple[str, str]]:
        """(where, what) for everything inside that a message tells its reader anew.

        What an answer repeats, a phone's own Contact and Request-URI, and what people wrote to one
        another are not of our telling.
        """
        if not self._hint.search(data):
            return []
        try:
            message = Message.parse(data)
        except WireError:
            return [("message", "unreadable")]
        found = []
        for name, value in message.headers():
            if not message.is_request and name in ECHOED:
                continue
            if name == "Contact" and message.method == "REGISTER":
                continue
            what = self.names_inside(value)
            if what:
                found.append((name, what))
        if message.body and not is_words_of_people(message):
            what = self.names_inside(message.body.decode("utf-8", "surrogateescape"))
            if what:
                found.append(("body", what))
        return found

    def _begins(self, match: re.Match[str]) -> int:
        """Where what is inside begins in a match, -1 when nothing of it is."""
        six = match["v6"]
        if (match["v4"] or six or match["name"]) in self._inside:
            return match.start()
        tail = six.rpartition(":")[2] if six else ""
        return match.end("v6") - len(tail) if "." in tail and tail in self._inside else -1


def _plain(text: str) -> str:
    """The text with the marks of addresses as themselves."""
    return _MARK.sub(lambda match: chr(int(match[0][1:], 16)), text) if "%" in text else text
