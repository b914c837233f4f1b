"""The last look at what goes outside: nothing of the inside in any header or body.

The rewriting of `topology` already replaces what SIP names; this catches what it does not know
(Warning, unknown headers, XML bodies). Most messages have nothing to catch, and one search says so.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from farline.border.topology.bodies import is_words_of_people
from farline.border.topology.inside import hints
from farline.sip import Finder, Message, WireError

if TYPE_CHECKING:
    from farline.border.topology.inside import InsideAddresses

_V4 = r"(?<![\d.])(?P<v4>(?:\d{1,3}\.){3}\d{1,3})(?!\.?\d)"
_V6 = r"\[?(?<![0-9A-Fa-f:])(?P<v6>(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f.]*)\]?"
_PORT = r"(?::\d{1,5})?"
NEVER = r"(?!)"
"""A pattern that nothing matches: there is no inside."""

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

KEPT = frozenset({"Via", "Call-ID", "Contact", "Record-Route", "Content-Length", "CSeq"})
"""Ours already, or what a dialog is found by (Call-ID stays as it came unless a rule hides it)."""

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
        name = rf"(?<![\w.-])(?P<name>(?:[\w-]+\.)*(?:{names}))(?![\w-]|\.\w)"
        self._named = re.compile(f"(?:{_V4}|{_V6}|{name}){_PORT}", re.IGNORECASE)
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
        for match in self._named.finditer(text):
            if self._host(match) in self._inside:
                return match[0]
        return ""

    def clean(self, text: str, instead: str) -> str:
        """Put `instead` for every inside address or name, its brackets and its port."""

        def swap(match: re.Match[str]) -> str:
            return instead if self._host(match) in self._inside else match[0]

        return self._named.sub(swap, text)

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
            sdp = (message.get("Content-Type") or "").lower().startswith("application/sdp")
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

    @staticmethod
    def _host(match: re.Match[str]) -> str:
        return match["v4"] or match["v6"] or match["name"] or ""
