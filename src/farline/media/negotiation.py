"""One offer and its answer, as far as keys are concerned (RFC 4568 7.1, RFC 8842 5)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from farline.media.handshake import PROFILE, Handshake, Invitation
from farline.media.security import Keys, accept_answer, accept_offer, make_offer
from farline.media.transcoding import CODECS, Outcome, helpers, outcome
from farline.sdp import (
    Endpoint,
    MediaSecurity,
    OtherFormats,
    Transport,
    bundle_group,
    parse,
    with_formats,
    without_clashes,
)
from farline.sdp.bundle import MAX_MID

if TYPE_CHECKING:
    from collections.abc import Sequence

    from farline.media.engine import Side
    from farline.media.security import Agreement, Draw, Proposal
    from farline.sdp import Crypto, Description, Fingerprint, Format, Media

    Before = tuple[Agreement | None, Agreement | None]
    """What has protected an m= line's two legs so far: the offerer's and the other's."""


class Place(msgspec.Struct, frozen=True):
    """Where our end of an m= line is, on one side."""

    address: str
    port: int


class Grouping(msgspec.Struct, frozen=True):
    """Which m= sections of a description of ours share a transport, or are to (RFC 9143)."""

    indices: tuple[int, ...] = ()
    mid_extension: int = 0
    """The identifier of the MID's header extension; 0: none."""


class Negotiation(msgspec.Struct, frozen=True):
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
    offered: Grouping = Grouping()
    """What the other leg is offered to bundle."""
    added: tuple[tuple[Format, ...], ...] = ()
    """What the other leg is offered besides, by m= line, to be transcoded."""

    @classmethod
    def begin(
        cls,
        description: Description,
        offerer: int,
        sides: tuple[Side, Side],
        before: Sequence[Before],
        draw: Draw,
        fingerprint: Fingerprint | None,
        mid_extension: int,
    ) -> Negotiation:
        """Take an offer from the first of `sides`; raises EncryptionError by its rule.

        `mid_extension`: what the MID's header extension is called on the other leg.
        """
        rules = tuple(side.encryption for side in sides)
        media = description.media
        if rules == ("off", "off"):
            nothing = ((),) * len(media)
            plain = (False,) * len(media)
            none = (None,) * len(media)
            return cls(description, offerer, False, none, nothing, plain, fingerprint)
        pairs = list(zip(media, before, strict=True))
        group = bundle_group(description)
        mine = _of_group([known[0] for known in before], group)
        keys = tuple(
            accept_offer(rules[0], one, known, draw) for one, known in zip(media, mine, strict=True)
        )
        keys = _sharing(keys, media, group)
        lines = tuple(make_offer(rules[1], one, known[1], draw) for one, known in pairs)
        lines = _with_own_mids(lines, [known[1] for known in before])
        secure = tuple(
            rules[1] == "required" or (isinstance(known[1], Keys) and known[1].secure_profile)
            for _, known in pairs
        )
        invited = [one for one, line in zip(media, lines, strict=True) if _has_mid(line)]
        grouping = Grouping(without_clashes(invited), mid_extension if len(invited) > 1 else 0)
        return cls(description, offerer, True, keys, lines, secure, fingerprint, grouping)

    @property
    def widened(self) -> Description:
        """The offer with what was added."""
        if not any(self.added):
            return self.description
        pairs = zip(self.description.media, self.added, strict=True)
        changes = [OtherFormats(frozenset(range(128)), more) if more else None for _, more in pairs]
        return parse(with_formats(self.description, changes))

    def outcomes(self, answer: Description) -> list[Outcome]:
        """What an answer makes of the codecs, by m= line."""
        if not any(self.added):
            return [Outcome()] * len(answer.media)
        pairs = zip(self.description.media, answer.media, self.added, strict=True)
        return [outcome(ours, theirs, more) for ours, theirs, more in pairs]

    def told(self, answer: Description) -> Description:
        """The answer with the offerer's own codecs only."""
        if not any(self.added):
            return answer
        outcomes = self.outcomes(answer)
        if all(one.kept is None for one in outcomes):
            return answer
        pairs = zip(self.description.media, answer.media, outcomes, strict=True)
        return parse(with_formats(answer, [_told(*pair) for pair in pairs]))

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
        keys = tuple(accept_answer(sender.encryption, one, lines) for one, lines in pairs)
        return _sharing(keys, description.media, self.answered_group(description))

    def answered_group(self, description: Description) -> tuple[int, ...]:
        """The sections that the answerer's leg bundles, the one whose transport it takes first."""
        offered = self.offered.indices
        return tuple(index for index in bundle_group(description) if index in offered)

    def shown_answer(
        self, answer: Description, places: Sequence[Place | None], grouping: Grouping
    ) -> list[MediaSecurity | None]:
        """What the offerer reads of encryption in the answer: its own profile, and our key."""
        if not self.ended:
            return []
        sections = zip(self.description.media, answer.media, places, strict=True)
        return [
            self._agreed(one, None if theirs.rejected else place, grouping) if one.is_rtp else None
            for one, theirs, place in sections
        ]

    def _offered(self, media: Media, place: Place | None) -> MediaSecurity:
        proposal, secure = self.lines[media.index], self.secure[media.index]
        if isinstance(proposal, Invitation):
            end = self._endpoint(b"actpass", proposal, media, self.offered)
            return MediaSecurity(True, (), _transport(end, PROFILE, place))
        if self.bridged(media.index):
            profile = b"RTP/SAVP" if secure else b"RTP/AVP"
            return MediaSecurity(secure, proposal, Transport(profile))
        return MediaSecurity(secure, proposal)

    def _agreed(self, media: Media, place: Place | None, grouping: Grouping) -> MediaSecurity:
        keys = self.keys[media.index]
        if isinstance(keys, Handshake):
            end = self._endpoint(keys.setup, keys, media, grouping)
            return MediaSecurity(True, (), _transport(end, keys.profile, place))
        lines: tuple[Crypto, ...] = (keys.line,) if keys is not None else ()
        if self.bridged(media.index):
            profile = media.line.protocol.encode("latin-1")
            return MediaSecurity(media.is_secure, lines, Transport(profile))
        # Some answer RTP/AVP where RTP/AVPF was offered; RFC 3264 section 6 forbids that, and the
        # offerer need not know of it.
        return MediaSecurity(media.is_secure, lines, feedback=media.has_feedback)

    def _endpoint(
        self, setup: bytes, leg: Handshake | Invitation, media: Media, grouping: Grouping
    ) -> Endpoint:
        if self.fingerprint is None:
            raise ValueError("an engine without a certificate shakes no hands")
        grouped = media.index in grouping.indices
        extension = grouping.mid_extension if grouped else 0
        return Endpoint(self.fingerprint, setup, leg.mid, leg.ours, grouped, extension)


