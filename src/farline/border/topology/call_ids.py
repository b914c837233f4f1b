"""Call-IDs that tell nothing, without a table: a token from which only we can read the first one.

The transform is deterministic (AES-SIV, RFC 5297, with the border's key), so every message of a
dialog gets the same token, after a restart and on another node too. It authenticates: what is no
token of ours is never taken for one.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha512
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

if TYPE_CHECKING:
    from collections.abc import Callable

    from farline.sip import Message

_TOKEN = re.compile(r"fl([A-Za-z0-9_-]{22,1400})(?:@[A-Za-z0-9.:\[\]-]{1,255})?")
MAX_KEYS = 4
"""Keys that are tried: a changed one is forgotten after as many changes."""

MAX_CALL_ID = 1024
"""Longer Call-IDs stay as they are: a token would not fit into a header line of a peer's."""

DIALOG_HEADERS = ("Replaces", "Join", "Target-Dialog", "In-Reply-To")
"""Headers that begin with, or are, a Call-ID (RFC 3891, 3911, 4538, 3261 section 20.21)."""

_REPLACES = re.compile(r"(?i)([?&]replaces=)((?:[^&;>%]|%(?!3[bB]))+)")
_XML_IDS = re.compile(r"""(\bcall-?id=)("[^"<]*"|'[^'<]*')""")


class CallIds:
    """Hides Call-IDs and reads them again. Without a key nothing is ever hidden."""

    def __init__(self, key: str | None) -> None:
        self._cipher = None if key is None else AESSIV(sha512(key.encode()).digest())
        self._readers = [] if self._cipher is None else [self._cipher]

    def remember(self, past: CallIds) -> None:
        """Read what was hidden with keys before this one too: dialogs outlive a change."""
        self._readers = [*self._readers[:1], *past._readers][:MAX_KEYS]

    def hidden(self, call_id: str, host: str = "") -> str:
        """The token for a Call-ID, `@host` behind it if a host is given."""
        if self._cipher is None or len(call_id) > MAX_CALL_ID:
            return call_id
        data = call_id.encode("utf-8", "surrogateescape")
        token = urlsafe_b64encode(self._cipher.encrypt(data, None)).decode().rstrip("=")
        return f"fl{token}@{host}" if host else f"fl{token}"

    def canonical(self, call_id: str) -> str:
        """The Call-ID that a dialog began with, whichever side's is given."""
        found = _TOKEN.fullmatch(call_id) if self._readers else None
        if found is None:
            return call_id
        for cipher in self._readers:
            try:
                data = urlsafe_b64decode(found[1] + "=" * (-len(found[1]) % 4))
                return cipher.decrypt(data, None).decode("utf-8", "surrogateescape")
            except (InvalidTag, ValueError):
                continue
        return call_id

    def crossed(self, call_id: str, host: str = "") -> str:
        """The other side's Call-ID for one side's: a token for a plain one, a plain for a token."""
        plain = self.canonical(call_id)
        return plain if plain != call_id else self.hidden(call_id, host)


def cross_headers(message: Message, crossed: Callable[[str], str]) -> None:
    """Change the Call-IDs of other dialogs that a message names, in headers."""
    for name in DIALOG_HEADERS:
        lines = message.all(name)
        if lines:
            message.set_all(name, [_first_word(line, crossed) for line in lines])
    refer = message.get("Refer-To")
    if refer is not None and "eplaces=" in refer:
        message.set("Refer-To", _REPLACES.sub(lambda m: m[1] + _escaped(m[2], crossed), refer))


def cross_body(text: str, crossed: Callable[[str], str]) -> str:
    """The same in XML: call-id of dialog-info (RFC 4235), callid of reginfo (RFC 3680)."""

    def swap(match: re.Match[str]) -> str:
        quote, value = match[2][0], match[2][1:-1]
        return f"{match[1]}{quote}{_xml(crossed(_plain(value)))}{quote}"

    return _XML_IDS.sub(swap, text)


def _first_word(line: str, crossed: Callable[[str], str]) -> str:
    head, semicolon, rest = line.partition(";")
    ids = ", ".join(crossed(one.strip()) for one in head.split(","))
    return f"{ids}{semicolon}{rest}"


def _escaped(value: str, crossed: Callable[[str], str]) -> str:
    plain = value.replace("%40", "@")
    return crossed(plain).replace("@", "%40")


def _plain(text: str) -> str:
    for entity, char in (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&apos;", "'")):
        text = text.replace(entity, char)
    return text.replace("&amp;", "&")


def _xml(text: str) -> str:
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return text.replace('"', "&quot;").replace("'", "&apos;")
