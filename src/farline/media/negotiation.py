"""One offer and its answer, as far as keys are concerned (RFC 4568 section 7.1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farline.media.security import accept_answer, accept_offer, make_offer
from farline.sdp import MediaSecurity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from farline.media.engine import Side
    from farline.media.security import Draw, Keys
    from farline.sdp import Crypto, Description

    Before = tuple[Keys | None, Keys | None]
    """The keys of an m= line's two legs so far: the offerer's and the other's."""


@dataclass(frozen=True, slots=True)
class Negotiation:
    """The offer that waits for, or last had, an answer."""

    description: Description
    offerer: int
    ended: bool
    """We are a party to encryption; where both legs are off, we leave it alone."""
    keys: tuple[Keys | None, ...]
    """What protects the offerer's leg of each m= line."""
    lines: tuple[tuple[Crypto, ...], ...]
    """What is offered to the other leg."""
    secure: tuple[bool, ...]
    """Whether it is offered as RTP/SAVP: by the rule, or because that leg has spoken of it so."""

    @classmethod
    def begin(
        cls,
        description: Description,
        offerer: int,
        sides: tuple[Side, Side],
        before: Sequence[Before],
        draw: Draw,
    ) -> Negotiation:
        """Take an offer from the first of `sides`; raises EncryptionError by its rule."""
        rules = tuple(side.encryption for side in sides)
        media = description.media
        if rules == ("off", "off"):
            nothing = ((),) * len(media)
            plain = (False,) * len(media)
            return cls(description, offerer, False, (None,) * len(media), nothing, plain)
        pairs = list(zip(media, before, strict=True))
        keys = tuple(accept_offer(rules[0], one, known[0], draw) for one, known in pairs)
        lines = tuple(make_offer(rules[1], one, known[1], draw) for one, known in pairs)
        secure = tuple(
            rules[1] == "required" or (known[1] is not None and known[1].secure_profile)
            for _, known in pairs
        )
        return cls(description, offerer, True, keys, lines, secure)

    def shown_offer(self) -> list[MediaSecurity | None]:
        """What the other leg reads of encryption; empty: what the offerer wrote."""
        if not self.ended:
            return []
        shown = zip(self.description.media, self.secure, self.lines, strict=True)
        return [
            MediaSecurity(secure, lines) if one.is_rtp else None for one, secure, lines in shown
        ]

    def answered(self, description: Description, sender: Side) -> tuple[Keys | None, ...]:
        """The keys of the answerer's leg of each m= line; raises EncryptionError."""
        if not self.ended:
            return (None,) * len(self.lines)
        pairs = zip(description.media, self.lines, strict=True)
        return tuple(accept_answer(sender.encryption, one, lines) for one, lines in pairs)

    def shown_answer(self) -> list[MediaSecurity | None]:
        """What the offerer reads of encryption in the answer: its own profile, and our key."""
        if not self.ended:
            return []
        shown = zip(self.description.media, self.keys, strict=True)
        return [
            MediaSecurity(one.is_secure, (keys.line,) if keys is not None else ())
            if one.is_rtp
            else None
            for one, keys in shown
        ]
