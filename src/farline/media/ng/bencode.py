"""Bencode as the ng protocol uses it: dictionaries, lists, byte strings, integers.

Unlike BitTorrent's, keys need not be in order (rtpengine docs/ng_control_protocol.md). The core
reads and writes it (rust/bencode).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

Bencoded = bytes | int | list["Bencoded"] | dict[str, "Bencoded"]
"""What is read. Keys are ISO 8859-1, so that any bytes are one."""
Encodable = bytes | str | int | Sequence["Encodable"] | Mapping[str, "Encodable"]
"""What is written. Text is written as UTF-8; keys, one byte a character, as ISO 8859-1."""

MAX_SIZE = 65_507
"""Bytes of a document: the largest UDP datagram over IPv4."""