def _told(ours: Media, theirs: Media, found: Outcome) -> OtherFormats | None:
    """The formats of an answer's m= line that the offerer reads."""
    if found.pair is None or found.foreign is not None:
        return None if found.kept is None else OtherFormats(found.kept)
    codec = found.pair[0]
    said = msgspec.structs.replace(codec, parameters=CODECS[codec.name.lower()].parameters)
    formats = (said, *helpers(ours, theirs, codec))
    return OtherFormats(frozenset(), formats, packets=False)


def _transport(end: Endpoint, profile: str, place: Place | None) -> Transport:
    """An m= line without a place of ours is rejected, and says nothing of the transport."""
    written = profile.encode("latin-1")
    if place is None:
        return Transport(written)
    return end.transport(written, place.address, place.port)


def _of_group(before: list[Agreement | None], group: tuple[int, ...]) -> list[Agreement | None]:
    """What has protected each section; those of a group share what any of them has had."""
    had = (before[index] for index in group)
    shared = next((one for one in had if isinstance(one, Handshake)), None)
    return [shared if index in group else one for index, one in enumerate(before)]


def _sharing(
    keys: tuple[Agreement | None, ...], media: Sequence[Media], group: tuple[int, ...]
) -> tuple[Agreement | None, ...]:
    """The agreements, with the transport of a group's first section in all of it."""
    first = keys[group[0]] if group else None
    if not isinstance(first, Handshake):
        return keys
    return tuple(
        replace(first, mid=one.mid, profile=own.profile)
        if one.index in group and isinstance(own, Handshake)
        else own
        for one, own in zip(media, keys, strict=True)
    )


def _with_own_mids(
    lines: tuple[Proposal, ...], before: list[Agreement | None]
) -> tuple[Proposal, ...]:
    """The proposals, with other names for new sections where the leg's peer has used ours."""
    taken = {one.mid for one in before if isinstance(one, Handshake)}
    return tuple(
        replace(line, mid=b"m%d" % index)
        if isinstance(line, Invitation) and known is None and line.mid in taken
        else line
        for index, (line, known) in enumerate(zip(lines, before, strict=True))
    )


def _has_mid(line: Proposal) -> bool:
    return isinstance(line, Invitation) and len(line.mid) <= MAX_MID
