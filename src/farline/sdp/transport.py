"""Replacing how the packets of an m= section travel, where one of two legs is a browser's.

What a browser writes of ICE, DTLS, BUNDLE and header extensions concerns its transport, which ends
here; the other leg gets none of it, and reads a plain profile instead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from farline.sdp.bundle import MID_EXTENSION

if TYPE_CHECKING:
    from farline.sdp.dtls import Fingerprint, IceCredentials

HOST_PRIORITY: Final = 2130706431
"""Of the one host candidate (RFC 8445 section 5.1.2: type 126, local 65535, component 1)."""


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


def session_values(transports: list[Transport]) -> list[bytes]:
    """What the session part has to say of them."""
    mids = [one.bundled for one in transports if one.bundled]
    values = [b" ".join([b"group:BUNDLE", *mids])] if mids else []
    return [*values, b"ice-lite"] if any(one.lite for one in transports) else values
