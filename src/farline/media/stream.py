"""One stream (m= line) of a session as its two sides described it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from farline.sdp import ip_version

if TYPE_CHECKING:
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

    @classmethod
    def of(cls, media: Media, source: str | None, before: Remote, *, muxed: bool = False) -> Remote:
        """What an m= section says.

        The null address (old hold) mutes and leaves the address as it was before, so that the latch
        outlives the hold. A name instead of an address is not resolved: the first packet tells.
        """
        if media.null_address:
            return cls(before.rtp, before.rtcp, source, muted=True, muxed=muxed)
        return cls(_literal(media.rtp_address), _literal(media.rtcp_address), source, muxed=muxed)


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
    closed: list[bool] = field(default_factory=lambda: [False, False])
    """Sides at which nothing passes until the keys are agreed."""
    formats: list[list[tuple[int, str, int]]] = field(default_factory=lambda: [[], []])
    """What the payload types mean that each side sends: (number, encoding name, clock)."""
    voices: tuple[Voice, Voice] | None = None
    """What each side gets, where they share no codec."""
    ice: list[IceCredentials | None] = field(default_factory=lambda: [None, None])
    """Ours on each side; None: ICE is not spoken there."""
    remotes: list[Remote] = field(default_factory=lambda: [Remote(), Remote()])
