"""Which codecs are added to an offer, and what an answer makes of them.

The sides of a stream share one and nothing is transcoded, or each gets a codec of its own and the
relay transcodes. Pure; the session calls it. An answer is matched with the offer as it came, and
only what was in that is shown to the offerer (RFC 3264 section 6.1).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from farline.sdp import Format

if TYPE_CHECKING:
    from collections.abc import Sequence

    from farline.media.security import Draw
    from farline.sdp import Media

CODECS: Final = {
    "opus": Format(96, "opus", 48000, 2, "useinbandfec=1"),
    "g722": Format(9, "G722", 8000),
    "pcma": Format(8, "PCMA", 8000),
    "pcmu": Format(0, "PCMU", 8000),
}
"""What the relay transcodes, as it is offered; Opus by a free payload type."""

_EVENTS: Final = "telephone-event"
_NOISE: Final = "cn"
_HELPERS: Final = frozenset({_EVENTS, _NOISE, "red", "ulpfec"})
_DYNAMIC: Final = range(96, 128)
_MOST_BITS: Final = 510_000


@dataclass(frozen=True, slots=True)
class Voice:
    """What one side of a transcoded stream gets, and the source that it comes from."""

    codec: str
    """By SDP's name."""
    payload_type: int
    ptime: int | None
    """Milliseconds of speech in a packet; None: as the sender has them."""
    maxptime: int | None
    events: tuple[int, int] | None
    """Payload type and clock of telephone-events, where the side knows them."""
    noise: int | None
    """Payload type of comfort noise (RFC 3389), where both sides know it."""
    bitrate: int | None
    """Bits a second at most (Opus: maxaveragebitrate)."""
    fec: bool
    cbr: bool
    ssrc: int
    sequence: int
    """The first."""
    timestamp: int
    """The first."""
    wakes: tuple[int, ...] | None = None
    """Payload types of the other side with which transcoding begins, for the side can read others
    of its: none where it can read all. None: all is transcoded."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an answer makes of one m= line."""

    kept: frozenset[int] | None = None
    """Payload types of the answer that the offerer is shown; None: all."""
    pair: tuple[Format, Format] | None = None
    """The offerer's codec and the answerer's, where something is transcoded."""
    foreign: tuple[int, ...] | None = None
    """Payload types that the answerer may send besides shared ones, and the offerer cannot read;
    None: they share none."""


def additions(media: Media, names: Sequence[str], known: Voice | None) -> tuple[Format, ...]:
    """The formats that an offer's m= line gets on its way.

    `names`: what the receiver's leg may be offered, in lower case. `known`: what the receiver gets
    of this stream so far, which it must find again, by the same payload types (RFC 3264 8.3.2).
    """
    offered = media.formats
    if media.kind != "audio" or media.rejected or not any(_transcodable(one) for one in offered):
        return ()
    wanted = [CODECS[name] for name in names if name in CODECS]
    if known is not None:
        wanted = [CODECS[known.codec.lower()], *wanted]
    used = {int(one) for one in media.line.formats if one.isdigit() and len(one) <= 3}
    added: list[Format] = []

    def add(one: Format, number: int) -> None:
        if not any(one.same_codec(other) for other in (*offered, *added)):
            free = number if number not in used else next((n for n in _DYNAMIC if n not in used), 0)
            if free not in used:
                used.add(free)
                added.append(Format(free, one.name, one.clock, one.channels, one.parameters))

    for one in wanted:
        same = known is not None and known.codec.lower() == one.name.lower()
        add(one, known.payload_type if known is not None and same else one.payload_type)
    if any(one.name.lower() == _EVENTS for one in offered):
        before = known.events if known is not None else None
        for clock in dict.fromkeys(one.clock for one in added):
            number = before[0] if before is not None and before[1] == clock else _DYNAMIC[5]
            add(Format(0, _EVENTS, clock, 1, "0-15"), number)
    return tuple(added)


def outcome(ours: Media, theirs: Media, added: Sequence[Format]) -> Outcome:
    """What the answer `theirs` makes of the m= line `ours` that was offered with some `added`."""
    if not added or theirs.rejected:
        return Outcome()
    shared = [one for one in theirs.formats if any(one.same_codec(own) for own in ours.formats)]
    if any(one.name.lower() not in _HELPERS for one in shared):
        if len(shared) == len(theirs.formats):
            return Outcome()
        return _shared_and_more(ours, theirs, added, shared)
    one = next(filter(_transcodable, ours.formats), None)
    other = next(filter(_transcodable, theirs.formats), None)
    if one is None or other is None:
        return Outcome()
    return Outcome(frozenset(), (one, other))


