"""What the relay is told of the streams of a session.

What was told stands in the stream, so that another relay can be told it again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from msgspec.structs import replace

from farline.media.handshake import Handshake, Invitation
from farline.media.stream import Remote

if TYPE_CHECKING:
    from farline.media.bundle import Bundle
    from farline.media.engine import Side
    from farline.media.music import Studio
    from farline.media.relay_control import RelayControl
    from farline.media.security import Agreement, Proposal
    from farline.media.stream import Stream
    from farline.sdp import Format, IceCredentials, Media


@dataclass(slots=True)
class Telling:
    """Tells the relay of one session."""

    session: str
    relay: RelayControl
    bundles: list[Bundle | None]
    """The session's: what each side's streams share."""
    studio: Studio | None

    def again(self, stream: Stream) -> None:
        """All that a relay which has just reopened a stream is to know of it."""
        for side in (0, 1):
            if stream.ice[side] is not None and not self.carried(stream, side):
                self.ice(stream, side)
            self.keys(stream, side)
            self.remote(stream, side)
            if stream.formats[side]:
                self.formats(stream, side)
            if stream.music[side]:
                self.music(stream, side)
        if stream.voices is not None:
            self.relay.transcode(self.session, stream.number, stream.voices)

    def signal(
        self, stream: Stream, side: int, media: Media | None, known: Side, *, muxed: bool = False
    ) -> None:
        """What one side said (None: nothing yet), and what signaling knows of it besides."""
        before = stream.remotes[side]
        if media is None:
            remote = replace(before, source=known.signaling_source or None)
        else:
            remote = Remote.of(media, known, before, muxed=muxed)
        stream.remotes[side] = remote
        self.remote(stream, side)

    def remote(self, stream: Stream, side: int) -> None:
        """Where one side is."""
        remote = stream.remotes[side]
        self.relay.signal(
            self.session,
            stream.number,
            side,
            rtp=remote.rtp,
            rtcp=remote.rtcp,
            source=remote.source,
            muted=remote.muted,
            muxed=remote.muxed,
            confined=remote.confined,
        )

    def describe(
        self, stream: Stream, side: int, wanted: tuple[Format, ...], own: tuple[Format, ...]
    ) -> None:
        """What one side sends: what the other wants, by the other's numbers.

        Before the answer, and from peers that do not keep to it, packets have the side's own.
        """
        known = wanted if own is wanted else (*own, *wanted)
        formats = {one.payload_type: one for one in known}
        told = [(one.payload_type, one.name, one.clock) for one in formats.values()]
        if told != stream.formats[side]:
            other = stream.formats[1 - side]
            stream.formats[side] = other if told == other else told
            self.formats(stream, side)

    def formats(self, stream: Stream, side: int) -> None:
        """What one side's payload types mean."""
        self.relay.describe(self.session, stream.number, side, stream.formats[side])

    def propose(self, stream: Stream, side: int, offered: Proposal) -> None:
        """Nothing passes until a leg that is offered keys has answered; its checks are answered."""
        self.protect(stream, side, None, closed=bool(offered))
        if isinstance(offered, Invitation):
            self.speak_ice(stream, side, offered.ours)

    def protect(
        self, stream: Stream, side: int, keys: Agreement | None, *, closed: bool = False
    ) -> None:
        """What protects one side, where that has changed."""
        if not stream.rtp or (stream.keys[side], stream.closed[side]) == (keys, closed):
            return
        stream.keys[side], stream.closed[side] = keys, closed
        self.speak_ice(stream, side, keys.ours if isinstance(keys, Handshake) else None)
        self.keys(stream, side)

    def keys(self, stream: Stream, side: int) -> None:
        """What protects one side; the transport of a carried stream serves nobody."""
        keys, closed = stream.keys[side], stream.closed[side]
        if not stream.rtp:
            return
        if self.carried(stream, side):
            keys, closed = None, True  # its own transport serves nobody
        if isinstance(keys, Handshake):
            named = [(one.hash, one.digest) for one in keys.fingerprints]
            self.relay.shake(self.session, stream.number, side, named, active=keys.active)
            return
        told = None if keys is None else (keys.suite, keys.theirs, keys.ours)
        self.relay.protect(self.session, stream.number, side, told, closed=closed)

    def speak_ice(self, stream: Stream, side: int, ours: IceCredentials | None) -> None:
        """Our ICE credentials on one side, where they have changed."""
        if stream.ice[side] != ours:
            stream.ice[side] = ours
            self.ice(stream, side)

    def ice(self, stream: Stream, side: int) -> None:
        """Our ICE credentials on one side; a carried stream has none."""
        ours = None if self.carried(stream, side) else stream.ice[side]
        told = None if ours is None else (ours.fragment, ours.password)
        self.relay.ice(self.session, stream.number, side, told)

    def music(self, stream: Stream, side: int) -> None:
        """What one side hears while it is on hold."""
        name = stream.music[side]
        if self.studio is not None and (not name or self.studio.has_music(name)):
            self.relay.play(self.session, stream.number, side, name or None)

    def bundle(self, bundle: Bundle, side: int) -> None:
        """Which streams of one side share a transport."""
        members = [(m.stream, m.mid, m.payload_types, m.sources) for m in bundle.members]
        self.relay.bundle(self.session, bundle.carrier, side, bundle.mid_extension, members)

    def carried(self, stream: Stream, side: int) -> bool:
        """Whether a stream's packets go by another's transport on a side."""
        bundle = self.bundles[side]
        return bundle is not None and bundle.carries(stream.number)
