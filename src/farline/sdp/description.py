"""A session description: its lines, and what an offer/answer middlebox reads from them."""

from __future__ import annotations

import re
from enum import StrEnum
from itertools import islice
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from farline.sdp.bundle import MID_EXTENSION
from farline.sdp.crypto import MAX_CRYPTO, Crypto
from farline.sdp.dtls import MAX_FINGERPRINTS, Fingerprint, IceCredentials
from farline.sdp.fields import NULL_ADDRESSES, read_profile
from farline.sdp.formats import Format, read_formats

if TYPE_CHECKING:
    from collections.abc import Iterator

    from farline.sdp.fields import Connection, MediaLine, Origin, Rtcp

    HostPort = tuple[str, int]


MAX_SOURCES: Final = 8
"""Most sources that are read of an m= section."""


_LINE: Final = re.compile(rb"([a-z])=([^\r\n\0]*)(\r\n|\n|\Z)")


class Direction(StrEnum):
    """Who sends (RFC 8866 section 6.7), as attribute name."""

    SENDRECV = "sendrecv"
    SENDONLY = "sendonly"
    RECVONLY = "recvonly"
    INACTIVE = "inactive"


_HOLDING: Final = (Direction.SENDONLY, Direction.INACTIVE)
"""A tuple: an enumeration's hash is a function of Python's."""


class Line(NamedTuple):
    """One line as it came: `type=value` and its end (CRLF, or LF alone)."""

    kind: bytes
    """The letter before "="."""
    value: bytes
    end: bytes

    def to_bytes(self) -> bytes:
        """As on the wire."""
        return b"".join((self.kind, b"=", self.value, self.end))


