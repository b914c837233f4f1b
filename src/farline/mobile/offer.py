"""Offer and answer of a phone with G.711 and telephone events (RFC 3264, RFC 8866), as functions.

The form is that of the guide's INVITE; only codecs that we really have are offered.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import TYPE_CHECKING

from farline.sdp import Direction, SdpError, parse
from farline.sip.transport import Address

if TYPE_CHECKING:
    from farline.sdp import Description, Media

CODECS = {"PCMA": 8, "PCMU": 0}
"""What we can send and receive, best first, with the static payload types (RFC 3551 table 4)."""

EVENT = 101
"""Our payload type for telephone-event, as in the guide."""

_NAMES = {number: name for name, number in CODECS.items()}
_RTPMAP = re.compile(rb"rtpmap:([0-9]{1,3}) ([A-Za-z0-9.-]{1,32})/([0-9]{1,6})(?:/1)?\s*\Z")
_FORMATS = re.compile(r"[0-9]{1,3}\Z")
_MIRROR = {
    Direction.SENDRECV: Direction.SENDRECV,
    Direction.SENDONLY: Direction.RECVONLY,
    Direction.RECVONLY: Direction.SENDONLY,
    Direction.INACTIVE: Direction.INACTIVE,
}


class OfferError(ValueError):
    """A description that we cannot talk with: 488 and a Warning's text."""


@dataclass(frozen=True, slots=True)
class Local:
    """What we say about ourselves; `version` grows with every description that differs."""

    user: str
    """The o= user, `sip:<extension>@<address>` as in the guide."""
    session: int
    version: int
    address: Address
    """Where we want RTP; RTCP is wanted one port above."""
    direction: Direction = Direction.SENDRECV


@dataclass(frozen=True, slots=True)
class MediaPlan:
    """What offer and answer settled, as the audio needs it."""

    codec: str
    payload_type: int
    """To send with."""
    receive: dict[int, str] = field(hash=False)
    """Codec name of each payload type that may come."""
    event_payload: int | None
    """To send telephone events with; None: the peer takes none."""
    receive_event_payload: int | None
    remote: Address | None
    """Where RTP goes; None: nowhere now."""
    remote_rtcp: Address | None
    sends: bool
    receives: bool

    @property
    def held(self) -> bool:
        """Whether the peer does not want to hear us."""
        return not self.sends


def make_offer(local: Local) -> bytes:
    """A description with all our codecs."""
    return _describe(local, dict(_NAMES), EVENT, local.direction, None)


def make_answer(local: Local, offer: bytes) -> tuple[bytes, MediaPlan]:
    """Answer an offer: the answer and what was settled. Raises OfferError."""
    description, media = _read(offer)
    codecs, event = _common(description, media)
    if not codecs:
        raise OfferError("no codec in common: PCMA and PCMU are spoken here")
    direction = _restrict(_MIRROR[media.direction], local.direction)
    chosen = next(iter(codecs))
    answer = _describe(local, {chosen: codecs[chosen]}, event, direction, description)
    return answer, _plan(media, chosen, codecs[chosen], codecs, (event, event), direction)


def read_answer(answer: bytes, direction: Direction) -> MediaPlan:
    """What an answer to our offer settled; `direction` is what we offered. Raises OfferError."""
    description, media = _read(answer)
    codecs, event = _common(description, media)
    if not codecs:
        raise OfferError("the answer has no codec of our offer")
    chosen = next(iter(codecs))
    ours = _restrict(_MIRROR[media.direction], direction)
    return _plan(media, chosen, codecs[chosen], dict(_NAMES), (event, EVENT), ours)


def _read(data: bytes) -> tuple[Description, Media]:
    """The description and its first usable audio stream."""
    try:
        description = parse(data)
    except SdpError as error:
        raise OfferError(str(error)) from None
    for media in description.media:
        if _usable(media):
            return description, media
    raise OfferError("no audio stream over RTP/AVP")


def _usable(media: Media) -> bool:
    return media.kind == "audio" and not media.rejected and media.line.protocol == "RTP/AVP"


def _words(description: Description, media: Media) -> list[str]:
    """The words of its m= line: kind, port, protocol, formats."""
    values = [line.value for line in description.lines if line.kind == b"m"]
    return values[media.index].decode("ascii", "replace").split()


