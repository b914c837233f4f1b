"""Reading a session description: bounded, tolerant of bare LF, strict about what is rewritten.

The core does it (rust/sdp).
"""

from __future__ import annotations

from typing import Final

from farline._core import MAX_SDP, MAX_SDP_LINE, MAX_SDP_MEDIA, SdpFault, read_sdp
from farline.sdp.description import Description, Direction, Media
from farline.sdp.errors import SdpError
from farline.sdp.fields import Connection, MediaLine, Origin, Rtcp

MAX_SIZE: Final = MAX_SDP
"""Largest description, in bytes. WebRTC offers with candidates reach 10 kB."""
MAX_LINE: Final = MAX_SDP_LINE
"""Longest line, in bytes without its letter and its end."""
MAX_MEDIA: Final = MAX_SDP_MEDIA
"""Most m= lines: each costs four ports. Browsers offer a handful."""

_DIRECTIONS: Final = {one.value: one for one in Direction}


def parse(data: bytes) -> Description:
    """Read a description; raises `SdpError` with the line at fault.

    Line ends may be LF alone (RFC 8866 section 5). v= must come first and o= second, as the RFC
    orders them; the order of the others is kept and not judged.
    """
    try:
        origin, address, shared, sections = read_sdp(data)
    except SdpFault as fault:
        raise SdpError(*fault.args) from None
    connection = None if address is None else Connection(address)
    media = tuple(
        Media(
            index,
            MediaLine(*line),
            connection if own is None else Connection(own),
            None if rtcp is None else Rtcp(*rtcp),
            muxed,
            _DIRECTIONS[direction],
            attributes,
            shared,
        )
        for index, (line, own, rtcp, muxed, direction, attributes) in enumerate(sections)
    )
    return Description(data, Origin(*origin), connection, media)
