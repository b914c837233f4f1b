"""Media requests and replies as JSON objects: what border and office say to the media process.

SDP travels as text with one character a byte (ISO 8859-1), so any bytes survive.

    {"op": "offer", "session": ..., "sdp": ..., "sender": {"name", "interface",
     "signaling_source", "encryption", "classes", "events", "record", "music", "transcoding",
     "timeout_seconds", "reach"},
     "receiver": {...}}
    {"op": "answer", ...the same}  {"op": "delete", "session", "reason"}  {"op": "query", "session"}
    {"op": "quiet", "session", "quiet"}
    {"op": "dial", "session", "side", "digit", "duration_ms"}
    {"op": "subscribe", "session", "side": {...} or null, "first"}
    {"op": "subscribe-answer", "session", "sdp"}
    {"op": "sessions"}

Each may have an "id", which its reply has too. The types below are what is read: whatever does not
fit them is refused with the place of the first fault.
"""

from __future__ import annotations

from typing import Annotated, Any, NamedTuple

import msgspec

from farline.media.engine import (
    Answer,
    Delete,
    Dial,
    MediaReply,
    MediaRequest,
    Name,
    Offer,
    Query,
    Quiet,
    Side,
    StreamStats,
    Subscribe,
    SubscribeAnswer,
)

MAX_DURATION = 60_000
"""Longest digit that is asked for, in milliseconds; the relay plays at most 5 s of it."""


class MediaWireError(ValueError):
    """An object that is no request or reply."""


class Asked(NamedTuple):
    """A request as it came."""

    number: Any
    """Its "id"; None: it has none."""
    request: MediaRequest | None
    """None: the names of all sessions are asked for."""


class _Op(msgspec.Struct, frozen=True, tag_field="op", omit_defaults=True, kw_only=True):
    """One request as it is written."""

    id: Any = None

    def read(self) -> MediaRequest | None:
        """The engine's value. Raises MediaWireError."""
        return None


class _Named(_Op, frozen=True, kw_only=True):
    session: Name


class _Described(_Named, frozen=True, kw_only=True):
    sdp: str
    sender: Side
    receiver: Side


class _Offer(_Described, frozen=True, tag="offer"):
    def read(self) -> MediaRequest:
        return Offer(self.session, _bytes(self.sdp), self.sender, self.receiver)


class _Answer(_Described, frozen=True, tag="answer"):
    def read(self) -> MediaRequest:
        return Answer(self.session, _bytes(self.sdp), self.sender, self.receiver)


class _Delete(_Named, frozen=True, kw_only=True, tag="delete"):
    reason: Name

    def read(self) -> MediaRequest:
        return Delete(self.session, self.reason)


class _Quiet(_Named, frozen=True, kw_only=True, tag="quiet"):
    quiet: bool

    def read(self) -> MediaRequest:
        return Quiet(self.session, self.quiet)


class _Query(_Named, frozen=True, tag="query"):
    def read(self) -> MediaRequest:
        return Query(self.session)


class _Dial(_Named, frozen=True, kw_only=True, tag="dial"):
    side: Name
    digit: Annotated[str, msgspec.Meta(pattern=r"\A[0-9*#A-D]\Z")]
    duration_ms: Annotated[int, msgspec.Meta(ge=0, le=MAX_DURATION)]

    def read(self) -> MediaRequest:
        return Dial(self.session, self.side, self.digit, self.duration_ms)


class _Subscribe(_Named, frozen=True, kw_only=True, tag="subscribe"):
    side: Side | None
    first: Name

    def read(self) -> MediaRequest:
        return Subscribe(self.session, self.side, self.first)


class _SubscribeAnswer(_Named, frozen=True, kw_only=True, tag="subscribe-answer"):
    sdp: str

    def read(self) -> MediaRequest:
        return SubscribeAnswer(self.session, _bytes(self.sdp))


class _Sessions(_Op, frozen=True, tag="sessions"):
    """For the names of all sessions."""


