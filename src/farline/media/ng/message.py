"""ng datagrams: a cookie, a space, a bencoded dictionary (docs/ng_control_protocol.md)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline._core import BencodeError, read_bencode, write_bencode
from farline.media.ng.bencode import Bencoded

if TYPE_CHECKING:
    from collections.abc import Mapping

    from farline.media.ng.bencode import Encodable

MAX_COOKIE = 255
"""Bytes of a cookie; those of rtpengine's users have twenty."""

Document = dict[str, Bencoded]
"""A message without its cookie."""


class NgError(ValueError):
    """A datagram that is no ng message. Its text may be shown and logged."""


def pack(cookie: bytes, document: Mapping[str, Encodable]) -> bytes:
    """A datagram."""
    return write_bencode(document, cookie + b" ")


def unpack(datagram: bytes) -> tuple[bytes, Document]:
    """Cookie and dictionary of a datagram. Raises NgError."""
    cookie, space, rest = datagram.partition(b" ")
    if not space or not 1 <= len(cookie) <= MAX_COOKIE:
        raise NgError("no cookie")
    try:
        value = read_bencode(rest)
    except BencodeError as error:
        raise NgError(str(error)) from None
    if not isinstance(value, dict):
        raise NgError("no dictionary")
    return cookie, value


def text(value: Bencoded | None) -> str:
    """A string as text of one character a byte (ISO 8859-1); empty for what is no string."""
    return value.decode("latin-1") if isinstance(value, bytes) else ""


def texts(value: Bencoded | None) -> list[str]:
    """A list of strings; a single string is a list of one, as rtpengine reads it."""
    if isinstance(value, bytes):
        return [text(value)]
    return [text(entry) for entry in value] if isinstance(value, list) else []


def number(value: Bencoded | None) -> int | None:
    """An integer; also one that is written as a string, as some clients do."""
    if isinstance(value, int):
        return value
    shown = text(value)
    return int(shown) if shown.isascii() and shown.isdigit() and len(shown) < 20 else None


def section(value: Bencoded | None) -> Document:
    """A dictionary inside a document; empty for what is none."""
    return value if isinstance(value, dict) else {}
