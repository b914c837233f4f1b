"""The transports that streams of a session share, as offer and answer make and end them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farline.media.bundle import make_bundle, shared_streams
from farline.media.negotiation import Grouping
from farline.media.stream import Remote
from farline.sdp import bundle_group, only_bundled, without_clashes

if TYPE_CHECKING:
    from farline.media.bundle import Bundle
    from farline.media.negotiation import Negotiation
    from farline.media.stream import Stream
    from farline.media.telling import Telling
    from farline.sdp import Description


@dataclass(slots=True)
class Sharing:
    """The shared transports of one session."""

    telling: Telling
    streams: dict[int, Stream]
    """The session's live streams, by m= line."""
    resting: list[Stream]
    """The session's streams whose m= line is gone, and whose transport others share."""
    bundles: list[Bundle | None]
    """What each side's streams share."""

    def close_resting(self) -> None:
        """Close what nobody shares any more."""
        carriers = {one.carrier for one in self.bundles if one is not None}
        for stream in [one for one in self.resting if one.number not in carriers]:
            self.resting.remove(stream)
            self.telling.relay.close(self.telling.session, stream.number)

    def rest(self, stream: Stream) -> None:
        """Its m= line is gone, but others share its transport."""
        self.resting.append(stream)
        for side in (0, 1):
            stream.remotes[side] = Remote(muted=True, muxed=stream.remotes[side].muxed)
            self.telling.remote(stream, side)

    def offerer(
        self, offered: Negotiation, answer: Description, standing: frozenset[int]
    ) -> Grouping:
        """Put into force what the offerer's leg shares; what it is told of that."""
        side = offered.offerer
        streams = shared_streams(bundle_group(offered.description), self.streams, side)
        fitting = without_clashes([answer.media[index] for index, _ in streams])
        streams = [(index, one) for index, one in streams if index in fitting]
        before = self.bundles[side]
        bundle = make_bundle(streams, side, offered.description, before, standing)
        self._share(side, bundle)
        indices = tuple(index for index, _ in streams)
        return Grouping(indices, bundle.mid_extension if bundle is not None else 0)

    def homeless(self, offered: Negotiation, grouping: Grouping) -> list[int]:
        """Sections that the offerer has only within its bundle, and that cannot be in it.

        The answer's payload types clash there; what has no port of its own is rejected (RFC 9143
        section 7.3.3).
        """
        media = offered.description.media
        group = bundle_group(offered.description)
        return [
            index
            for index in group
            if only_bundled(media[index], media[group[0]]) and index not in grouping.indices
        ]

    def answerer(self, offered: Negotiation, answer: Description) -> None:
        """Put into force what the answerer's leg shares: its first section's transport."""
        side = 1 - offered.offerer
        streams = shared_streams(offered.answered_group(answer), self.streams, side)
        before = self.bundles[side]
        self._share(side, make_bundle(streams, side, answer, before, frozenset()))

    def _share(self, side: int, bundle: Bundle | None) -> None:
        """Let the streams of a side share a transport, and no longer another."""
        before = self.bundles[side]
        if bundle is not None:
            self._renew_carrier(bundle, side)
        if bundle == before:
            return
        if before is not None and (bundle is None or bundle.carrier != before.carrier):
            self.telling.relay.bundle(self.telling.session, before.carrier, side, 0, ())
        self.bundles[side] = bundle
        for stream in self.streams.values():
            was = before is not None and before.carries(stream.number)
            if was != self.telling.carried(stream, side):
                self.telling.ice(stream, side)
                self.telling.keys(stream, side)
        if bundle is not None:
            self.telling.bundle(bundle, side)

    def _renew_carrier(self, bundle: Bundle, side: int) -> None:
        """A carrier without an m= line has what is agreed for those that it carries."""
        carrier = next((one for one in self.resting if one.number == bundle.carrier), None)
        member = next(one for one in self.streams.values() if bundle.has(one.number))
        if carrier is not None:
            self.telling.protect(carrier, side, member.keys[side])

    def port(self, stream: Stream, side: int) -> int:
        """Where a stream's packets come on a side."""
        bundle = self.bundles[side]
        if bundle is None or not bundle.carries(stream.number):
            return stream.ports[side]
        known = (*self.streams.values(), *self.resting)
        return next(one.ports[side] for one in known if one.number == bundle.carrier)
