"""SDP (RFC 8866) as an offer/answer middlebox needs it: read it, put other addresses in.

Nothing here resolves names, opens ports or keeps state. Lines not rewritten keep their bytes.
"""

from farline.sdp.crypto import KEY_LENGTHS, Crypto
from farline.sdp.description import Description, Direction, Media
from farline.sdp.errors import SdpError
from farline.sdp.fields import Connection, Origin, Rtcp, ip_version
from farline.sdp.formats import Format
from farline.sdp.parse import MAX_LINE, MAX_MEDIA, MAX_SIZE, parse
from farline.sdp.rewrite import MediaPorts, MediaSecurity, rewrite

__all__ = [
    "KEY_LENGTHS",
    "MAX_LINE",
    "MAX_MEDIA",
    "MAX_SIZE",
    "Connection",
    "Crypto",
    "Description",
    "Direction",
    "Format",
    "Media",
    "MediaPorts",
    "MediaSecurity",
    "Origin",
    "Rtcp",
    "SdpError",
    "ip_version",
    "parse",
    "rewrite",
]
