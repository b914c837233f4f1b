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
_CHANGED = frozenset({b"o", b"c", b"m", b"a"})
"""Kinds of lines in which something may be ours."""
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
    keyed = any(ended)
    session: list[Line] = []
    sections: list[list[Line]] = []
    came = description.lines
    for line in came:
        if line.kind == b"m":
            at = len(sections)
            part: list[Line] = []
            sections.append(part)
        if line.kind not in _CHANGED:
            (part if sections else session).append(line)
        elif sections:
            _section_line(part, line, description.media[at], ports[at], ended[at], address)
        elif not (keyed and _is_key(line)) and not (replaced and belongs_to_transport(line)):
            session.append(_session_line(line, address, null_stays=not replaced))
    end = came[0].end or b"\r\n"
    if replaced:
        session += [Line(b"a", value, end) for value in session_values(replaced)]
    if keyed:
        for lines, keys in zip(sections, ended, strict=True):
            lines += _added(keys, end)
    for lines in sections:
        session += lines
    return _joined(session, came[-1])


def _joined(lines: list[Line], last: Line) -> bytes:
    """The end of the last line stays what it was, none perhaps, unless lines were added behind."""
    if not last.end and lines[-1].end:
        lines = [one if one.end else Line(one.kind, one.value, b"\r\n") for one in lines]
    return b"".join([part for kind, value, end in lines for part in (kind, b"=", value, end)])


def _section_line(
    part: list[Line],
    line: Line,
    media: Media,
    given: MediaPorts | None,
    keys: MediaSecurity | None,
    address: str,
) -> None:
    """Put into its part what becomes of a line of an m= section: itself, changed, or nothing."""
    if keys is None:
        part.append(_media_line(line, media, given, address))
    elif keys.transport is None:
        if not _is_key(line):
            changed = _media_line(line, media, given, address)
            part.append(_with_profile(changed, secure=keys.secure))
    elif not belongs_to_transport(line):
        changed = with_profile(_media_line(line, media, given, address), keys.transport.profile)
        null_stays = media.null_address and not media.rejected
        part.append(changed if null_stays else with_address(changed, address))


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
        return Line(b"o", _with_address(line.value, address), line.end)
    if line.kind == b"c":
        changed = _unless_null if null_stays else _with_address
        return Line(b"c", changed(line.value, address), line.end)
    return line


def _media_line(line: Line, media: Media, given: MediaPorts | None, address: str) -> Line:
    """One line of an m= section. a=rtcp that named the RTP port (RFC 8858 section 3) names ours."""
    kind, value, end = line
    if kind == b"a" and not value.startswith(b"rtcp:"):
        return line
    ours = MediaPorts(0, 0) if given is None or media.rejected else given
    if kind == b"m":
        return Line(kind, _with_port(value, ours.rtp), end)
    if kind == b"c":
        return Line(kind, _unless_null(value, address), end)
    if media.rtcp is not None and kind == b"a":
        port = ours.rtp if media.rtcp.port == media.port else ours.rtcp
        return Line(kind, _unless_null(_with_port(value, port), address), end)
    return line


def _with_port(value: bytes, port: int) -> bytes:
    """Change the port of `audio 5000 RTP/AVP 8` or `rtcp:5001 IN IP4 10.0.0.1`."""
    return _PORT.sub(b"%d" % port, value, count=1)


def _with_address(value: bytes, address: str) -> bytes:
    """Change the address at the end of `... IN IP4 10.0.0.1` (and its type), where there is one."""
    found = _ADDRESS.search(value)
    return value if found is None else _exchanged(value, found, address)


def _exchanged(value: bytes, found: re.Match[bytes], address: str) -> bytes:
    ours = f"{address_type(address)} {address}".encode("ascii")
    return value[: found.start()] + ours + value[found.end() :]


def _unless_null(value: bytes, address: str) -> bytes:
    found = _ADDRESS.search(value)
    if found is None or is_null(found[1].decode("ascii", "replace")):
        return value
    return _exchanged(value, found, address)
