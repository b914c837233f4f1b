"""Which keys protect a leg: SDES (RFC 4568) or DTLS-SRTP (RFC 5763), by the leg's media rule.

Pure; the session calls it.

Each leg is agreed on by itself, with a key of ours for it: keys never pass from leg to leg. A
rule is one of four words. "off": RTP in the clear. "preferred": SRTP where the peer can, else RTP;
what we offer is RTP/AVP with keys beside it, which a peer without SRTP passes over (RFC 8643).
"required": RTP/SAVP is offered, and nothing in the clear is accepted. "dtls": DTLS-SRTP with ICE is
offered, and nothing else is accepted: a browser's leg. A peer that itself offers DTLS-SRTP gets it
by every rule but "off".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from farline.media.handshake import (
    Handshake,
    Invitation,
    accept_handshake,
    accept_invitation,
    make_invitation,
)
from farline.sdp import KEY_LENGTHS, Crypto, SdpError

if TYPE_CHECKING:
    from collections.abc import Callable

    from farline.sdp import Media

    Draw = Callable[[int], bytes]
    """So many unguessable bytes."""

FIELD: Final = "End Point Policy Group, Media Rule: Encryption"
"""The form and field that decide."""
OFFERED_SUITES: Final = (
    "AES_CM_128_HMAC_SHA1_80",
    "AES_256_CM_HMAC_SHA1_80",
    "AEAD_AES_128_GCM",
    "AES_CM_128_HMAC_SHA1_32",
)
"""What we offer, most wanted first: the one that everybody has, then what a stricter peer may want
instead. Each line costs 100 bytes of a message that may have to fit into a datagram."""


NOT_MUXED: Final = (
    "has DTLS-SRTP without a=rtcp-mux: RTCP on a port of its own takes a second handshake, which "
    "is not served; have the peer offer a=rtcp-mux (RFC 5761), as every browser does"
)


class EncryptionError(SdpError):
    """A description that the leg's media rule forbids (SIP status 488); names form and field."""

    def __init__(self, rule: str, media: Media, reason: str) -> None:
        said = f"m= line {media.index + 1} ({media.line.protocol}) {reason}"
        super().__init__(0, f"{FIELD} is {rule!r}: {said}")


@dataclass(frozen=True, slots=True)
class Keys:
    """What two peers agreed on for one leg of one stream. Keys do not print."""

    tag: int
    suite: str
    theirs: bytes = field(repr=False)
    ours: bytes = field(repr=False)
    secure_profile: bool
    """They speak of RTP/SAVP, not of RTP/AVP with keys beside it."""

    @property
    def line(self) -> Crypto:
        """What we say of it."""
        return Crypto(self.tag, self.suite, self.ours)


Agreement = Keys | Handshake
"""What protects a leg: keys from SDP, or from a handshake."""
Proposal = tuple[Crypto, ...] | Invitation
"""What is offered to a leg; no lines: RTP in the clear."""


def accept_offer(rule: str, media: Media, before: Agreement | None, draw: Draw) -> Agreement | None:
    """What protects a leg whose peer offers `media`; None: RTP in the clear.

    Raises EncryptionError. `before`: what has protected it so far. Our key stays where the suite
    does, so a re-INVITE that changes no keys changes nothing (RFC 4568 section 7.1.4).
    """
    if not _concerned(media):
        return None
    if rule != "off" and _has_dtls(rule, media):
        shaken = before if isinstance(before, Handshake) else None
        return accept_invitation(media, shaken, draw)
    usable = media.crypto if rule != "off" and media.line.protocol.startswith("RTP/") else ()
    chosen = next(iter(usable), None)
    if chosen is None:
        _accept_clear(rule, media)
        return None
    keys = before if isinstance(before, Keys) else None
    keeps = keys is not None and keys.suite == chosen.suite
    ours = keys.ours if keys is not None and keeps else draw(KEY_LENGTHS[chosen.suite])
    return Keys(chosen.tag, chosen.suite, chosen.key, ours, media.is_secure)


def make_offer(rule: str, media: Media, before: Agreement | None, draw: Draw) -> Proposal:
    """What to offer to a leg; what it has agreed to comes first, with the same key."""
    if rule == "off" or not _concerned(media):
        return ()
    if rule == "dtls" or isinstance(before, Handshake):
        return make_invitation(media, before if isinstance(before, Handshake) else None, draw)
    first = () if before is None else (before.suite,)
    suites = (*first, *(suite for suite in OFFERED_SUITES if suite not in first))
    kept = {} if before is None else {before.suite: before.ours}
    return tuple(
        Crypto(tag, suite, kept.get(suite) or draw(KEY_LENGTHS[suite]))
        for tag, suite in enumerate(suites, 1)
    )


def accept_answer(rule: str, media: Media, offered: Proposal) -> Agreement | None:
    """What protects a leg that answers `offered`; None: in the clear. Raises EncryptionError."""
    if not _concerned(media):
        return None
    if isinstance(offered, Invitation):
        if not _has_dtls("dtls", media):
            raise EncryptionError(rule, media, "answers DTLS-SRTP without a fingerprint")
        return accept_handshake(media, offered)
    ours = {(one.tag, one.suite): one.key for one in offered}
    for theirs in media.crypto:
        key = ours.get((theirs.tag, theirs.suite))
        if key is not None:
            return Keys(theirs.tag, theirs.suite, theirs.key, key, media.is_secure)
    _accept_clear(rule, media)
    return None


def _has_dtls(rule: str, media: Media) -> bool:
    """Whether a description is about DTLS-SRTP that can be served; raises EncryptionError."""
    if not media.is_secure or not media.fingerprints or (media.crypto and rule != "dtls"):
        return False
    if not media.rtcp_mux:
        raise EncryptionError(rule, media, NOT_MUXED)
    return True


def _concerned(media: Media) -> bool:
    """Whether an m= line brings RTP that we relay."""
    return media.is_rtp and media.is_datagrams and not media.rejected


def _accept_clear(rule: str, media: Media) -> None:
    """Whether a description without keys that we can use is RTP in the clear, and may be."""
    if rule == "dtls":
        raise EncryptionError(rule, media, "has no a=fingerprint that can be served here")
    if media.is_secure:
        raise EncryptionError(rule, media, "has no a=crypto line that can be served here")
    if rule == "required":
        raise EncryptionError(rule, media, "is not encrypted")
