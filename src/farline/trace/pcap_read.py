"""Frames out of capture files: classic pcap and pcapng, as far as SIP captures need.

The file is hostile: every length is checked against what is there, and what cannot be read ends
the reading with `PcapError` or, where the file is only cut short, quietly.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_FRAME = 262_144
"""Bytes of one packet; the usual snap length."""

MAX_BLOCK = 16 * 1024 * 1024
"""Bytes of a pcapng block that is skipped or read."""

MAX_INTERFACES = 1024
"""Interface descriptions of one pcapng section."""

_CLASSIC: Final = {
    b"\xd4\xc3\xb2\xa1": ("<", 1_000_000),
    b"\xa1\xb2\xc3\xd4": (">", 1_000_000),
    b"\x4d\x3c\xb2\xa1": ("<", 1_000_000_000),
    b"\xa1\xb2\x3c\x4d": (">", 1_000_000_000),
}
_SECTION: Final = b"\x0a\x0d\x0d\x0a"
_INTERFACE, _SIMPLE, _ENHANCED = 1, 3, 6


class PcapError(ValueError):
    """What is wrong with a capture file, for people."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One captured packet: seconds since 1970, link type (LINKTYPE_...), bytes."""

    time: float
    link: int
    data: bytes


def read_frames(data: bytes) -> Iterator[Frame]:
    """The frames of a file in its order. Raises PcapError."""
    magic = data[:4]
    if magic in _CLASSIC:
        yield from _classic(data, *_CLASSIC[magic])
    elif magic == _SECTION:
        yield from _next_generation(data)
    else:
        raise PcapError("neither pcap nor pcapng")


def _classic(data: bytes, order: str, resolution: int) -> Iterator[Frame]:
    """`resolution`: time stamp units a second."""
    if len(data) < 24:
        raise PcapError("the file header is cut short")
    link = struct.unpack_from(f"{order}I", data, 20)[0] & 0xFFFF
    head = struct.Struct(f"{order}IIII")
    at = 24
    while at + head.size <= len(data):
        seconds, fraction, kept, _ = head.unpack_from(data, at)
        if kept > MAX_FRAME:
            raise PcapError(f"a packet of {kept} bytes at {at}")
        at += head.size
        if at + kept > len(data):
            return  # the capture was cut short
        yield Frame(seconds + fraction / resolution, link, data[at : at + kept])
        at += kept


# ---- pcapng (draft-ietf-opsawg-pcapng) ----


@dataclass(slots=True)
class _Section:
    """What the blocks of a section refer to."""

    order: str
    interfaces: list[tuple[int, int]]
    """Link type and time stamp units a second, by interface number."""


def _next_generation(data: bytes) -> Iterator[Frame]:
    section = _Section("<", [])
    at = 0
    while at + 12 <= len(data):
        if data[at : at + 4] == _SECTION:
            section = _Section(_byte_order(data, at), [])
        kind, size = struct.unpack_from(f"{section.order}II", data, at)
        if size < 12 or size % 4 or size > MAX_BLOCK:
            raise PcapError(f"a block of {size} bytes at {at}")
        if at + size > len(data):
            return  # the capture was cut short
        frame = _block(section, kind, data[at + 8 : at + size - 4])
        if frame is not None:
            yield frame
        at += size


def _byte_order(data: bytes, at: int) -> str:
    magic = data[at + 8 : at + 12]
    if magic == b"\x4d\x3c\x2b\x1a":
        return "<"
    if magic == b"\x1a\x2b\x3c\x4d":
        return ">"
    raise PcapError(f"no byte order in the section at {at}")


def _block(section: _Section, kind: int, body: bytes) -> Frame | None:
    """A packet's frame; None for another block, which may describe an interface."""
    order = section.order
    if kind == _INTERFACE and len(body) >= 8:
        if len(section.interfaces) >= MAX_INTERFACES:
            raise PcapError(f"more than {MAX_INTERFACES} interfaces")
        link = struct.unpack_from(f"{order}H", body)[0]
        section.interfaces.append((link, _resolution(order, body[8:])))
    elif kind == _ENHANCED and len(body) >= 20:
        number, high, low, kept, _ = struct.unpack_from(f"{order}IIIII", body)
        if number >= len(section.interfaces) or kept > min(MAX_FRAME, len(body) - 20):
            raise PcapError("a packet block that does not fit")
        link, units = section.interfaces[number]
        return Frame((high << 32 | low) / units, link, body[20 : 20 + kept])
    elif kind == _SIMPLE and len(body) >= 4 and section.interfaces:
        (size,) = struct.unpack_from(f"{order}I", body)
        return Frame(0.0, section.interfaces[0][0], body[4 : 4 + min(size, MAX_FRAME)])
    return None


def _resolution(order: str, options: bytes) -> int:
    """Option if_tsresol: a negative power of ten, or of two; microseconds without it."""
    at = 0
    while at + 4 <= len(options):
        code, size = struct.unpack_from(f"{order}HH", options, at)
        if code == 0:
            break
        if code == 9 and size == 1 and at + 4 < len(options):
            value = options[at + 4]
            power = value & 0x7F
            return int(2 ** min(power, 64)) if value & 0x80 else int(10 ** min(power, 18))
        at += 4 + size + -size % 4
    return 1_000_000
