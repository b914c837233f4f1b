"""Hold as each side understands it (Server Interworking > Hold Support).

RFC 2543 puts a stream on hold with the connection address 0.0.0.0, RFC 3264 with a=sendonly or
a=inactive. Descriptions are changed line by line, after the media engine has seen the sender's own.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_DIRECTION = re.compile(rb"^a=(sendrecv|sendonly|recvonly|inactive)[ \t]*$")
_ZERO = (b"c=IN IP4 0.0.0.0", b"c=IN IP6 ::")
_FITTING = {b"sendonly": b"recvonly", b"recvonly": b"sendonly", b"inactive": b"inactive"}
"""What an offer of one direction is answered with (RFC 3264 section 6.1)."""

_HELD = (b"sendonly", b"inactive")


def adapt(style: str, sdp: bytes, shown: bytes, *, to_server: bool) -> bytes:
    """The description `shown` to the receiver, with the hold of the sender's `sdp` in its style.

    `style` is the server's: "none", "rfc2543" or "rfc3264". Phones are spoken to by RFC 3264.
    """
    if style == "none" or (style == "rfc3264" and not to_server):
        return shown
    if style == "rfc2543" and to_server:
        return _written(shown, [direction in _HELD for direction in _directions(shown)], _zeroed)
    held = [zero and way == b"sendrecv" for zero, way in
            zip(_zeros(sdp), _directions(sdp), strict=True)]  # fmt: skip
    return _written(shown, held, _sendonly)


def hushed(shown: bytes) -> tuple[bytes, list[bytes]]:
    """A description of which the hold is not told, and each stream's true direction."""
    ways = _directions(shown)
    held = [way != b"sendrecv" for way in ways]
    return _written(shown, held, _sendrecv), ways


def answering(shown: bytes, offered: list[bytes]) -> bytes:
    """An answer to who offered these directions, from a server that was told nothing of them."""
    session, *streams = _sections(shown)
    lines = list(session)
    for position, stream in enumerate(streams):
        way = offered[position] if position < len(offered) else b"sendrecv"
        fits = _FITTING.get(way)
        lines += stream if fits is None else _directed(stream, fits)
    return b"\r\n".join(lines) + b"\r\n"


def _sections(sdp: bytes) -> list[list[bytes]]:
    """Lines of the session part, then of each stream."""
    sections: list[list[bytes]] = [[]]
    for line in sdp.replace(b"\r\n", b"\n").rstrip(b"\n").split(b"\n"):
        if line.startswith(b"m="):
            sections.append([])
        sections[-1].append(line)
    return sections


def _directions(sdp: bytes) -> list[bytes]:
    """Each stream's direction, its own or the session's."""
    session, *streams = _sections(sdp)
    whole = _direction(session) or b"sendrecv"
    return [_direction(stream) or whole for stream in streams]


def _direction(lines: list[bytes]) -> bytes | None:
    for line in lines:
        match = _DIRECTION.match(line)
        if match is not None:
            return match[1]
    return None


def _zeros(sdp: bytes) -> list[bool]:
    """Whether each stream's connection address is the unspecified one."""
    session, *streams = _sections(sdp)
    whole = any(line.rstrip() in _ZERO for line in session)
    found = []
    for stream in streams:
        own = [line for line in stream if line.startswith(b"c=")]
        found.append(own[0].rstrip() in _ZERO if own else whole)
    return found


def _written(
    shown: bytes, held: list[bool], change: Callable[[list[bytes], bytes], list[bytes]]
) -> bytes:
    """The description with the streams changed that are held."""
    session, *streams = _sections(shown)
    if not any(held):
        return shown
    version = b"IP6" if any(line.startswith(b"c=IN IP6") for line in session) else b"IP4"
    lines = list(session)
    for position, stream in enumerate(streams):
        on_hold = position < len(held) and held[position]
        lines += change(stream, version) if on_hold else stream
    return b"\r\n".join(lines) + b"\r\n"


def _zeroed(stream: list[bytes], version: bytes) -> list[bytes]:
    """A stream on hold by RFC 2543: the address is 0.0.0.0, and no direction is written."""
    zero = b"c=IN IP6 ::" if version == b"IP6" else b"c=IN IP4 0.0.0.0"
    kept = [line for line in stream[1:] if not line.startswith(b"c=")]
    kept = [line for line in kept if _DIRECTION.match(line) is None]
    return [stream[0], zero, *kept]


def _sendrecv(stream: list[bytes], _version: bytes) -> list[bytes]:
    return _directed(stream, b"sendrecv")


def _directed(stream: list[bytes], way: bytes) -> list[bytes]:
    return [*(line for line in stream if _DIRECTION.match(line) is None), b"a=" + way]


def _sendonly(stream: list[bytes], _version: bytes) -> list[bytes]:
    """A stream on hold by RFC 3264."""
    return [*(line for line in stream if _DIRECTION.match(line) is None), b"a=sendonly"]