def _common(description: Description, media: Media) -> tuple[dict[int, str], int | None]:
    """Payload types of the stream that we know, in its order, and the one of telephone-event."""
    named: dict[int, tuple[str, int]] = {number: (name, 8000) for number, name in _NAMES.items()}
    for attribute in media.attributes:
        match = _RTPMAP.match(attribute)
        if match is not None:
            named[int(match[1])] = (match[2].decode().upper(), int(match[3]))
    codecs: dict[int, str] = {}
    event: int | None = None
    for word in _words(description, media)[3:]:
        if not _FORMATS.match(word) or int(word) > 127:
            continue
        name, rate = named.get(int(word), ("", 0))
        if name in CODECS and rate == 8000:
            codecs.setdefault(int(word), name)
        elif name == "TELEPHONE-EVENT" and rate == 8000 and event is None:
            event = int(word)
    return codecs, event


def _plan(
    media: Media,
    payload_type: int,
    codec: str,
    receive: dict[int, str],
    events: tuple[int | None, int | None],
    direction: Direction,
) -> MediaPlan:
    """`events` are the payload types to send and to receive telephone events with."""
    remote = _address(media.rtp_address)
    return MediaPlan(
        codec=codec,
        payload_type=payload_type,
        receive=receive,
        event_payload=events[0],
        receive_event_payload=events[1],
        remote=remote,
        remote_rtcp=_address(media.rtcp_address),
        sends=remote is not None and direction in {Direction.SENDRECV, Direction.SENDONLY},
        receives=direction in {Direction.SENDRECV, Direction.RECVONLY},
    )


def _address(pair: tuple[str, int] | None) -> Address | None:
    """A numeric address with a port that can be sent to, else None: names are not resolved here."""
    if pair is None or pair[1] == 0:
        return None
    try:
        parsed = ip_address(pair[0])
    except ValueError:
        return None
    if parsed.is_multicast or parsed.is_unspecified:
        return None
    return Address(pair[0], pair[1])


def _restrict(direction: Direction, ours: Direction) -> Direction:
    """What remains of a direction when we want no more than `ours`."""
    able = {
        Direction.SENDRECV: (True, True),
        Direction.SENDONLY: (True, False),
        Direction.RECVONLY: (False, True),
        Direction.INACTIVE: (False, False),
    }
    wanted = (
        able[direction][0] and able[ours][0],
        able[direction][1] and able[ours][1],
    )
    return next(name for name, value in able.items() if value == wanted)


def _describe(
    local: Local,
    codecs: dict[int, str],
    event: int | None,
    direction: Direction,
    offered: Description | None,
) -> bytes:
    """The lines in the guide's order. Streams of an offer that we do not take are rejected."""
    host, port = local.address
    family = "IP6" if ":" in host else "IP4"
    numbers = [*codecs, *([] if event is None else [event])]
    audio = [
        f"m=audio {port} RTP/AVP {' '.join(map(str, numbers))}",
        f"a={direction}",
        *(f"a=rtpmap:{number} {name}/8000/1" for number, name in codecs.items()),
    ]
    if event is not None:
        audio += [f"a=rtpmap:{event} telephone-event/8000", f"a=fmtp:{event} 0-15"]
    lines = [
        "v=0",
        f"o={local.user} {local.session} {local.version} IN {family} {host}",
        "s=-",
        f"c=IN {family} {host}",
        "b=TIAS:64000",
        "t=0 0",
    ]
    return _lines([*lines, *audio] if offered is None else [*lines, *_match(offered, audio)])


def _match(offered: Description, audio: list[str]) -> list[str]:
    """One m= section for each of the offer's: our audio for the first usable one, port 0 else."""
    sections: list[str] = []
    taken = False
    for media in offered.media:
        if not taken and _usable(media):
            sections += audio
            taken = True
        else:
            kind, _, *rest = _words(offered, media)
            sections.append(f"m={kind} 0 {' '.join(rest)}")
    return sections


def _lines(lines: list[str]) -> bytes:
    return "".join(f"{line}\r\n" for line in lines).encode()
