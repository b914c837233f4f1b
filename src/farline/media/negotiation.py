"""One offer and its answer, as far as keys are concerned (RFC 4568 7.1, RFC 8842 5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farline.media.handshake import PROFILE, Handshake, Invitation
from farline.media.security import Keys, accept_answer, accept_offer, make_offer
from farline.sdp import Endpoint, MediaSecurity, Transport

if TYPE_CHECKING:
    from collections.abc import Sequence

    from farline.media.engine import Side
    from farline.media.security import Agreement, Draw, Proposal
    from farline.sdp import Crypto, Description, Fingerprint, Media

    Before = tuple[Agreement | None, Agreement | None]
    """What has protected an m= line's two legs so far: the offerer's and the other's."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where our end of an m= line is, on one side."""

    address: str
    port: int


@dataclass(frozen=True, slots=True)
class Negotiation:
    """The offer that waits for, or last had, an answer."""

    description: Description
    offerer: int
    ended: bool
    """We are a party to encryption; where both legs are off, we leave it alone."""
    keys: tuple[Agreement | None, ...]
    """What protects the offerer's leg of each m= line."""
    lines: tuple[Proposal, ...]
    """What is offered to the other leg."""
    secure: tuple[bool, ...]
    """Whether it is offered as RTP/SAVP: by the rule, or because that leg has spoken of it so."""
    fingerprint: Fingerprint | None
    """Of our certificate."""

    @classmethod
    def begin(
        cls,
        description: Description,
        offerer: int,
        sides: tuple[Side, Side],
        before: Sequence[Before],
        draw: Draw,
        fingerprint: Fingerprint | None,
    ) -> Negotiation:
        """Take an offer from the first of `sides`; raises EncryptionError by its rule."""
        rules = tuple(side.encryption for side in sides)
        media = description.media
        if rules == ("off", "off"):
            nothing = ((),) * len(media)
            plain = (False,) * len(media)
            none = (None,) * len(media)
            return cls(description, offerer, False, none, nothing, plain, fingerprint)
        pairs = list(zip(media, before, strict=True))
        keys = tuple(accept_offer(rules[0], one, known[0], draw) for one, known in pairs)
        lines = tuple(make_offer(rules[1], one, known[1], draw) for one, known in pairs)
        secure = tuple(
            rules[1] == "required" or (isinstance(known[1], Keys) and known[1].secure_profile)
            for _, known in pairs
        )
        return cls(description, offerer, True, keys, lines, secure, fingerprint)

    def bridged(self, index: int) -> bool:
        """Whether a leg of an m= line is a browser's, so that its transport ends here."""
        legs = (self.keys[index], self.lines[index])
        return any(isinstance(leg, Handshake | Invitation) for leg in legs)

    def shown_offer(self, places: Sequence[Place | None]) -> list[MediaSecurity | None]:
        """What the other leg reads of encryption and transport; empty: what the offerer wrote."""
        if not self.ended:
            return []
        return [
            self._offered(one, place) if one.is_rtp else None
            for one, place in zip(self.description.media, places, strict=True)
        ]

    def answered(self, description: Description, sender: Side) -> tuple[Agreement | None, ...]:
        """What protects the answerer's leg of each m= line; raises EncryptionError."""
        if not self.ended:
            return (None,) * len(self.lines)
        pairs = zip(description.media, self.lines, strict=True)
        return tuple(accept_answer(sender.encryption, one, lines) for one, lines in pairs)

    def shown_answer(
        self, answer: Description, places: Sequence[Place | None]
    ) -> list[MediaSecurity | None]:
        """What the offerer reads of encryption in the answer: its own profile, and our key."""
        if not self.ended:
            return []
        sections = zip(self.description.media, answer.media, places, strict=True)
        return [
            self._agreed(one, None if theirs.rejected else place) if one.is_rtp else None
            for one, theirs, place in sections
        ]

    def _offered(self, media: Media, place: Place | None) -> MediaSecurity:
        proposal, secure = self.lines[media.index], self.secure[media.index]
        if isinstance(proposal, Invitation):
            end = self._endpoint(b"actpass", proposal)
            return MediaSecurity(True, (), _transport(end, PROFILE, place))
        if self.bridged(media.index):
            profile = b"RTP/SAVP" if secure else b"RTP/AVP"
            return MediaSecurity(secure, proposal, Transport(profile))
        return MediaSecurity(secure, proposal)

    def _agreed(self, media: Media, place: Place | None) -> MediaSecurity:
        keys = self.keys[media.index]
        if isinstance(keys, Handshake):
            end = self._endpoint(keys.setup, keys)
            return MediaSecurity(True, (), _transport(end, keys.profile, place))
        lines: tuple[Crypto, ...] = (keys.line,) if keys is not None else ()
        if self.bridged(media.index):
            profile = media.line.protocol.encode("latin-1")
            return MediaSecurity(media.is_secure, lines, Transport(profile))
        return MediaSecurity(media.is_secure, lines)

    def _endpoint(self, setup: bytes, leg: Handshake | Invitation) -> Endpoint:
        if self.fingerprint is None:
            raise ValueError("an engine without a certificate shakes no hands")
        return Endpoint(self.fingerprint, setup, leg.mid, leg.ours)


def _transport(end: Endpoint, profile: str, place: Place | None) -> Transport:
    """An m= line without a place of ours is rejected, and says nothing of the transport."""
    written = profile.encode("latin-1")
    return (
        Transport(written) if place is None else end.transport(written, place.address, place.port)
    )
