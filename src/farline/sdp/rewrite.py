"""Putting our addresses into a description: o=, c=, m= ports and a=rtcp; nothing else changes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from farline.sdp.fields import address_type, is_null

if TYPE_CHECKING:
    from collections.abc import Sequence

    from farline.sdp.description import Description, Line, Media

_PORT = re.compile(rb"(?<=[\s:])[0-9]+")
_ADDRESS = re.compile(rb"(?i:IP[46])\s+(\S+)(?=\s*\Z)")


class MediaPorts(NamedTuple):
    """Our ports for one m= line."""

    rtp: int
    rtcp: int


def rewrite(description: Description, address: str, ports: Sequence[MediaPorts | None]) -> bytes:
    """The description as if its media were at `address`.

    `ports` has an entry for each m= line; None (or a port 0 in the description) writes port 0.
    The null address of a held stream stays, and so does every line that names no address of these
    kinds: codecs, directions, a=candidate. Raises ValueError when `ports` has another length.
    """
    if len(ports) != len(description.media):
        raise ValueError(f"{len(description.media)} m= lines and {len(ports)} ports")
    out = []
    for section, line in description.numbered():
        if section < 0:
            out.append(_session_line(line, address))
        else:
            out.append(_media_line(line, description.media[section], ports[section], address))
    return b"".join(line.to_bytes() for line in out)


def _session_line(line: Line, address: str) -> Line:
    if line.kind == b"o":
        return line._replace(value=_with_address(line.value, address))
    if line.kind == b"c":
        return line._replace(value=_unless_null(line.value, address))
    return line


def _media_line(line: Line, media: Media, given: MediaPorts | None, address: str) -> Line:
    """One line of an m= section. a=rtcp that named the RTP port (RFC 8858 section 3) names ours."""
    ours = MediaPorts(0, 0) if given is None or media.rejected else given
    if line.kind == b"m":
        return line._replace(value=_with_port(line.value, ours.rtp))
    if line.kind == b"c":
        return line._replace(value=_unless_null(line.value, address))
    if media.rtcp is not None and line.kind == b"a" and line.value.startswith(b"rtcp:"):
        port = ours.rtp if media.rtcp.port == media.port else ours.rtcp
        return line._replace(value=_unless_null(_with_port(line.value, port), address))
    return line


def _with_port(value: bytes, port: int) -> bytes:
    """Change the port of `audio 5000 RTP/AVP 8` or `rtcp:5001 IN IP4 10.0.0.1`."""
    return _PORT.sub(b"%d" % port, value, count=1)


def _with_address(value: bytes, address: str) -> bytes:
    """Change the address at the end of `... IN IP4 10.0.0.1` (and its type), where there is one."""
    return _ADDRESS.sub(f"{address_type(address)} {address}".encode("ascii"), value)


def _unless_null(value: bytes, address: str) -> bytes:
    found = _ADDRESS.search(value)
    held = found is not None and is_null(found[1].decode("ascii", "replace"))
    return value if held else _with_address(value, address)
