"""SDP (RFC 8866) as an offer/answer middlebox needs it: read it, put other addresses in.

Nothing here resolves names, opens ports or keeps state. Lines not rewritten keep their bytes.
"""

from farline.sdp.description import Description, Direction, Media
from farline.sdp.errors import SdpError
from farline.sdp.fields import Connection, Origin, Rtcp
from farline.sdp.parse import MAX_LINE, MAX_MEDIA, MAX_SIZE, parse
from farline.sdp.rewrite import MediaPorts, rewrite

__all__ = [
    "MAX_LINE",
    "MAX_MEDIA",
    "MAX_SIZE",
    "Connection",
    "Description",
    "Direction",
    "Media",
    "MediaPorts",
    "Origin",
    "Rtcp",
    "SdpError",
    "parse",
    "rewrite",
]