def _shared_and_more(
    ours: Media, theirs: Media, added: Sequence[Format], shared: Sequence[Format]
) -> Outcome:
    """An answer of shared codecs and added ones: its sender may send any of them, at any time.

    Who keeps to RFC 3264 section 6.1 sends a shared one, and is passed on. Should an added one
    come, the offerer hears it in its own best codec, a shared one first.
    """
    kept = frozenset(one.payload_type for one in shared)
    more = [one for one in theirs.formats if _transcodable(one) and one not in shared]
    # By the number that it was offered; some use the number of their own answer.
    numbers = [one.payload_type for one in (*added, *more) if any(map(one.same_codec, more))]
    known = {one.payload_type for one in ours.formats}
    foreign = tuple(number for number in dict.fromkeys(numbers) if number not in known)
    readable = sorted(
        filter(_transcodable, ours.formats),
        key=lambda one: not any(one.same_codec(other) for other in theirs.formats),
    )
    if not foreign or not readable:
        return Outcome(kept)
    return Outcome(kept, (readable[0], more[0]), foreign)


def helpers(ours: Media, theirs: Media, codec: Format) -> tuple[Format, ...]:
    """What is written beside a codec that is answered for another.

    Events and comfort noise, where the other side knows them too.
    """
    found = []
    for name in (_EVENTS, _NOISE):
        own = _helper(ours, name, codec)
        if own is not None and _helper(theirs, name, codec) is not None:
            found.append(own)
    return tuple(found)


def voices(
    found: Outcome,
    said: tuple[Media, Media],
    answerer: int,
    before: tuple[Voice, Voice] | None,
    draw: Draw,
) -> tuple[Voice, Voice] | None:
    """What each side of the session gets; None: nothing is transcoded.

    `said`: the m= line of the offer, and that of the answer. `answerer`: its side, 0 or 1. Sources
    of ours that are there go on.
    """
    if found.pair is None:
        return None
    if before is None:
        sources = [_draw_source(draw), _draw_source(draw)]
    else:
        sources = [(one.ssrc, one.sequence, one.timestamp) for one in before]
    if answerer == 0:
        sources.reverse()
    ours, theirs = said
    offerer = _voice(found.pair[0], ours, theirs, sources[0], found.foreign)
    other = _voice(found.pair[1], theirs, ours, sources[1], None if found.foreign is None else ())
    return (offerer, other) if answerer == 1 else (other, offerer)


def _voice(
    codec: Format,
    said: Media,
    other: Media,
    source: tuple[int, int, int],
    wakes: tuple[int, ...] | None,
) -> Voice:
    """What a side gets by its own description, beside that of the other side."""
    parameters = {
        name.strip().lower(): value.strip()
        for name, _, value in (one.partition("=") for one in codec.parameters.split(";"))
    }
    events, noise = _helper(said, _EVENTS, codec), _helper(said, _NOISE, codec)
    if _helper(other, _NOISE, codec) is None:
        noise = None
    return Voice(
        codec=codec.name,
        payload_type=codec.payload_type,
        ptime=_number(said, b"ptime:", 1000),
        maxptime=_number(said, b"maxptime:", 1000),
        events=None if events is None else (events.payload_type, events.clock),
        noise=None if noise is None else noise.payload_type,
        bitrate=_bounded(parameters.get("maxaveragebitrate", ""), _MOST_BITS),
        fec=parameters.get("useinbandfec") == "1",
        cbr=parameters.get("cbr") == "1",
        ssrc=source[0],
        sequence=source[1],
        timestamp=source[2],
        wakes=wakes,
    )


def _draw_source(draw: Draw) -> tuple[int, int, int]:
    """SSRC, first sequence number and timestamp of a source of ours (RFC 3550 section 5.1)."""
    drawn = draw(10)
    return (
        int.from_bytes(drawn[:4], "big"),
        int.from_bytes(drawn[4:6], "big"),
        int.from_bytes(drawn[6:], "big"),
    )


def _transcodable(one: Format) -> bool:
    return one.name.lower() in CODECS


def _helper(media: Media, name: str, codec: Format) -> Format | None:
    """A helper of a codec: that of its clock, else the first."""
    found = [one for one in media.formats if one.name.lower() == name]
    fitting = [one for one in found if one.clock == codec.clock]
    return next(iter(fitting or found), None)


def _number(media: Media, name: bytes, most: int) -> int | None:
    values = (one[len(name) :] for one in media.attributes if one.startswith(name))
    return _bounded(next(values, b"").decode("latin-1").strip(), most)


def _bounded(text: str, most: int) -> int | None:
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        return None
    return min(int(text), most) or None
