"""Putting our addresses into a description: o=, c=, m= ports and a=rtcp; nothing else changes.

Where we end encryption, the profile and the keys of an m= section are ours too.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from farline.sdp.description import Line
from farline.sdp.fields import address_type, is_null
from farline.sdp.transport import (
    Transport,
    belongs_to_transport,
    session_values,
    with_address,
    with_profile,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from farline.sdp.crypto import Crypto
    from farline.sdp.description import Description, Media

_PROFILE = re.compile(rb"(?<=\s)RTP/S?AVP(F?)(?=\s)", re.IGNORECASE)
_KEY_ATTRIBUTES = {b"crypto", b"fingerprint", b"setup", b"tls-id", b"zrtp-hash", b"key-mgmt"}
_PORT = re.compile(rb"(?<=[\s:])[0-9]+")
_ADDRESS = re.compile(rb"(?i:IP[46])\s+(\S+)(?=\s*\Z)")


class MediaPorts(NamedTuple):
    """Our ports for one m= line."""

    rtp: int
    rtcp: int


class MediaSecurity(NamedTuple):
    """What one m= section is to say of encryption."""

    secure: bool
    """The profile: RTP/SAVP(F), else RTP/AVP(F)."""
    crypto: tuple[Crypto, ...] = ()
    """Its a=crypto lines."""
    transport: Transport | None = None
    """How its packets travel, where one of the two legs is a browser's: in place of all that the
    description says of that, the profile above too."""


def rewrite(
    description: Description,
    address: str,
    ports: Sequence[MediaPorts | None],
    security: Sequence[MediaSecurity | None] = (),
) -> bytes:
    """The description as if its media were at `address`.

    `ports` has an entry for each m= line; None (or a port 0 in the description) writes port 0.
    The null address of a held stream stays, and so does every line that names no address of these
    kinds: codecs, directions, a=candidate. `security` (empty, or as long) changes the m= sections
    for which it has an entry. Raises ValueError when `ports` has another length.
    """
    if len(ports) != len(description.media):
        raise ValueError(f"{len(description.media)} m= lines and {len(ports)} ports")
    ended = security or (None,) * len(ports)
    replaced = [one.transport for one in ended if one is not None and one.transport is not None]
    session: list[Line] = []
    sections: list[list[Line]] = [[] for _ in ports]
    for section, line in description.numbered():
        if section >= 0:
            media, given, keys = description.media[section], ports[section], ended[section]
            sections[section] += _section_line(line, media, given, keys, address)
        elif not (any(ended) and _is_key(line)) and not (replaced and belongs_to_transport(line)):
            session.append(_session_line(line, address, null_stays=not replaced))
    end = description.lines[0].end or b"\r\n"
    session += [Line(b"a", value, end) for value in session_values(replaced)]
    for lines, keys in zip(sections, ended, strict=True):
        lines += _added(keys, end)
    out = [*session, *(line for lines in sections for line in lines)]
    return b"".join(line.to_bytes() for line in _ended(out, description))


def _ended(lines: list[Line], description: Description) -> list[Line]:
    """The end of the last line stays what it was, none perhaps, unless lines were added behind."""
    last = description.lines[-1]
    whole = [one._replace(end=one.end or b"\r\n") for one in lines]
    if whole and lines[-1].end == last.end:
        whole[-1] = whole[-1]._replace(end=last.end)
    return whole


def _section_line(
    line: Line,
    media: Media,
    given: MediaPorts | None,
    keys: MediaSecurity | None,
    address: str,
) -> list[Line]:
    """What becomes of a line of an m= section: itself, changed, or nothing."""
    if keys is None:
        return [_media_line(line, media, given, address)]
    if keys.transport is None:
        if _is_key(line):
            return []
        return [_with_profile(_media_line(line, media, given, address), secure=keys.secure)]
    if belongs_to_transport(line):
        return []
    changed = with_profile(_media_line(line, media, given, address), keys.transport.profile)
    null_stays = media.null_address and not media.rejected
    return [changed if null_stays else with_address(changed, address)]


def _added(keys: MediaSecurity | None, end: bytes) -> list[Line]:
    """The lines to put after the last of a section."""
    if keys is None:
        return []
    transport = keys.transport.lines if keys.transport is not None else ()
    values = [*transport, *(one.to_bytes() for one in keys.crypto)]
    return [Line(b"a", value, end) for value in values]


def _is_key(line: Line) -> bool:
    """Whether a line is part of an agreement on keys that we end (SDES, DTLS-SRTP, ZRTP)."""
    return line.kind == b"a" and line.value.split(b":", 1)[0].strip().lower() in _KEY_ATTRIBUTES


def _with_profile(line: Line, *, secure: bool) -> Line:
    """Change RTP/SAVPF to RTP/AVPF and the like."""
    if line.kind != b"m":
        return line
    profile = rb"RTP/SAVP\1" if secure else rb"RTP/AVP\1"
    return line._replace(value=_PROFILE.sub(profile, line.value, count=1))


def _session_line(line: Line, address: str, *, null_stays: bool) -> Line:
    if line.kind == b"o":
        return line._replace(value=_with_address(line.value, address))
    if line.kind == b"c":
        changed = _unless_null if null_stays else _with_address
        return line._replace(value=changed(line.value, address))
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
