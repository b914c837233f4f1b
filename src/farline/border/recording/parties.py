"""Who is in a recorded call, and the body that tells a recording server of it. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline.border.exchange import Side
from farline.border.recording.metadata import Participant
from farline.sdp import Direction, SdpError, parse
from farline.sip import NameAddr, WireError

if TYPE_CHECKING:
    from farline.border.calls.session import Session


def multipart(boundary: str, sdp: bytes, metadata: bytes) -> bytes:
    """RFC 7866 section 9.1: the description, and the metadata beside it."""
    line = b"--" + boundary.encode()
    return b"\r\n".join(
        (
            line, b"Content-Type: application/sdp", b"", sdp.rstrip(b"\r\n"), b"",
            line, b"Content-Type: application/rs-metadata+xml",
            b"Content-Disposition: recording-session", b"", metadata, line + b"--", b"",
        )
    )  # fmt: skip


def parties_of(session: Session, sdp: bytes) -> tuple[Participant, ...]:
    """Who is outside and who inside, and who of them sends: labels 1 and 2 of the copies."""
    joint = session.joint
    if joint is not None:
        names = {
            joint.voice: _name(session, joint.side),
            joint.voice.other: _name(joint.other, joint.other_side),
        }
    else:
        names = {side: _name(session, side) for side in Side}
    sending = _sending(sdp)
    pairs = ((Side.OUTSIDE, "1"), (Side.INSIDE, "2"))
    return tuple(_participant(names[side], sends=label in sending) for side, label in pairs)


def _name(session: Session, side: Side) -> str:
    """Who is at an end: as the caller knows it, or as its server has said since."""
    names = session.names[session.initiator]
    first = names.caller if side is session.initiator else names.callee
    return session.end_on(side).asserted or first


def _sending(sdp: bytes) -> frozenset[str]:
    """The labels of the copies that are not at rest just now."""
    try:
        media = parse(sdp).media
    except SdpError:
        return frozenset("12")
    resting = [one for one in media if one.direction is Direction.INACTIVE]
    labels = {"1": b"label:1", "2": b"label:2"}
    return frozenset(
        name
        for name, label in labels.items()
        if not any(label in one.attributes for one in resting)
    )


def _participant(header: str, *, sends: bool) -> Participant:
    try:
        address = NameAddr.parse(header)
    except WireError:
        return Participant("sip:anonymous@anonymous.invalid", "", sends)
    return Participant(str(address.uri), address.display or "", sends)
