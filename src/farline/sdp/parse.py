"""Reading a session description: bounded, tolerant of bare LF, strict about what is rewritten."""

from __future__ import annotations

import re

from farline.sdp.description import Description, Direction, Line, Media
from farline.sdp.errors import SdpError
from farline.sdp.fields import Connection, MediaLine, Origin, Rtcp

MAX_SIZE = 32_768
"""Largest description, in bytes. WebRTC offers with candidates reach 10 kB."""
MAX_LINE = 4_096
"""Longest line, in bytes without its end."""
MAX_LINES = 1_024
MAX_MEDIA = 16
"""Most m= lines: each costs four ports. Browsers offer a handful."""

_LINE = re.compile(rb"([a-z])=([^\r\n\0]*)(\r\n|\n|\Z)")
_DIRECTIONS = {name.value.encode(): name for name in Direction}


def parse(data: bytes) -> Description:
    """Read a description; raises `SdpError` with the line at fault.

    Line ends may be LF alone (RFC 8866 section 5). v= must come first and o= second, as the RFC
    orders them; the order of the others is kept and not judged.
    """
    lines = _lines(data)
    if lines[0][:2] != (b"v", b"0"):
        raise SdpError(1, "a description begins with v=0")
    if len(lines) < 2 or lines[1].kind != b"o":
        raise SdpError(2, "o= must follow v=")
    origin = Origin.read(lines[1].value, 2)
    starts = [at for at, line in enumerate(lines) if line.kind == b"m"]
    if len(starts) > MAX_MEDIA:
        raise SdpError(starts[MAX_MEDIA] + 1, f"more than {MAX_MEDIA} m= lines")
    session_end = starts[0] if starts else len(lines)
    connection = _connection(lines, 0, session_end)
    direction = _direction(lines[:session_end], Direction.SENDRECV)
    shared = _attributes(lines[:session_end])
    ends = [*starts, len(lines)][1:]
    media = tuple(
        _media(index, lines, start, end, connection, direction, shared)
        for index, (start, end) in enumerate(zip(starts, ends, strict=True))
    )
    return Description(lines, origin, connection, media)


def _lines(data: bytes) -> tuple[Line, ...]:
    if len(data) > MAX_SIZE:
        raise SdpError(0, f"longer than {MAX_SIZE} bytes")
    text = data.rstrip(b"\r\n")
    lines: list[Line] = []
    at = 0
    while at < len(text):
        match = _LINE.match(text, at)
        number = len(lines) + 1
        if match is None:
            raise SdpError(number, "not of the form letter=value")
        if len(match[2]) > MAX_LINE:
            raise SdpError(number, f"longer than {MAX_LINE} bytes")
        if number > MAX_LINES:
            raise SdpError(number, f"more than {MAX_LINES} lines")
        lines.append(Line(match[1], match[2], match[3]))
        at = match.end()
    if not lines:
        raise SdpError(0, "empty")
    lines[-1] = lines[-1]._replace(end=data[len(text) :])
    return tuple(lines)


def _connection(lines: tuple[Line, ...], start: int, end: int) -> Connection | None:
    """The c= line of a part, None where it has none."""
    found: Connection | None = None
    for at in range(start, end):
        if lines[at].kind == b"c":
            if found is not None:
                raise SdpError(at + 1, "a second c= line")
            found = Connection.read(lines[at].value, at + 1)
    return found


def _direction(lines: tuple[Line, ...], default: Direction) -> Direction:
    named = (_DIRECTIONS.get(line.value.strip()) for line in lines if line.kind == b"a")
    return next((direction for direction in named if direction is not None), default)


def _media(
    index: int,
    lines: tuple[Line, ...],
    start: int,
    end: int,
    session: Connection | None,
    direction: Direction,
    shared: tuple[bytes, ...],
) -> Media:
    line = MediaLine.read(lines[start].value, start + 1)
    connection = _connection(lines, start, end) or session
    if connection is None and line.port:
        raise SdpError(start + 1, "no c= line for this m= line")
    rtcp: Rtcp | None = None
    for at in range(start, end):
        if lines[at].kind == b"a" and lines[at].value.startswith(b"rtcp:"):
            rtcp = Rtcp.read(lines[at].value.removeprefix(b"rtcp:"), at + 1)
    section = lines[start:end]
    attributes = _attributes(section)
    return Media(
        index=index,
        line=line,
        connection=connection,
        rtcp=rtcp,
        rtcp_mux=b"rtcp-mux" in attributes,
        direction=_direction(section, direction),
        attributes=attributes,
        shared=shared,
    )


def _attributes(lines: tuple[Line, ...]) -> tuple[bytes, ...]:
    return tuple(one.value.strip() for one in lines if one.kind == b"a")
