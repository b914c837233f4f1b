"""Bencode as the ng protocol uses it: dictionaries, lists, byte strings, integers.

Unlike BitTorrent's, keys need not be in order (rtpengine docs/ng_control_protocol.md). What is read
comes from the network: depth, size and number of values are bounded, and nothing but BencodeError
is raised.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

Bencoded = bytes | int | list["Bencoded"] | dict[bytes, "Bencoded"]
"""What `decode` gives."""
Encodable = bytes | str | int | Sequence["Encodable"] | Mapping[str, "Encodable"]
"""What `encode` takes. Text is written as UTF-8; keys, one byte a character, as ISO 8859-1."""

MAX_SIZE = 65_507
"""Bytes of a document: the largest UDP datagram over IPv4."""
MAX_DEPTH = 16
"""Of lists and dictionaries inside each other; a query's reply has seven."""
MAX_VALUES = 16_384
"""Values of a document."""
MAX_DIGITS = 20
"""Of an integer: 64 bits with their sign."""

_LENGTH = re.compile(rb"([0-9]{1,20}):")


class BencodeError(ValueError):
    """Bytes that are no bencoded document, or one that is too large."""


def decode(data: bytes) -> Bencoded:
    """Read one document that is the whole of `data`. Raises BencodeError."""
    if len(data) > MAX_SIZE:
        raise BencodeError(f"longer than {MAX_SIZE} bytes")
    reader = _Reader(data)
    value = reader.value(0)
    if reader.at != len(data):
        raise BencodeError(f"{len(data) - reader.at} bytes after the document")
    return value


def encode(value: Encodable) -> bytes:
    """Write a document; a dictionary's keys in order, as bencode has them."""
    parts: list[bytes] = []
    _write(value, parts)
    return b"".join(parts)


def _write(value: Encodable, parts: list[bytes]) -> None:
    if isinstance(value, str):
        value = value.encode()
    if isinstance(value, bytes):
        parts.append(b"%d:%b" % (len(value), value))
    elif isinstance(value, int):
        parts.append(b"i%de" % value)
    elif isinstance(value, (dict, Mapping)):  # the concrete type first: asking the other is slow
        parts.append(b"d")
        for key, entry in sorted(value.items()):
            name = key.encode("latin-1")
            parts.append(b"%d:%b" % (len(name), name))
            _write(entry, parts)
        parts.append(b"e")
    else:
        parts.append(b"l")
        for entry in value:
            _write(entry, parts)
        parts.append(b"e")


class _Reader:
    """Where reading is."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0
        self.values = 0

    def value(self, depth: int) -> Bencoded:
        """The value that begins here."""
        self.values += 1
        if depth > MAX_DEPTH or self.values > MAX_VALUES:
            raise BencodeError(f"more than {MAX_VALUES} values, or {MAX_DEPTH} inside each other")
        match self.data[self.at : self.at + 1]:
            case b"i":
                self.at += 1
                return self._number(b"e")
            case b"l":
                return self._list(depth)
            case b"d":
                return self._dictionary(depth)
            case b"":
                raise BencodeError("the document ends early")
        return self._string()

    def _list(self, depth: int) -> list[Bencoded]:
        self.at += 1
        found: list[Bencoded] = []
        while not self._ended():
            found.append(self.value(depth + 1))
        return found

    def _dictionary(self, depth: int) -> dict[bytes, Bencoded]:
        self.at += 1
        found: dict[bytes, Bencoded] = {}
        while not self._ended():
            key = self._string()
            if key in found:
                raise BencodeError("a key is there twice")
            found[key] = self.value(depth + 1)
        return found

    def _ended(self) -> bool:
        """Whether the list or dictionary ends here; its end is then passed."""
        if self.data.startswith(b"e", self.at):
            self.at += 1
            return True
        return False

    def _string(self) -> bytes:
        found = _LENGTH.match(self.data, self.at)
        if found is None:
            raise BencodeError(f"no number at byte {self.at}")
        start = found.end()
        self.at = end = start + int(found[1])
        if end > len(self.data):
            raise BencodeError("a string is longer than the document")
        return self.data[start:end]

    def _number(self, end: bytes) -> int:
        """Digits up to `end`. `int` alone would take blanks, underscores and other digits."""
        stop = self.data.find(end, self.at, self.at + MAX_DIGITS + 1)
        text = self.data[self.at : stop] if stop >= 0 else b""
        if not text.removeprefix(b"-").isdigit():
            raise BencodeError(f"no number at byte {self.at}")
        self.at = stop + 1
        return int(text)
