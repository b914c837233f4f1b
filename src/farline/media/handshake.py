"""Keys out of a handshake on the media port: DTLS-SRTP (RFC 5763), with ICE-lite.

Pure; `farline.media.security` calls it where a leg's rule and its peer want it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from farline.sdp import Fingerprint, IceCredentials

if TYPE_CHECKING:
    from collections.abc import Callable

    from farline.sdp import Media

PROFILE: Final = "UDP/TLS/RTP/SAVPF"
"""What browsers speak, and we offer (RFC 5764 section 9, RFC 8829 section 5.1.2)."""


@dataclass(frozen=True, slots=True)
class Invitation:
    """What we offer to a leg that is to shake hands."""

    mid: bytes
    ours: IceCredentials


@dataclass(frozen=True, slots=True)
class Handshake:
    """What two peers agreed on for one leg of one stream: who shakes hands, and how it is shown."""

    fingerprints: tuple[Fingerprint, ...]
    """Theirs: what their certificate must hash to, any of these."""
    active: bool
    """We begin."""
    mid: bytes
    profile: str
    ours: IceCredentials | None
    """None: they speak no ICE, or send no checks."""
    theirs: IceCredentials | None

    @property
    def setup(self) -> bytes:
        """What we say of our role in an answer (RFC 8842 section 5.3)."""
        return b"active" if self.active else b"passive"


def accept_invitation(
    media: Media, before: Handshake | None, draw: Callable[[int], bytes]
) -> Handshake:
    """The handshake of a leg whose peer offers it.

    Our ICE credentials stay until theirs change, which is a restart (RFC 8445 section 9).
    """
    theirs = None if media.ice_lite else media.ice
    ours = before.ours if before is not None and before.theirs == theirs else None
    if theirs is not None and ours is None:
        ours = make_credentials(draw)
    agreed = _agreed(media, ours, theirs)
    if before is None or media.setup in ("active", "passive"):
        return agreed
    # Who leaves the roles to us (actpass) has them already (RFC 8842 section 5.5).
    keeps = before.fingerprints == agreed.fingerprints
    return replace(agreed, active=before.active) if keeps else agreed


def make_invitation(
    media: Media, before: Handshake | None, draw: Callable[[int], bytes]
) -> Invitation:
    """What to offer; a leg that has shaken hands is offered the same again."""
    mid = before.mid if before is not None else b""
    ours = before.ours if before is not None else None
    return Invitation(mid or b"%d" % media.index, ours or make_credentials(draw))


def accept_handshake(media: Media, invitation: Invitation) -> Handshake:
    """The handshake of a leg that answers an invitation."""
    theirs = None if media.ice_lite else media.ice
    return _agreed(media, None if theirs is None else invitation.ours, theirs)


def make_credentials(draw: Callable[[int], bytes]) -> IceCredentials:
    """Ours: 32 and 128 unguessable bits (RFC 8445 section 5.3 asks for 24 and 128)."""
    return IceCredentials(draw(4).hex(), draw(16).hex())


def _agreed(media: Media, ours: IceCredentials | None, theirs: IceCredentials | None) -> Handshake:
    """They begin unless they have said that they wait."""
    return Handshake(
        fingerprints=media.fingerprints,
        active=media.setup == "passive",
        mid=media.mid,
        profile=media.line.protocol,
        ours=ours,
        theirs=theirs,
    )
