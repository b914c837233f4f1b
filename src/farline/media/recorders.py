"""Who keeps a session's sound: the engine's own files, and a recording server (RFC 7866)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline.media.errors import SessionError
from farline.media.subscription import Subscription

if TYPE_CHECKING:
    from farline.media.engine import Side
    from farline.media.session import MediaSession
    from farline.media.stream import Stream
    from farline.sdp import Description


def subscribe(session: MediaSession, side: Side | None, first: str) -> bytes | None:
    """Copies for a recording server: what to offer to it. Raises SessionError, RelayError."""
    known = session.subscription
    if known is not None and (side is None or known.side != side):
        known.copy(None)
        session.relay.close(session.name, known.number)
        session.subscription = known = None
    if side is None:
        return None
    stream = _sound(session)
    if stream is None:
        raise SessionError("no sound has been agreed on yet")
    if known is None:
        known = session.subscription = _begin(session, side, first)
    if known.recorded is not None:
        known.copy(stream.number)
    formats = (_spoken(stream, 0), _spoken(stream, 1))
    return known.offer(formats, (stream.sends[0], stream.sends[1]), session.draw)


def subscribe_answer(session: MediaSession, description: Description) -> None:
    """Take the recording server's answer. Raises SdpError, SessionError."""
    stream = _sound(session)
    if session.subscription is None or stream is None:
        raise SessionError("an answer of a recording server that was offered nothing")
    session.subscription.answer(description)
    session.subscription.copy(stream.number)


def record(session: MediaSession) -> None:
    """Record the first stream of sound while the policy of a leg asks for it, no other."""
    studio = session.studio
    if studio is None or studio.new_file is None:
        return
    wanted = any(side.record for side in session.sides)
    sound = _sound(session)
    for stream in session.streams.values():
        recorded = wanted and stream is sound
        if recorded != stream.recorded:
            stream.recorded = recorded
            stem = studio.new_file() if recorded else None
            session.relay.record(session.name, stream.number, stem)


def _begin(session: MediaSession, side: Side, first: str) -> Subscription:
    """The stream of the copies."""
    if side.interface not in session.addresses:
        raise SessionError(f"no media interface is called {side.interface!r}")
    number, session.opened = session.opened, session.opened + 1
    ports = session.relay.open(session.name, number, (side.interface, side.interface), True)
    labels = ("1", "2") if session.sides[0].name == first else ("2", "1")
    address = session.addresses[side.interface]
    return Subscription(session.name, session.relay, side, address, number, ports, labels)


def _spoken(stream: Stream, side: int) -> list[tuple[int, str, int]]:
    """What a side sends: in a transcoded stream its own codec, not what was added to its offer."""
    known = stream.formats[side]
    if stream.voices is None or stream.voices[1 - side].wakes is not None:
        return known  # with the latter it may speak either
    own = {stream.voices[side].codec.lower(), "telephone-event", "cn"}
    return [one for one in known if one[1].lower() in own] or known


def _sound(session: MediaSession) -> Stream | None:
    """The first stream of sound that was agreed on: what is recorded."""
    live = (one for _, one in sorted(session.streams.items()))
    return next((one for one in live if one.audio and one.answered), None)
