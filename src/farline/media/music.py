"""Hold: who hears music, and what the two peers read of it.

A side hears music while the other is not listening (it offered or answered a=sendonly, a=inactive
or the null address) and the side itself takes what comes. A peer that is to hear music where the
other said a=inactive reads a=sendonly: the music is ours, but it comes from where that peer is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from farline.sdp import Direction

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from farline.media.session import MediaSession
    from farline.media.stream import Stream
    from farline.sdp import Description, Media

_DIRECTION = re.compile(rb"(?m)^a=(sendrecv|sendonly|recvonly|inactive)[ \t]*\r?\n")
_SENDING = (Direction.SENDRECV, Direction.SENDONLY)
_LISTENING = (Direction.SENDRECV, Direction.RECVONLY)


@dataclass(frozen=True, slots=True)
class Studio:
    """What a media process has beside its relay."""

    new_file: Callable[[], str] | None
    """Names the next recording, without its ending; None: calls are not recorded."""
    has_music: Callable[[str], bool]
    """Whether a piece of that name can be played; one that was not used yet is loaded."""


def hears(side: Media, other: Media) -> bool:
    """Whether a side takes what comes while the other does not listen."""
    return other.on_hold and not side.null_address and side.direction in _LISTENING


def play(session: MediaSession, stream: Stream, said: tuple[Media, Media]) -> None:
    """Let the sides of a stream hear music that are on hold; `said`: what each side wrote."""
    stream.sends = [one.direction in _SENDING and not one.rejected for one in said]
    for side in (0, 1):
        music = session.sides[side].music
        if music and not hears(said[side], said[1 - side]):
            music = ""
        if stream.audio and music != stream.music[side]:
            stream.music[side] = music
            session.telling.music(stream, side)


def offered(offer: Description, shown: bytes) -> bytes:
    """An offer as who is to hear music reads it: a=inactive became a=sendonly."""
    quiet = [one.index for one in offer.media if one.direction is Direction.INACTIVE]
    return _directed(shown, quiet, b"sendonly")


def answered(
    offer: Description, answer: Description, shown: bytes, music: tuple[bool, bool]
) -> bytes:
    """An answer as its offerer reads it, in the terms of what the offerer wrote.

    `music`: whether the answerer, and the offerer, is to hear some while the other does not listen.
    """
    if not any(music):
        return shown
    pairs = list(zip(offer.media, answer.media, strict=True))
    back = [one.index for one, _ in pairs if music[0] and one.direction is Direction.INACTIVE]
    held = [
        one.index
        for one, other in pairs
        if music[1] and other.direction is Direction.INACTIVE and one.direction in _LISTENING
    ]
    return _directed(_directed(shown, back, b"inactive"), held, b"sendonly")


def _directed(sdp: bytes, streams: Collection[int], word: bytes) -> bytes:
    """The description with another direction of those streams."""
    if not streams:
        return sdp
    session, *sections = re.split(rb"(?m)^(?=m=)", sdp)
    for index in (one for one in streams if one < len(sections)):
        end = b"\r\n" if sections[index].endswith(b"\r\n") else b"\n"
        sections[index] = _DIRECTION.sub(b"", sections[index]) + b"a=" + word + end
    return session + b"".join(sections)