class _Number(msgspec.Struct, frozen=True):
    id: Any = None


class _Reply(msgspec.Struct, frozen=True):
    sdp: str | None
    stats: tuple[StreamStats, ...]
    error: str | None
    status: int


class _Numbered(_Reply, frozen=True):
    id: Any


_Ops = (
    _Offer | _Answer | _Delete | _Quiet | _Query | _Dial | _Subscribe | _SubscribeAnswer | _Sessions
)
_DECODER: msgspec.json.Decoder[_Ops] = msgspec.json.Decoder(_Ops)
_REPLIES: msgspec.json.Decoder[_Numbered] = msgspec.json.Decoder(_Numbered)


def read_request(line: bytes) -> Asked:
    """Read a request from JSON; raises MediaWireError."""
    try:
        op = _DECODER.decode(line)
    except (ValueError, RecursionError) as error:
        raise MediaWireError(str(error)) from None
    return Asked(op.id, op.read())


def read_number(line: bytes) -> object:
    """The "id" of what may be no request; None: it has none."""
    try:
        return msgspec.json.decode(line, type=_Number).id
    except (ValueError, RecursionError):
        return None


def write_reply(number: object, reply: MediaReply) -> bytes:
    """A reply as a line of JSON."""
    sdp = None if reply.sdp is None else _text(reply.sdp)
    numbered = _Numbered(sdp, tuple(reply.stats), reply.error, reply.status, number)
    line: bytes = msgspec.json.encode(numbered)
    return line + b"\n"


def write_request(request: MediaRequest, number: int | None = None) -> bytes:
    """A request as a line of JSON."""
    line: bytes = msgspec.json.encode(_written(request, number))
    return line + b"\n"


def read_reply(line: bytes) -> tuple[object, MediaReply] | None:
    """A reply from JSON, and the number of its request; None: the line is something else."""
    try:
        read = _REPLIES.decode(line)
        return read.id, _replied(read)
    except (ValueError, RecursionError):
        return None


def encode_request(request: MediaRequest) -> dict[str, Any]:
    """A request as an object for JSON."""
    plain: dict[str, Any] = msgspec.to_builtins(_written(request))
    return plain


def decode_reply(value: dict[str, Any]) -> MediaReply:
    """Read a reply, an object from JSON; raises MediaWireError."""
    try:
        return _replied(msgspec.convert(value, _Reply))
    except (ValueError, RecursionError) as error:
        raise MediaWireError(f"no reply: {error}") from None


def _written(request: MediaRequest, number: int | None = None) -> _Op:
    """A request as it is written."""
    match request:
        case Offer(session, sdp, sender, receiver):
            return _Offer(
                id=number, session=session, sdp=_text(sdp), sender=sender, receiver=receiver
            )
        case Answer(session, sdp, sender, receiver):
            return _Answer(
                id=number, session=session, sdp=_text(sdp), sender=sender, receiver=receiver
            )
        case Delete(session, reason):
            return _Delete(id=number, session=session, reason=reason)
        case Quiet(session, quiet):
            return _Quiet(id=number, session=session, quiet=quiet)
        case Query(session):
            return _Query(id=number, session=session)
        case Dial(session, side, digit, duration):
            return _Dial(id=number, session=session, side=side, digit=digit, duration_ms=duration)
        case Subscribe(session, recorder, first):
            return _Subscribe(id=number, session=session, side=recorder, first=first)
        case SubscribeAnswer(session, sdp):
            return _SubscribeAnswer(id=number, session=session, sdp=_text(sdp))


def _replied(read: _Reply) -> MediaReply:
    """Raises MediaWireError."""
    sdp = None if read.sdp is None else _bytes(read.sdp)
    return MediaReply(sdp, read.stats, read.error, read.status)


def _text(sdp: bytes) -> str:
    return sdp.decode("latin-1")


def _bytes(sdp: str) -> bytes:
    try:
        return sdp.encode("latin-1")
    except UnicodeError:
        raise MediaWireError("sdp has characters beyond a byte") from None
