"""The formats of an m= section: its payload types, and what a=rtpmap and a=fmtp say of them."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MAX_FORMATS: Final = 64
"""Most formats that are read of an m= section; phones write one to twenty."""

MAX_KEPT: Final = 2048
"""Longest list of formats that is remembered, in bytes."""

_RTPMAP = re.compile(
    rb"rtpmap:\s*([0-9]{1,3})\s+([A-Za-z0-9._+-]{1,64})/([0-9]{1,7})(?:/([0-9]{1,2}))?\Z"
)
_FMTP = re.compile(rb"fmtp:\s*([0-9]{1,3})\s+(.+)\Z")
_STATIC: Final = {
    0: ("PCMU", 8000),
    3: ("GSM", 8000),
    4: ("G723", 8000),
    8: ("PCMA", 8000),
    9: ("G722", 8000),
    13: ("CN", 8000),
    15: ("G728", 8000),
    18: ("G729", 8000),
}
"""RFC 3551 section 6, the audio that is still met."""


class Format(msgspec.Struct, frozen=True):
    """One format of RTP."""

    payload_type: int
    name: str
    """The encoding name as it was written; compared without regard to case (RFC 8866 6.6)."""
    clock: int
    """Units of the timestamps in a second."""
    channels: int = 1
    parameters: str = ""
    """What a=fmtp says."""

    def same_codec(self, other: Format) -> bool:
        """Whether two formats are one codec, whatever their payload types."""
        one = (self.name.lower(), self.clock, self.channels)
        return one == (other.name.lower(), other.clock, other.channels)


def read_formats(words: tuple[str, ...], attributes: Iterable[bytes]) -> tuple[Format, ...]:
    """The formats of an RTP m= line in its order; one that nothing is said of is left out."""
    said = tuple([one for one in attributes if one.startswith((b"rtpmap:", b"fmtp:"))])
    if sum(map(len, said)) + len(words) > MAX_KEPT:
        return _read(words, said)
    return _read_once(words, said)


def _read(words: Sequence[str], said: Sequence[bytes]) -> tuple[Format, ...]:
    """`said`: what a=rtpmap and a=fmtp say."""
    maps: dict[int, tuple[str, int, int]] = {}
    parameters: dict[int, str] = {}
    for attribute in said:
        if (found := _RTPMAP.match(attribute)) is not None:
            channels = int(found[4] or b"1")
            maps.setdefault(int(found[1]), (found[2].decode("ascii"), int(found[3]), channels))
        elif (found := _FMTP.match(attribute)) is not None:
            parameters.setdefault(int(found[1]), found[2].decode("latin-1"))
    formats = []
    for word in islice(words, MAX_FORMATS):
        number = int(word) if word.isascii() and word.isdigit() and len(word) <= 3 else 128
        if number in maps:
            name, clock, channels = maps[number]
        elif number in _STATIC:
            (name, clock), channels = _STATIC[number], 1
        else:
            continue
        if number < 128:
            formats.append(Format(number, name, clock, channels, parameters.get(number, "")))
    return tuple(formats)


_read_once = lru_cache(maxsize=512)(_read)
"""A site's phones are of a few kinds, and an offer's formats are asked for again by its answer."""
