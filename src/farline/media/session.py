"""One media session: what its two sides said, and what the relay is told because of it.

No sockets and no clock: the relay is given, and its calls return at once. The rules are those of
RFC 3264. What a re-offer would change takes effect with its answer, so a re-offer that is rejected
leaves the call as it was (section 8); only streams that nobody has answered yet take it at once,
for early media.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from farline.media import music as music_rules
from farline.media import recorders
from farline.media.agreeing import added, agree_on_codecs
from farline.media.engine import patience
from farline.media.errors import SessionError
from farline.media.handshake import Handshake
from farline.media.negotiation import Negotiation, Place
from farline.media.opening import close_stream, open_streams
from farline.media.sharing import Sharing
from farline.media.stream import check_side
from farline.media.telling import Telling
from farline.sdp import MediaPorts, SdpError, rewrite, unfolded

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from farline.media.bundle import Bundle
    from farline.media.engine import Side
    from farline.media.music import Studio
    from farline.media.relay_control import RelayControl
    from farline.media.security import Agreement, Draw
    from farline.media.stream import Stream
    from farline.media.subscription import Subscription
    from farline.sdp import Description, Fingerprint, Media, MediaSecurity


MID_EXTENSION: Final = 1
"""The identifier that we offer for the MID's header extension."""


