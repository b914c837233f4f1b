"""A media session as a record, for the process after this one. Master keys stand in it.

Everything that a session knows is in it, so that an answer can come to an offer of the process
before, and a re-INVITE changes what has changed only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import msgspec

from farline.media.bundle import Bundle  # noqa: TC001
from farline.media.engine import Side  # noqa: TC001 - msgspec reads the annotations
from farline.media.handshake import Handshake, Invitation
from farline.media.negotiation import Grouping, Negotiation
from farline.media.security import Keys
from farline.media.session import MediaSession
from farline.media.stream import Remote, Stream
from farline.media.transcoding import Voice  # noqa: TC001 - msgspec reads the annotations
from farline.sdp import Crypto, Format, IceCredentials, SdpError, parse, unfolded

if TYPE_CHECKING:
    from collections.abc import Mapping

    from farline.media.music import Studio
    from farline.media.relay_control import RelayControl
    from farline.media.security import Agreement, Draw
    from farline.sdp import Fingerprint

VERSION = 2
MEDIA = "media"
"""The noun."""


class MediaRecordError(ValueError):
    """A record that cannot be used; the text says why, and holds no key."""


class StreamRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One stream, with a leg a place in each pair (`Stream`)."""

    number: int
    ports: tuple[int, int]
    interfaces: tuple[str, str]
    rtp: bool
    answered: bool
    keys: tuple[Keys | None, Keys | None]
    shaken: tuple[Handshake | None, Handshake | None]
    ice: tuple[IceCredentials | None, IceCredentials | None]
    closed: tuple[bool, bool]
    formats: tuple[list[tuple[int, str, int]], list[tuple[int, str, int]]]
    remotes: tuple[Remote, Remote]
    audio: bool = False
    music: tuple[str, str] = ("", "")
    voices: tuple[Voice, Voice] | None = None


_Streams = dict[Annotated[int, msgspec.Meta(ge=0, le=1000)], StreamRecord]


class OfferRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The offer that waits for an answer, or last had one (`Negotiation`)."""

    description: bytes
    offerer: Annotated[int, msgspec.Meta(ge=0, le=1)]
    ended: bool
    keys: tuple[Keys | None, ...]
    shaken: tuple[Handshake | None, ...]
    lines: tuple[tuple[Crypto, ...], ...]
    invited: tuple[Invitation | None, ...]
    secure: tuple[bool, ...]
    offered: Grouping
    added: tuple[tuple[Format, ...], ...] = ()


class SessionRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One session. Bytes are written in base64, descriptions as they came."""

    version: int
    name: str
    sides: Annotated[list[Side], msgspec.Meta(min_length=2, max_length=2)]
    streams: _Streams
    fresh: _Streams
    resting: list[StreamRecord]
    bundles: tuple[Bundle | None, Bundle | None]
    opened: int
    offered: OfferRecord | None
    held: bool


def encode(session: MediaSession) -> bytes:
    """A session as JSON. Keys that come out of a handshake are not in it: the relay has them."""
    record = SessionRecord(
        version=VERSION,
        name=session.name,
        sides=session.sides,
        streams={index: _stream(one) for index, one in session.streams.items()},
        fresh={index: _stream(one) for index, one in session.fresh.items()},
        resting=[_stream(one) for one in session.resting],
        bundles=(session.bundles[0], session.bundles[1]),
        opened=session.opened,
        offered=None if session.offered is None else _offer(session.offered),
        held=session.held,
    )
    return msgspec.json.encode(record)


def decode(
    value: bytes,
    relay: RelayControl,
    addresses: Mapping[str, str],
    draw: Draw,
    fingerprint: Fingerprint | None = None,
    studio: Studio | None = None,
) -> MediaSession:
    """The reverse of `encode`: the relay is not told yet. Raises MediaRecordError."""
    try:
        record = msgspec.json.decode(value, type=SessionRecord)
        offered = None if record.offered is None else _negotiation(record.offered, fingerprint)
    except (msgspec.MsgspecError, SdpError, RecursionError) as error:
        raise MediaRecordError(str(error)) from None
    if record.version != VERSION:
        raise MediaRecordError(f"of version {record.version}, this is {VERSION}")
    for side in record.sides:
        if side.interface not in addresses:
            raise MediaRecordError(f"no media interface is called {side.interface!r}")
    sides = list(record.sides)
    session = MediaSession(
        record.name, relay, addresses, draw, sides, fingerprint=fingerprint, studio=studio
    )
    session.streams.update({index: _restored(one) for index, one in record.streams.items()})
    session.fresh = {index: _restored(one) for index, one in record.fresh.items()}
    session.resting.extend(_restored(one) for one in record.resting)
    session.bundles[:] = record.bundles
    session.opened, session.offered, session.held = record.opened, offered, record.held
    return session


def _plain(agreement: Agreement | None) -> Keys | None:
    return agreement if isinstance(agreement, Keys) else None


def _shaken(agreement: Agreement | None) -> Handshake | None:
    return agreement if isinstance(agreement, Handshake) else None


def _stream(stream: Stream) -> StreamRecord:
    return StreamRecord(
        number=stream.number,
        ports=stream.ports,
        interfaces=stream.interfaces,
        rtp=stream.rtp,
        answered=stream.answered,
        keys=(_plain(stream.keys[0]), _plain(stream.keys[1])),
        shaken=(_shaken(stream.keys[0]), _shaken(stream.keys[1])),
        ice=(stream.ice[0], stream.ice[1]),
        closed=(stream.closed[0], stream.closed[1]),
        formats=(stream.formats[0], stream.formats[1]),
        remotes=(stream.remotes[0], stream.remotes[1]),
        audio=stream.audio,
        music=(stream.music[0], stream.music[1]),
        voices=stream.voices,
    )


def _restored(record: StreamRecord) -> Stream:
    return Stream(
        number=record.number,
        ports=record.ports,
        interfaces=record.interfaces,
        rtp=record.rtp,
        answered=record.answered,
        keys=[keys or shaken for keys, shaken in zip(record.keys, record.shaken, strict=True)],
        ice=list(record.ice),
        closed=list(record.closed),
        formats=list(record.formats),
        remotes=list(record.remotes),
        audio=record.audio,
        music=list(record.music),
        voices=record.voices,
    )


def _offer(offered: Negotiation) -> OfferRecord:
    return OfferRecord(
        description=offered.description.to_bytes(),
        offerer=offered.offerer,
        ended=offered.ended,
        keys=tuple(_plain(keys) for keys in offered.keys),
        shaken=tuple(_shaken(keys) for keys in offered.keys),
        lines=tuple(() if isinstance(one, Invitation) else one for one in offered.lines),
        invited=tuple(one if isinstance(one, Invitation) else None for one in offered.lines),
        secure=offered.secure,
        offered=offered.offered,
        added=offered.added,
    )


def _negotiation(record: OfferRecord, fingerprint: Fingerprint | None) -> Negotiation:
    description = parse(record.description)
    if record.ended:
        description = unfolded(description)
    by_line = (record.keys, record.shaken, record.lines, record.invited, record.secure)
    lengths = {len(one) for one in by_line} | ({len(record.added)} if record.added else set())
    if lengths != {len(description.media)}:
        raise SdpError(0, "the offer has not as many m= lines as keys")
    return Negotiation(
        description,
        record.offerer,
        record.ended,
        tuple(keys or shaken for keys, shaken in zip(record.keys, record.shaken, strict=True)),
        tuple(one or plain for one, plain in zip(record.invited, record.lines, strict=True)),
        record.secure,
        fingerprint,
        record.offered,
        record.added,
    )
