"""SDP (RFC 8866) as an offer/answer middlebox needs it: read it, put other addresses in.

Nothing here resolves names, opens ports or keeps state. Lines not rewritten keep their bytes.
"""

from farline.sdp.bundle import bundle_group, only_bundled, unfolded, without_clashes
from farline.sdp.codecs import OtherFormats, with_formats
from farline.sdp.crypto import KEY_LENGTHS, Crypto
from farline.sdp.description import Description, Direction, Media
from farline.sdp.dtls import Fingerprint, IceCredentials
from farline.sdp.errors import SdpError
from farline.sdp.fields import Connection, Origin, Rtcp, ip_version
from farline.sdp.formats import Format
from farline.sdp.parse import MAX_LINE, MAX_MEDIA, MAX_SIZE, parse
from farline.sdp.rewrite import MediaPorts, MediaSecurity, rewrite
from farline.sdp.transport import Endpoint, Transport

__all__ = [
    "KEY_LENGTHS",
    "MAX_LINE",
    "MAX_MEDIA",
    "MAX_SIZE",
    "Connection",
    "Crypto",
    "Description",
    "Direction",
    "Endpoint",
    "Fingerprint",
    "Format",
    "IceCredentials",
    "Media",
    "MediaPorts",
    "MediaSecurity",
    "Origin",
    "OtherFormats",
    "Rtcp",
    "SdpError",
    "Transport",
    "bundle_group",
    "ip_version",
    "only_bundled",
    "parse",
    "rewrite",
    "unfolded",
    "with_formats",
    "without_clashes",
]
