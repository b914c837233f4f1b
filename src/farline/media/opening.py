"""The relay's streams behind the m= lines of a session: opened by offers, closed when they end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline._core import RelayError
from farline.media.stream import Stream

if TYPE_CHECKING:
    from farline.media.session import MediaSession
    from farline.sdp import Description, Media


def open_streams(session: MediaSession, offer: Description) -> None:
    """Open ports for what an offer brings; raises RelayError, and then nothing is open of it."""
    try:
        for media in offer.media:
            _open(session, media)
    except RelayError:
        for index in list(session.fresh):
            close_stream(session, session.fresh, index)
        raise


def close_stream(session: MediaSession, streams: dict[int, Stream], index: int) -> None:
    """Close the stream of an m= line, or let it rest where others share its transport."""
    stream = streams.pop(index, None)
    if stream is None:
        return
    if any(one and one.carrier == stream.number and one.is_shared for one in session.bundles):
        session.sharing.rest(stream)
    else:
        session.relay.close(session.name, stream.number)


def place_name(interface: str, traffic_class: int) -> str:
    """How the relay knows a media interface with another DS byte than its own."""
    return f"{interface}#{traffic_class}"


def _open(session: MediaSession, media: Media) -> None:
    """Open ports for an m= line that has none, or none for what it now carries."""
    newest = session.newest(media.index)
    wanted = not media.rejected and media.is_datagrams
    if wanted and newest is not None and newest.rtp == media.is_rtp:
        return
    close_stream(session, session.fresh, media.index)  # an earlier offer's, never answered
    live = session.streams.get(media.index)
    if not wanted or (live is not None and live.rtp == media.is_rtp):
        return
    number, session.opened = session.opened, session.opened + 1
    interfaces = (_place(session, 0, media.kind), _place(session, 1, media.kind))
    ports = session.relay.open(session.name, number, interfaces, media.is_rtp)
    session.fresh[media.index] = Stream(
        number=number,
        ports=ports,
        interfaces=interfaces,
        rtp=media.is_rtp,
        audio=media.is_rtp and media.kind == "audio",
    )


def _place(session: MediaSession, side: int, kind: str) -> str:
    """The relay's name for the interface of a side: its pool of ports with that DS byte."""
    known = session.sides[side]
    for named, traffic_class in known.classes:
        if named == kind:
            name = place_name(known.interface, traffic_class)
            return name if name in session.addresses else known.interface
    return known.interface
