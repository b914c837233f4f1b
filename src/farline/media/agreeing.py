"""What an answer makes of the codecs of a session: what the relay is told of payload types."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline.media.transcoding import additions, voices

if TYPE_CHECKING:
    from farline.media.engine import Side
    from farline.media.negotiation import Negotiation
    from farline.media.session import MediaSession
    from farline.sdp import Description, Format


def added(
    session: MediaSession, description: Description, side: int, receiver: Side
) -> tuple[tuple[Format, ...], ...]:
    """What is added to an offer on its way to a side, by m= line; empty: nothing."""
    known = [session.streams.get(media.index) for media in description.media]
    got = [None if one is None or one.voices is None else one.voices[side] for one in known]
    if not receiver.transcoding and not any(got):
        return ()
    pairs = zip(description.media, got, strict=True)
    return tuple(additions(media, receiver.transcoding, one) for media, one in pairs)


def agree_on_codecs(
    session: MediaSession, offered: Negotiation, answer: Description, told: Description
) -> None:
    """Tell the relay what each side sends and gets from now on; `told`: what the offerer reads."""
    offerer, widened = offered.offerer, offered.widened
    for found, theirs in zip(offered.outcomes(answer), answer.media, strict=True):
        index = theirs.index
        stream, ours = session.streams.get(index), offered.description.media[index]
        if stream is None or not stream.rtp:
            continue
        mine, other = ours.formats, theirs.formats
        shown = mine if widened is offered.description else widened.media[index].formats
        read = other if told is answer else told.media[index].formats
        session.telling.describe(stream, offerer, read, mine)
        session.telling.describe(stream, 1 - offerer, shown, other)
        made = voices(found, (ours, theirs), 1 - offerer, stream.voices, session.draw)
        if made != stream.voices:
            stream.voices = made
            session.relay.transcode(session.name, stream.number, made)
