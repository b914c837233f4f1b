"""The last look at what goes outside: no inside address in any header or body.

The rewriting of `topology` already replaces what SIP names; this catches what it does not know
(Warning, unknown headers, XML bodies). Most messages have nothing to catch, and one search says so.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Network
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from farline.border.plan import InsideAddresses
    from farline.sip import Message

_V4 = r"(?<![\d.])(?P<v4>(?:\d{1,3}\.){3}\d{1,3})(?!\.?\d)"
_V6 = r"\[?(?<![0-9A-Fa-f:])(?P<v6>(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f.]*)\]?"
_PORT = r"(?::\d{1,5})?"
_ADDRESS = re.compile(f"(?:{_V4}|{_V6}){_PORT}")

NEVER = r"(?!)"
"""A pattern that nothing matches: there is no inside."""

KEPT = frozenset({"Via", "Call-ID", "Contact", "Record-Route", "Content-Length", "CSeq"})
"""Ours already, or what a dialog is found by (Call-ID stays as it came)."""

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
        "Authentication-Info",
    }
)
"""Headers that say who somebody is: there an address becomes the domain, elsewhere our address."""


class Hider:
    """Replaces inside addresses in text."""

    def __init__(self, inside: InsideAddresses) -> None:
        self._inside = inside
        hints = "|".join(map(re.escape, _hints(inside))) or NEVER
        self._text_hint = re.compile(hints).search
        self._hint = re.compile(hints.encode()).search

    def leaks(self, data: bytes) -> bool:
        """Whether there may be an inside address in these bytes; never a wrong False."""
        return self._hint(data) is not None

    def _marked(self, text: str) -> bool:
        """`leaks` for text."""
        return self._text_hint(text) is not None

    def clean(self, text: str, instead: str) -> str:
        """Put `instead` for every inside address, its brackets and its port."""

        def swap(match: re.Match[str]) -> str:
            return instead if (match["v4"] or match["v6"]) in self._inside else match[0]

        return _ADDRESS.sub(swap, text)

    def clean_message(self, message: Message, *, domain: str, address: str) -> bool:
        """Clean headers and body where `leaks` has said so; True when From or To changed."""
        masked = False
        dirty = (name for name, value in message.headers() if self._marked(value))
        for name in dict.fromkeys(dirty):
            if name in KEPT:
                continue
            lines = message.all(name)
            cleaned = [self.clean(one, domain if name in IDENTITY else address) for one in lines]
            if cleaned != lines:
                message.set_all(name, cleaned)
                masked = masked or name in ("From", "To")
        body = message.body
        if body and self.leaks(body) and not _words_of_people(message):
            text = body.decode("utf-8", "surrogateescape")
            sdp = (message.get("Content-Type") or "").lower().startswith("application/sdp")
            host = address.rpartition(":")[0].strip("[]")
            cleaned_body = self.clean(text, host if sdp else domain)
            message.body = cleaned_body.encode("utf-8", "surrogateescape")
        return masked


def _words_of_people(message: Message) -> bool:
    """Whether the body is what somebody wrote to somebody: that is not ours to change."""
    kind = (message.get("Content-Type") or "").lower()
    return message.method == "MESSAGE" and kind.startswith(("text/plain", "text/html"))


def _hints(inside: InsideAddresses) -> tuple[str, ...]:
    """Texts one of which stands wherever an inside address is named."""
    hints = set()
    for net in inside.networks:
        if isinstance(net, IPv4Network) and net.prefixlen >= 8:
            octets = str(net.network_address).split(".")[: net.prefixlen // 8]
            hints.add(".".join(octets) + ("." if len(octets) < 4 else ""))
        else:
            hints.add("." if isinstance(net, IPv4Network) else ":")
    for ip in inside.exact:
        hints.add(":" if ":" in ip else ip)
    return tuple(hint for hint in hints if not any(o != hint and o in hint for o in hints))