class Media(msgspec.Struct, frozen=True):
    """One m= section."""

    index: int
    """From 0, in the order of the m= lines."""
    line: MediaLine
    connection: Connection | None
    """Its own c= line, else the session's."""
    rtcp: Rtcp | None
    rtcp_mux: bool
    direction: Direction
    attributes: tuple[bytes, ...]
    """The values of its a= lines, in order, trimmed."""
    shared: tuple[bytes, ...] = ()
    """Those of the session part, which count where the section has none of the name."""

    @property
    def kind(self) -> str:
        """audio, video, image, ..."""
        return self.line.kind

    @property
    def port(self) -> int:
        """Port 0 rejects or removes the stream (RFC 3264 section 6)."""
        return self.line.port

    @property
    def is_rtp(self) -> bool:
        """Whether RTP is what flows (RTP/AVP, RTP/SAVP, UDP/TLS/RTP/SAVPF, ...)."""
        return read_profile(self.line.protocol).rtp

    @property
    def has_feedback(self) -> bool:
        """Whether the profile is one with early feedback (RFC 4585): RTP/AVPF, RTP/SAVPF."""
        return self.line.protocol.endswith("F")

    @property
    def is_secure(self) -> bool:
        """Whether the profile is one of SRTP's (RTP/SAVP, RTP/SAVPF and those over DTLS)."""
        return read_profile(self.line.protocol).secure

    @property
    def formats(self) -> tuple[Format, ...]:
        """What it may carry as RTP, most wanted first; empty for anything else."""
        return read_formats(self.line.formats, self.attributes) if self.is_rtp else ()

    @property
    def crypto(self) -> tuple[Crypto, ...]:
        """Its a=crypto lines that we can serve, most wanted first, each tag once."""
        named = (one for one in self.attributes if one.startswith(b"crypto:"))
        found: dict[int, Crypto] = {}
        for attribute in islice(named, MAX_CRYPTO):
            crypto = Crypto.read(attribute)
            if crypto is not None:
                found.setdefault(crypto.tag, crypto)
        return tuple(found.values())

    @property
    def fingerprints(self) -> tuple[Fingerprint, ...]:
        """The certificates that its writer may show (DTLS), by hashes that we serve."""
        own = _named(self.attributes, b"fingerprint")
        named = own or _named(self.shared, b"fingerprint")
        read = (Fingerprint.read(one) for one in named[:MAX_FINGERPRINTS])
        return tuple(one for one in read if one is not None)

    @property
    def setup(self) -> str:
        """Who begins with DTLS: "active", "passive", "actpass", ...; empty: not said."""
        named = _named(self.attributes, b"setup") or _named(self.shared, b"setup")
        return named[0].partition(b":")[2].decode("ascii", "replace") if named else ""

    @property
    def ice(self) -> IceCredentials | None:
        """Its writer's ICE credentials; None: no ICE."""
        return IceCredentials.read((*self.attributes, *self.shared))

    @property
    def ice_lite(self) -> bool:
        """Whether its writer sends no checks either."""
        return b"ice-lite" in self.shared

    @property
    def mid(self) -> bytes:
        """Its name in groups; empty: none."""
        named = _named(self.attributes, b"mid")
        return named[0].partition(b":")[2].strip() if named else b""

    @property
    def mid_extension(self) -> int:
        """The identifier of the header extension that bears it (RFC 9143 section 15); 0: none."""
        for one in _named(self.attributes, b"extmap"):
            number, _, uri = one.partition(b":")[2].partition(b" ")
            named = uri.split()[:1] == [MID_EXTENSION]
            identifier = number.partition(b"/")[0]
            if named and len(identifier) < 3 and identifier.isdigit() and int(identifier) < 15:
                return int(identifier)
        return 0

    @property
    def sources(self) -> tuple[int, ...]:
        """The sources (SSRC) that its writer says it sends (RFC 5576), each once."""
        words = (
            one.partition(b":")[2].split(b" ", 1)[0] for one in _named(self.attributes, b"ssrc")
        )
        read = dict.fromkeys(int(one) for one in words if len(one) < 11 and one.isdigit())
        return tuple(one for one in islice(read, MAX_SOURCES) if one < 1 << 32)

    @property
    def is_datagrams(self) -> bool:
        """Whether it runs over UDP; MSRP and the like (TCP/...) do not."""
        return read_profile(self.line.protocol).datagrams

    @property
    def rejected(self) -> bool:
        """Port 0."""
        return self.line.port == 0

    @property
    def null_address(self) -> bool:
        """Its connection address is the null address: nothing is to be sent there.

        With ICE it only says that candidates come later (RFC 8840 section 4.1.1).
        """
        at = self.connection
        return at is not None and at.address in NULL_ADDRESSES and self.ice is None

    @property
    def on_hold(self) -> bool:
        """Whether its writer does not want to receive (RFC 3264 section 8.4)."""
        return self.direction in _HOLDING or self.null_address

    @property
    def addresses(self) -> tuple[HostPort | None, HostPort | None]:
        """Where its writer wants RTP and RTCP; None where nothing is to be sent.

        RTCP: a=rtcp, else the port after RTP's (RFC 3605 section 1).
        """
        at, port = self.connection, self.line.port
        if not port or at is None or self.null_address:
            return None, None
        rtp = at.address, port
        if self.rtcp is not None:
            return rtp, (self.rtcp.address or at.address, self.rtcp.port)
        return rtp, (at.address, port + 1) if port < 65535 else None

    @property
    def rtp_address(self) -> HostPort | None:
        """Where its writer wants RTP; None where nothing is to be sent."""
        return self.addresses[0]

    @property
    def rtcp_address(self) -> HostPort | None:
        """Where its writer wants RTCP; None where nothing is to be sent."""
        return self.addresses[1]


def _named(attributes: tuple[bytes, ...], name: bytes) -> tuple[bytes, ...]:
    return tuple(one for one in attributes if one.partition(b":")[0] == name)


def split_lines(data: bytes) -> list[tuple[bytes, bytes, bytes]]:
    """Letter, value and end of each line; CRLF and LF after the last line are its end.

    What is no line is passed over.
    """
    text = data.rstrip(b"\r\n")
    found: list[tuple[bytes, bytes, bytes]] = _LINE.findall(text)
    if found:
        kind, value, _ = found[-1]
        found[-1] = (kind, value, data[len(text) :])
    return found


class Description(msgspec.Struct, frozen=True):
    """A whole description."""

    data: bytes
    """As it came."""
    origin: Origin
    connection: Connection | None
    """The c= line of the session part."""
    media: tuple[Media, ...]

    @property
    def lines(self) -> tuple[Line, ...]:
        """What was parsed, byte for byte; made anew each time, for a session lives long."""
        return tuple(map(Line._make, split_lines(self.data)))

    @property
    def on_hold(self) -> bool:
        """Whether every stream that is not rejected is held."""
        live = [one for one in self.media if not one.rejected]
        return bool(live) and all(one.on_hold for one in live)

    def numbered(self) -> Iterator[tuple[int, Line]]:
        """The lines with the index of the m= section that each is in, -1 for the session part."""
        section = -1
        for line in self.lines:
            if line.kind == b"m":
                section += 1
            yield section, line

    def to_bytes(self) -> bytes:
        """As it came."""
        return self.data
