"""Replacing how the packets of an m= section travel, where one of two legs is a browser's.

What a browser writes of ICE, DTLS, BUNDLE and header extensions concerns its transport, which ends
here; the other leg gets none of it, and reads a plain profile instead.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from farline.sdp.bundle import MID_EXTENSION
from farline.sdp.fields import address_type

if TYPE_CHECKING:
    from farline.sdp.description import Line
    from farline.sdp.dtls import Fingerprint, IceCredentials

HOST_PRIORITY: Final = 2130706431
"""Of the one host candidate (RFC 8445 section 5.1.2: type 126, local 65535, component 1)."""

_PROFILE = re.compile(rb"(?<=\s)\S*RTP/S?AVPF?(?=\s)", re.IGNORECASE)
_NAMES: Final = frozenset(
    b"crypto fingerprint setup tls-id zrtp-hash key-mgmt identity "
    b"ice-ufrag ice-pwd ice-options ice-lite ice-pacing ice-mismatch "
    b"candidate end-of-candidates remote-candidates "
    b"rtcp rtcp-mux rtcp-mux-only mid group bundle-only "
    b"msid msid-semantic ssrc ssrc-group extmap extmap-allow-mixed rid simulcast".split()
)
_FEEDBACK_BY_EXTENSION = (b"transport-cc", b"goog-remb")
"""RTCP feedback that works with header extensions only."""


class Transport(NamedTuple):
    """How an m= section's packets are to travel, in its own words."""

    profile: bytes
    lines: tuple[bytes, ...] = ()
    """Values of a= lines."""
    bundled: bytes = b""
    """The a=mid to name in a=group:BUNDLE; empty: it shares its transport with nobody."""
    lite: bool = False
    """ICE is spoken, by us in its lite role."""


class Endpoint(NamedTuple):
    """Our end of a section with DTLS."""

    fingerprint: Fingerprint
    setup: bytes
    mid: bytes
    ice: IceCredentials | None
    grouped: bool = False
    """It is in the BUNDLE group."""
    mid_extension: int = 0
    """The identifier of the MID's header extension; 0: none."""

    def transport(self, profile: bytes, address: str, port: int) -> Transport:
        """What to write of it.

        Sections that share a transport say the same of it each, as browsers do: not all that read
        them look into the tagged one (aiortc takes the candidates of the last).
        """
        lines = [b"mid:" + self.mid] if self.mid else []
        if self.mid_extension:
            lines.append(b"extmap:%d %b" % (self.mid_extension, MID_EXTENSION))
        lines += [b"rtcp-mux", b"setup:" + self.setup, self.fingerprint.to_bytes()]
        if self.ice is not None:
            candidate = f"candidate:1 1 udp {HOST_PRIORITY} {address} {port} typ host"
            lines += [*self.ice.lines(), candidate.encode(), b"end-of-candidates"]
        bundled = self.mid if self.grouped else b""
        return Transport(profile, tuple(lines), bundled, self.ice is not None)


def belongs_to_transport(line: Line) -> bool:
    """Whether an a= line speaks of the transport, and not of what is carried."""
    if line.kind != b"a":
        return False
    name, _, value = line.value.partition(b":")
    return name.strip().lower() in _NAMES or (
        name == b"rtcp-fb" and any(word in value for word in _FEEDBACK_BY_EXTENSION)
    )


def with_profile(line: Line, profile: bytes) -> Line:
    """An m= line with another profile."""
    if line.kind != b"m":
        return line
    return line._replace(value=_PROFILE.sub(profile, line.value, count=1))


def with_address(line: Line, address: str) -> Line:
    """A c= line of ours: before ICE has candidates, browsers write the null address."""
    if line.kind != b"c":
        return line
    return line._replace(value=f"IN {address_type(address)} {address}".encode("ascii"))


def session_values(transports: list[Transport]) -> list[bytes]:
    """What the session part has to say of them."""
    mids = [one.bundled for one in transports if one.bundled]
    values = [b" ".join([b"group:BUNDLE", *mids])] if mids else []
    return [*values, b"ice-lite"] if any(one.lite for one in transports) else values
