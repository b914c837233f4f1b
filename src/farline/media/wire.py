"""Media requests and replies as JSON objects: what border and office say to the media process.

SDP travels as text with one character a byte (ISO 8859-1), so any bytes survive.

    {"op": "offer", "session": ..., "sdp": ..., "sender": {"name", "interface",
     "signaling_source", "encryption", "classes", "events", "record", "music", "transcoding"},
     "receiver": {...}}
    {"op": "answer", ...the same}  {"op": "delete", "session", "reason"}  {"op": "query", "session"}
    {"op": "dial", "session", "side", "digit", "duration_ms"}
    {"op": "subscribe", "session", "side": {...} or null, "first"}
    {"op": "subscribe-answer", "session", "sdp"}
"""

from __future__ import annotations

from typing import Any

from farline.media.engine import (
    Answer,
    Delete,
    Dial,
    MediaReply,
    MediaRequest,
    Offer,
    Quality,
    Query,
    Side,
    StreamStats,
    Subscribe,
    SubscribeAnswer,
)
from farline.media.security import RULES
from farline.media.transcoding import CODECS

MAX_CLASSES = 16
MAX_DURATION = 60_000
"""Longest digit that is asked for, in milliseconds; the relay plays at most 5 s of it."""
MAX_NAME = 512
"""Longest name of a session, side or interface, in characters."""


class MediaWireError(ValueError):
    """An object that is no request or reply."""


def encode_request(request: MediaRequest) -> dict[str, Any]:
    """A request as an object for JSON."""
    match request:
        case Offer() | Answer():
            return {
                "op": "offer" if isinstance(request, Offer) else "answer",
                "session": request.session,
                "sdp": request.sdp.decode("latin-1"),
                "sender": _fields(request.sender),
                "receiver": _fields(request.receiver),
            }
        case Delete():
            return {"op": "delete", "session": request.session, "reason": request.reason}
        case Query():
            return {"op": "query", "session": request.session}
        case Dial():
            return {"op": "dial", **_fields(request)}
        case Subscribe():
            side = None if request.side is None else _fields(request.side)
            return {"op": "subscribe", **_fields(request), "side": side}
        case SubscribeAnswer():
            sdp = request.sdp.decode("latin-1")
            return {"op": "subscribe-answer", "session": request.session, "sdp": sdp}


def decode_request(value: dict[str, Any]) -> MediaRequest:
    """The reverse of `encode_request`; raises MediaWireError."""
    session = _text(value, "session")
    match value.get("op"):
        case "offer":
            return Offer(session, _sdp(value), _side(value, "sender"), _side(value, "receiver"))
        case "answer":
            return Answer(session, _sdp(value), _side(value, "sender"), _side(value, "receiver"))
        case "delete":
            return Delete(session, _text(value, "reason"))
        case "query":
            return Query(session)
        case "dial":
            return _dial(value, session)
        case "subscribe":
            side = None if value.get("side") is None else _side(value, "side")
            return Subscribe(session, side, _text(value, "first"))
        case "subscribe-answer":
            return SubscribeAnswer(session, _sdp(value))
        case _:
            raise MediaWireError("op is none of offer, answer, delete, query, dial, subscribe")


def encode_reply(reply: MediaReply) -> dict[str, Any]:
    """A reply as an object for JSON."""
    return {
        "sdp": None if reply.sdp is None else reply.sdp.decode("latin-1"),
        "stats": [_encode_stats(one) for one in reply.stats],
        "error": reply.error,
        "status": reply.status,
    }


def _fields(value: Side | Quality | StreamStats | Dial | Subscribe) -> dict[str, Any]:
    """As dataclasses.asdict, without the copies that make that one ten times as slow."""
    return {name: getattr(value, name) for name in value.__slots__}


def _encode_stats(stats: StreamStats) -> dict[str, Any]:
    return _fields(stats) | {"quality": stats.quality and _fields(stats.quality)}


def decode_reply(value: dict[str, Any]) -> MediaReply:
    """The reverse of `encode_reply`; raises MediaWireError."""
    try:
        sdp = value["sdp"]
        return MediaReply(
            sdp=None if sdp is None else sdp.encode("latin-1"),
            stats=tuple(_stats(one) for one in value["stats"]),
            error=value["error"],
            status=value["status"],
        )
    except (KeyError, TypeError, AttributeError, UnicodeError) as error:
        raise MediaWireError(f"no reply: {error}") from None


def _dial(value: dict[str, Any], session: str) -> Dial:
    digit, duration = _text(value, "digit"), value.get("duration_ms")
    if len(digit) != 1 or digit not in "0123456789*#ABCD":
        raise MediaWireError("digit is none of 0 to 9, *, #, A to D")
    if not isinstance(duration, int) or not 0 <= duration <= MAX_DURATION:
        raise MediaWireError(f"duration_ms is no number up to {MAX_DURATION}")
    return Dial(session, _text(value, "side"), digit, duration)


def _stats(value: dict[str, Any]) -> StreamStats:
    quality = value["quality"]
    return StreamStats(**{**value, "quality": quality and Quality(**quality)})


def _text(value: dict[str, Any], name: str) -> str:
    text = value.get(name)
    if not isinstance(text, str) or len(text) > MAX_NAME:
        raise MediaWireError(f"{name} is no text of at most {MAX_NAME} characters")
    return text


def _sdp(value: dict[str, Any]) -> bytes:
    sdp = value.get("sdp")
    if not isinstance(sdp, str):
        raise MediaWireError("sdp is missing")
    try:
        return sdp.encode("latin-1")
    except UnicodeError:
        raise MediaWireError("sdp has characters beyond a byte") from None


def _side(value: dict[str, Any], name: str) -> Side:
    side = value.get(name)
    if not isinstance(side, dict):
        raise MediaWireError(f"{name} is no side")
    encryption = _text(side, "encryption")
    if encryption not in RULES:
        raise MediaWireError(f"encryption is none of {', '.join(RULES)}")
    source = _text(side, "signaling_source")
    classes = _classes(side.get("classes", ()))
    transcoding = side.get("transcoding", ())
    if not isinstance(transcoding, list | tuple) or not set(map(str, transcoding)) <= CODECS.keys():
        raise MediaWireError(f"transcoding has other than {', '.join(CODECS)}")
    events = side.get("events")
    if not isinstance(events, bool):
        raise MediaWireError("events is neither true nor false")
    record = side.get("record", False)
    if not isinstance(record, bool):
        raise MediaWireError("record is neither true nor false")
    names = _text(side, "name"), _text(side, "interface")
    music = _text(side, "music") if "music" in side else ""
    return Side(*names, source, encryption, classes, events, record, music, tuple(transcoding))


def _classes(value: object) -> tuple[tuple[str, int], ...]:
    if not isinstance(value, list | tuple) or len(value) > MAX_CLASSES:
        raise MediaWireError("classes is no short list")
    for entry in value:
        if not isinstance(entry, list | tuple) or list(map(type, entry)) != [str, int]:
            raise MediaWireError("classes has other than [kind, DS byte]")
    return tuple((kind, number) for kind, number in value)
