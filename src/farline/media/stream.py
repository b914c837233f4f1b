"""One stream (m= line) of a session as its two sides described it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from farline.media.errors import SessionError
from farline.sdp import ip_version

if TYPE_CHECKING:
    from farline.media.engine import Side
    from farline.media.security import Agreement
    from farline.media.transcoding import Voice
    from farline.sdp import IceCredentials, Media

HostPort = tuple[str, int]


class Remote(msgspec.Struct, frozen=True):
    """Where one side is, as far as signaling says."""

    rtp: HostPort | None = None
    rtcp: HostPort | None = None
    source: str | None = None
    """Where its signaling comes from."""
    muted: bool = False
    muxed: bool = False
    """RTCP shares the RTP port, as both peers have agreed (RFC 5761)."""
    confined: bool = False
    """Until it has sent something it is sent nothing elsewhere than to `source` (`Side.reach`)."""

    @classmethod
    def of(cls, media: Media, side: Side, before: Remote, *, muxed: bool = False) -> Remote:
        """What an m= section says.

        The null address (old hold) mutes and leaves the address as it was before, so that the latch
        outlives the hold. A name instead of an address is not resolved: the first packet tells.
        """
        muted = media.null_address
        at = media.addresses
        rtp, rtcp = (before.rtp, before.rtcp) if muted else (_literal(at[0]), _literal(at[1]))
        confined = not all(side.reaches(at[0]) for at in (rtp, rtcp) if at is not None)
        return cls(rtp, rtcp, side.signaling_source or None, muted, muxed, confined)


def check_side(side: Side) -> None:
    """Raises SessionError where the signaling source, or a network of `reach`, is none.

    The source is an IP literal, or empty where only the SDP address may latch.
    """
    if side.signaling_source and not ip_version(side.signaling_source):
        raise SessionError(f"signaling source of side {side.name} is no IP address")
    for text in side.reach or ():
        address, _, length = text.partition("/")
        version = ip_version(address)
        longest = 128 if version == 6 else 32
        if not version or (length and not (length.isdecimal() and int(length) <= longest)):
            raise SessionError(f"reach of side {side.name} has {text!r}, which is no network")


def _literal(at: HostPort | None) -> HostPort | None:
    return at if at is not None and ip_version(at[0]) else None


@dataclass(slots=True)
class Stream:
    """A stream that the relay has open."""

    number: int
    """The relay's, unlike the m= line's index never used twice in a session."""
    ports: tuple[int, int]
    """Our RTP port on each side; RTCP is on the next."""
    interfaces: tuple[str, str]
    """The relay's name of the media interface of each side."""
    rtp: bool
    """RTP, or any datagrams (T.38 over UDPTL)."""
    audio: bool = False
    """It carries sound: what can be recorded."""
    recorded: bool = False
    sends: list[bool] = field(default_factory=lambda: [True, True])
    """Whether each side sends, as both have said last."""
    music: list[str] = field(default_factory=lambda: ["", ""])
    """What each side hears while it is on hold; empty: nothing."""
    answered: bool = False
    keys: list[Agreement | None] = field(default_factory=lambda: [None, None])
    """What each side agreed to; None: RTP in the clear, or not agreed yet."""
    withheld: list[bool] = field(default_factory=lambda: [False, False])
    """Sides that the relay keeps telephone-events from."""
    closed: list[bool] = field(default_factory=lambda: [False, False])
    """Sides at which nothing passes until the keys are agreed."""
    formats: list[list[tuple[int, str, int]]] = field(default_factory=lambda: [[], []])
    """What the payload types mean that each side sends: (number, encoding name, clock)."""
    voices: tuple[Voice, Voice] | None = None
    """What each side gets, where they share no codec."""
    ice: list[IceCredentials | None] = field(default_factory=lambda: [None, None])
    """Ours on each side; None: ICE is not spoken there."""
    remotes: list[Remote] = field(default_factory=lambda: [Remote(), Remote()])
