"""The streams of one side of a session that share a transport (RFC 9143). Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farline.media.handshake import Handshake

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from farline.media.stream import Stream
    from farline.sdp import Description


@dataclass(frozen=True, slots=True)
class Member:
    """A stream on a shared transport."""

    stream: int
    """The relay's number of it."""
    mid: bytes
    payload_types: tuple[int, ...]
    """What the peer may send there."""
    sources: tuple[int, ...]
    """The SSRCs that the peer says it sends."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """A shared transport: that of one stream, which may be no member any more."""

    carrier: int
    """The relay's number of the stream."""
    mid_extension: int
    """The identifier of the MID's header extension; 0: not agreed."""
    members: tuple[Member, ...]

    def carries(self, stream: int) -> bool:
        """Whether a stream's packets go by the transport of another."""
        return stream != self.carrier and self.has(stream)

    def has(self, stream: int) -> bool:
        """Whether a stream is a member."""
        return any(one.stream == stream for one in self.members)

    @property
    def is_shared(self) -> bool:
        """Whether the carrier is needed by another stream than itself."""
        return any(one.stream != self.carrier for one in self.members)


def make_bundle(
    streams: Sequence[tuple[int, Stream]],
    side: int,
    said: Description,
    before: Bundle | None,
    standing: frozenset[int],
) -> Bundle | None:
    """What the streams (with their m= lines) share on a side; None: each has its own transport.

    `said`: that side's description. `standing`: numbers of streams that had a transport before: one
    of them goes on, so that nobody has to shake hands again.
    """
    if not streams:
        return None
    had = [one for _, one in streams if one.number in standing]
    first = had[0] if had else streams[0][1]
    known = before is not None and (before.has(first.number) or before.carrier == first.number)
    carrier = before.carrier if before is not None and known else first.number
    extensions = {said.media[index].mid_extension for index, _ in streams}
    extension = extensions.pop() if len(extensions) == 1 else 0
    members = tuple(_member(one, side, said.media[index].sources) for index, one in streams)
    bundle = Bundle(carrier, extension, members)
    return bundle if bundle.is_shared else None


def shared_streams(
    group: Sequence[int], streams: Mapping[int, Stream], side: int
) -> list[tuple[int, Stream]]:
    """The live streams of a group that shake hands on a side, with their m= lines."""
    live = [(index, streams[index]) for index in group if index in streams]
    return [(index, one) for index, one in live if isinstance(one.keys[side], Handshake)]


def _member(stream: Stream, side: int, sources: tuple[int, ...]) -> Member:
    keys = stream.keys[side]
    mid = keys.mid if isinstance(keys, Handshake) else b""
    types = tuple(number for number, _, _ in stream.formats[side])
    return Member(stream.number, mid, types, sources)
