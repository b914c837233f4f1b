"""What a recording server's request bears: descriptions, and the wish for a snapshot. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from farline.sdp import Direction, SdpError, parse
from farline.sip import WireError, headers

if TYPE_CHECKING:
    from farline.sdp import Media
    from farline.sip import Message

SDP, SNAPSHOT = "application/sdp", "application/rs-metadata-request"
ACCEPTED = f"{SDP}, {SNAPSHOT}"
MAX_PARTS = 8
_ORIGIN = re.compile(rb"(?m)^(o=\S+ \S+ )\d+")


@dataclass(frozen=True, slots=True)
class Asked:
    """The bodies of one request."""

    sdp: bytes | None
    snapshot: bool
    """The whole of the metadata is wanted once more (RFC 7866 section 9.2)."""


def read(message: Message) -> Asked:
    """The bodies of a request. Raises WireError(415) for kinds that are not known here."""
    if not message.body:
        return Asked(None, snapshot=False)
    kind, params = headers.split_params(message.get("Content-Type") or "", "Content-Type")
    found = {kind.lower(): message.body}
    if kind.lower() == "multipart/mixed":
        found = _parts(message.body, params.get("boundary", "").strip('"'))
    strange = found.keys() - {SDP, SNAPSHOT}
    if strange:
        raise WireError(415, f"{sorted(strange)[0]} is not understood", "Content-Type")
    return Asked(found.get(SDP), SNAPSHOT in found)


def _parts(body: bytes, boundary: str) -> dict[str, bytes]:
    """The parts of a multipart body by type (RFC 2046 section 5.1). Raises WireError(400)."""
    pieces = body.split(b"--" + boundary.encode("latin-1", "replace"))
    if not boundary or not 3 <= len(pieces) <= MAX_PARTS + 2 or not pieces[-1].startswith(b"--"):
        raise WireError(400, "its parts cannot be told apart", "Content-Type")
    found: dict[str, bytes] = {}
    for piece in pieces[1:-1]:
        head, _, content = piece.partition(b"\r\n\r\n")
        kind = "text/plain"
        for line in head.split(b"\r\n"):
            name, _, value = line.partition(b":")
            if name.strip().lower() == b"content-type":
                kind = value.partition(b";")[0].strip().lower().decode("latin-1")
        found[kind] = content.removesuffix(b"\r\n")
    return found


def answer_to(offer: bytes, shown: bytes) -> bytes:
    """Our description as the answer to a server's: its formats, and at rest where it rests.

    `shown`: what we offered last. Raises SdpError for an offer that does not fit it.
    """
    theirs, ours = parse(offer).media, parse(shown)
    if len(theirs) != len(ours.media):
        raise SdpError(0, "the streams of a recording are its client's to choose (RFC 7866)")
    out: list[bytes] = []
    for section, line in ours.numbered():
        written = line.kind + b"=" + line.value
        out += [written] if section < 0 else _answered(theirs[section], line.kind, written)
    return b"\r\n".join([*out, b""])


def _answered(theirs: Media, kind: bytes, line: bytes) -> list[bytes]:
    """A line of ours in an m= section, as it answers theirs; none where it goes."""
    if kind == b"m":
        words = line.split(b" ")
        kept = [word for word in words[3:] if word.decode("latin-1") in theirs.line.formats]
        if not kept:
            raise SdpError(0, "no format that the recording server was offered")
        return [b" ".join([words[0], b"0" if theirs.rejected else words[1], words[2], *kept])]
    name, _, value = line.partition(b":")
    if name in (b"a=rtpmap", b"a=fmtp"):
        known = value.partition(b" ")[0].decode("latin-1") in theirs.line.formats
        return [line] if known else []
    rests = theirs.direction in (Direction.INACTIVE, Direction.SENDONLY)
    return [b"a=inactive"] if rests and line == b"a=sendonly" else [line]


def numbered(sdp: bytes, version: int) -> bytes:
    """The description with this number of its version in o= (RFC 3264 section 8)."""
    return _ORIGIN.sub(lambda found: found[1] + b"%d" % version, sdp, count=1)