@dataclass(slots=True)
class MediaSession:
    """Offer and answer of one session against a relay."""

    name: str
    relay: RelayControl
    addresses: Mapping[str, str]
    """The address that SDP shows for each media interface."""
    draw: Draw
    sides: list[Side]
    """0 is the sender of the first offer."""
    fingerprint: Fingerprint | None = None
    """Of our certificate; None: DTLS is not served."""
    streams: dict[int, Stream] = field(default_factory=dict)
    """The live stream of each m= line."""
    fresh: dict[int, Stream] = field(default_factory=dict)
    """Opened by an offer, by m= line, and to take over with its answer."""
    bundles: list[Bundle | None] = field(default_factory=lambda: [None, None])
    """What each side's streams share."""
    resting: list[Stream] = field(default_factory=list)
    """Streams whose m= line is gone, and whose transport others share."""
    opened: int = 0
    """Streams opened so far: the relay's number of the next."""
    offered: Negotiation | None = None
    held: bool = False
    """Silence is not reported."""
    studio: Studio | None = None
    """For recordings and music; None: there are none here."""
    subscription: Subscription | None = None
    """The recording server that gets copies."""
    telling: Telling = field(init=False)
    sharing: Sharing = field(init=False)

    def __post_init__(self) -> None:
        self.telling = Telling(self.name, self.relay, self.bundles, self.studio)
        self.sharing = Sharing(self.telling, self.streams, self.resting, self.bundles)

    def offer(self, description: Description, sender: Side, receiver: Side) -> bytes:
        """Take an offer, and return it as the receiver is to see it.

        Raises SdpError, SessionError, and RelayError where ports run out; the call then goes on
        as it was.
        """
        offerer = self._index(sender, receiver)
        if sender.encryption != "off":
            description = unfolded(description)
        if len(description.media) < self._lines:
            raise SdpError(0, "the offer has fewer m= lines than the session (RFC 3264 section 8)")
        offered = self._negotiate(description, offerer, sender, receiver)
        open_streams(self, description)
        more = added(self, description, 1 - offerer, receiver)
        if more:
            offered = replace(offered, added=more)
        self.offered = offered
        self.sides[offerer], self.sides[1 - offerer] = sender, receiver
        widened = offered.widened
        for media in description.media:
            stream = self.newest(media.index)
            if stream is not None and not stream.answered:
                self.telling.protect(stream, offerer, offered.keys[media.index])
                self.telling.propose(stream, 1 - offerer, offered.lines[media.index])
                self.telling.signal(stream, offerer, media, sender)
                self.telling.signal(stream, 1 - offerer, None, receiver)
                if stream.rtp:
                    wide = widened.media[media.index].formats
                    self.telling.describe(stream, 1 - offerer, wide, wide)
        if self.fresh and not self.streams:
            self._hold(True)  # ringing may take longer than silence is allowed to
        places = self._places(description, 1 - offerer)
        shown = self._shown(widened, 1 - offerer, places, offered.shown_offer(places))
        return music_rules.offered(description, shown) if receiver.music else shown

    def answer(self, description: Description, sender: Side, receiver: Side) -> bytes:
        """Take the answer to the last offer, and return it as the offerer is to see it.

        A second answer to the same offer (183, then 200) counts like the first. Raises SdpError,
        SessionError.
        """
        answerer = self._index(sender, receiver)
        if self.offered is None or self.offered.offerer == answerer:
            raise SessionError("an answer without an offer from the other side")
        offer = self.offered.description
        if self.offered.ended:
            description = unfolded(description)
        if len(description.media) != len(offer.media):
            raise SdpError(0, "the answer has not as many m= lines as the offer (RFC 3264 6)")
        keys = self.offered.answered(description, sender)
        self.sides[answerer], self.sides[1 - answerer] = sender, receiver
        standing = frozenset(one.number for one in self.streams.values())
        for ours, theirs in zip(offer.media, description.media, strict=True):
            agreed = (self.offered.keys[ours.index], keys[ours.index])
            self._settle(ours, theirs, answerer, agreed)
        told = self.offered.told(description)
        agree_on_codecs(self, self.offered, description, told)
        grouping = self.sharing.offerer(self.offered, description, standing)
        for index in self.sharing.homeless(self.offered, grouping):
            close_stream(self, self.streams, index)
        self.sharing.answerer(self.offered, description)
        self.sharing.close_resting()
        idle = not self.streams or offer.on_hold or description.on_hold
        self._hold(idle)
        recorders.record(self)
        places = self._places(description, 1 - answerer)
        security = self.offered.shown_answer(description, places, grouping)
        shown = self._shown(told, 1 - answerer, places, security)
        music = (bool(sender.music), bool(receiver.music))
        return music_rules.answered(offer, description, shown, music)

    def dial(self, side: str, digit: str, duration_ms: int) -> None:
        """Put a digit into the streams towards a side. Raises SessionError."""
        names = [one.name for one in self.sides]
        if side not in names:
            raise SessionError(f"the sides of this session are {names[0]} and {names[1]}")
        self.relay.dial(self.name, names.index(side), digit, duration_ms)

    def resume(self) -> None:
        """Give the relay what that of the process before this one had been told.

        Every relay call by which `offer` and `answer` set something is here too. Raises RelayError.
        """
        streams = (*self.streams.values(), *self.fresh.values(), *self.resting)
        for stream in streams:
            known = (stream.interfaces, stream.rtp, stream.ports)
            self.relay.reopen(self.name, stream.number, *known)
            self.telling.again(stream)
            if stream.rtp and stream.answered:
                self._withhold(stream)
        for side, bundle in enumerate(self.bundles):
            if bundle is not None:
                self.telling.bundle(bundle, side)
        for stream in streams:
            self.relay.resume(self.name, stream.number)
        if self.streams or self.fresh:
            self._hold(self.held)
        recorders.record(self)

    def stream_indices(self) -> dict[int, int]:
        """The m= line of each of the relay's stream numbers."""
        known = (*self.fresh.items(), *self.streams.items())
        return {stream.number: index for index, stream in known}

    def newest(self, index: int) -> Stream | None:
        """The stream of an m= line that was opened last; None: there is none."""
        return self.fresh.get(index) or self.streams.get(index)

    @property
    def _lines(self) -> int:
        """How many m= lines the session has had."""
        return max([*self.streams, *self.fresh], default=-1) + 1

    def _index(self, sender: Side, receiver: Side) -> int:
        """Which side the sender is; both must be the session's, on the interfaces that it has."""
        names = (self.sides[0].name, self.sides[1].name)
        index = 0 if sender.name == names[0] else 1
        if (sender.name, receiver.name) != (names[index], names[1 - index]) or len({*names}) < 2:
            raise SessionError(f"the sides of this session are {names[0]} and {names[1]}")
        for known, given in ((self.sides[index], sender), (self.sides[1 - index], receiver)):
            if known.interface != given.interface:
                raise SessionError(f"side {known.name} is on media interface {known.interface}")
            check_side(given)
        return index

    def _negotiate(
        self, description: Description, offerer: int, sender: Side, receiver: Side
    ) -> Negotiation:
        """What an offer makes of encryption on both legs; nothing changes yet."""
        newest = [self.newest(media.index) for media in description.media]
        before = [
            (stream.keys[offerer], stream.keys[1 - offerer]) if stream is not None else (None, None)
            for stream in newest
        ]
        sides = (sender, receiver)
        bundle = self.bundles[1 - offerer]
        extension = (bundle.mid_extension if bundle is not None else 0) or MID_EXTENSION
        return Negotiation.begin(
            description, offerer, sides, before, self.draw, self.fingerprint, extension
        )

    def _settle(
        self,
        ours: Media,
        theirs: Media,
        answerer: int,
        keys: tuple[Agreement | None, Agreement | None],
    ) -> None:
        """Put one m= line into force; `keys` are the offerer's and the answerer's."""
        index = ours.index
        fresh = self.fresh.pop(index, None)
        if fresh is not None:
            close_stream(self, self.streams, index)
            self.streams[index] = fresh
        stream = self.streams.get(index)
        if stream is None:
            return
        if ours.rejected or theirs.rejected:
            close_stream(self, self.streams, index)
            return
        stream.answered = True
        self.telling.protect(stream, 1 - answerer, keys[0])
        self.telling.protect(stream, answerer, keys[1])
        for side, said, agreed in ((1 - answerer, ours, keys[0]), (answerer, theirs, keys[1])):
            muxed = self._muxed(ours, theirs, agreed)
            self.telling.signal(stream, side, said, self.sides[side], muxed=muxed)
        if stream.rtp:
            self._withhold(stream)
            music_rules.play(self, stream, (ours, theirs) if answerer else (theirs, ours))

    def _withhold(self, stream: Stream) -> None:
        """Keep telephone-events from the sides that hear of digits otherwise."""
        for side, wanted in enumerate(self.sides):
            withheld = not wanted.events
            if withheld != stream.withheld[side]:
                stream.withheld[side] = withheld
                self.relay.withhold(self.name, stream.number, side, withheld)

    def _hold(self, held: bool) -> None:
        self.held = held
        self.relay.hold(self.name, held, patience(*self.sides) * 1000)

    def _muxed(self, ours: Media, theirs: Media, agreed: Agreement | None) -> bool:
        """Whether RTCP shares the RTP port of a leg.

        With DTLS it does, beside a leg with DTLS it does not; else as both peers agree.
        """
        if isinstance(agreed, Handshake):
            return True
        if not (ours.rtcp_mux and theirs.rtcp_mux):
            return False
        return self.offered is None or not self.offered.bridged(ours.index)

    def _places(self, description: Description, side: int) -> list[Place | None]:
        """Where our ends of the m= lines are, on one side."""
        address = self.addresses[self.sides[side].interface]
        places: list[Place | None] = []
        for media in description.media:
            stream = self.newest(media.index)
            places.append(
                None if stream is None else Place(address, self.sharing.port(stream, side))
            )
        return places

    def _shown(
        self,
        description: Description,
        side: int,
        places: Sequence[Place | None],
        security: Sequence[MediaSecurity | None],
    ) -> bytes:
        """The description with our ports, and our keys, on that side."""
        ports = [None if one is None else MediaPorts(one.port, one.port + 1) for one in places]
        address = self.addresses[self.sides[side].interface]
        return rewrite(description, address, ports, security)
