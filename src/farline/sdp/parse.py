"""Reading a session description: bounded, tolerant of bare LF, strict about what is rewritten."""

from __future__ import annotations

import re

from farline.sdp.description import Description, Direction, Media, split_lines
from farline.sdp.errors import SdpError
from farline.sdp.fields import Connection, MediaLine, Origin, Rtcp

MAX_SIZE = 32_768
"""Largest description, in bytes. WebRTC offers with candidates reach 10 kB."""
MAX_LINE = 4_096
"""Longest line, in bytes without its end."""
MAX_LINES = 1_024
MAX_MEDIA = 16
"""Most m= lines: each costs four ports. Browsers offer a handful."""

_LINE = re.compile(rb"[a-z]=([^\r\n\0]*)(\r\n|\n|\Z)")
_Raw = tuple[bytes, bytes, bytes]
"""Letter, value, end."""
_DIRECTIONS = {name.value.encode(): name for name in Direction}


def parse(data: bytes) -> Description:
    """Read a description; raises `SdpError` with the line at fault.

    Line ends may be LF alone (RFC 8866 section 5). v= must come first and o= second, as the RFC
    orders them; the order of the others is kept and not judged.
    """
    lines = _lines(data)
    if lines[0][:2] != (b"v", b"0"):
        raise SdpError(1, "a description begins with v=0")
    if len(lines) < 2 or lines[1][0] != b"o":
        raise SdpError(2, "o= must follow v=")
    origin = Origin.read(lines[1][1], 2)
    session, *sections = _parts(lines)
    if len(sections) > MAX_MEDIA:
        raise SdpError(sections[MAX_MEDIA].start + 1, f"more than {MAX_MEDIA} m= lines")
    connection = _connection(lines, session)
    attributes = tuple(session.attributes)
    direction = _direction(attributes, Direction.SENDRECV)
    media = [
        _media(index, lines, part, connection, direction, attributes)
        for index, part in enumerate(sections)
    ]
    return Description(data, origin, connection, tuple(media))


def _lines(data: bytes) -> list[_Raw]:
    if len(data) > MAX_SIZE:
        raise SdpError(0, f"longer than {MAX_SIZE} bytes")
    lines = split_lines(data)
    whole = len(b"".join(map(b"".join, lines))) + len(lines) == len(data)  # and a "=" in each
    if not whole or len(data) > MAX_LINE or len(lines) > MAX_LINES or not lines:
        _check_lines(data.rstrip(b"\r\n"))
    return lines


def _check_lines(text: bytes) -> None:
    """Raises SdpError for the first line that is none, or beyond a bound."""
    if not text:
        raise SdpError(0, "empty")
    at = number = 0
    while at < len(text):
        match = _LINE.match(text, at)
        number += 1
        if match is None:
            raise SdpError(number, "not of the form letter=value")
        if len(match[1]) > MAX_LINE:
            raise SdpError(number, f"longer than {MAX_LINE} bytes")
        if number > MAX_LINES:
            raise SdpError(number, f"more than {MAX_LINES} lines")
        at = match.end()


class _Part:
    """The session part, or an m= section."""

    __slots__ = ("attributes", "connections", "rtcp", "start")

    def __init__(self, start: int) -> None:
        self.start = start
        """Where it begins, from 0."""
        self.connections: list[int] = []
        """Where its c= lines are."""
        self.rtcp: list[int] = []
        """Where its a=rtcp lines are."""
        self.attributes: list[bytes] = []
        """The values of its a= lines, trimmed."""


def _parts(lines: list[_Raw]) -> list[_Part]:
    part = _Part(0)
    parts = [part]
    for at, (kind, value, _) in enumerate(lines):
        if kind == b"a":
            part.attributes.append(value.strip())
            if value.startswith(b"rtcp:"):
                part.rtcp.append(at)
        elif kind == b"c":
            part.connections.append(at)
        elif kind == b"m":
            part = _Part(at)
            parts.append(part)
    return parts


def _connection(lines: list[_Raw], part: _Part) -> Connection | None:
    """The c= line of a part, None where it has none."""
    if not part.connections:
        return None
    first, *more = part.connections
    found = Connection.read(lines[first][1], first + 1)
    if more:
        raise SdpError(more[0] + 1, "a second c= line")
    return found


def _direction(attributes: tuple[bytes, ...], default: Direction) -> Direction:
    for one in attributes:
        if one in _DIRECTIONS:
            return _DIRECTIONS[one]
    return default


def _media(
    index: int,
    lines: list[_Raw],
    part: _Part,
    session: Connection | None,
    direction: Direction,
    shared: tuple[bytes, ...],
) -> Media:
    start = part.start
    line = MediaLine.read(lines[start][1], start + 1)
    connection = _connection(lines, part) or session
    if connection is None and line.port:
        raise SdpError(start + 1, "no c= line for this m= line")
    rtcp: Rtcp | None = None
    for at in part.rtcp:
        rtcp = Rtcp.read(lines[at][1].removeprefix(b"rtcp:"), at + 1)
    attributes = tuple(part.attributes)
    return Media(
        index,
        line,
        connection,
        rtcp,
        b"rtcp-mux" in attributes,
        _direction(attributes, direction),
        attributes,
        shared,
    )
