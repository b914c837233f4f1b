"""Requests and replies survive the way through JSON, and nothing else is taken for one."""

from __future__ import annotations

import json

import pytest

from farline.media.engine import (
    Answer,
    Delete,
    Dial,
    MediaReply,
    Offer,
    Query,
    Quiet,
    Side,
    StreamStats,
)
from farline.media.wire import (
    MediaWireError,
    decode_reply,
    encode_request,
    read_reply,
    read_request,
    write_reply,
    write_request,
)

A, B = Side("a", "A1", "10.10.10.13"), Side("b", "B1", "192.168.67.61")
EVERY_BYTE = bytes(range(256))
STATS = StreamStats("a", 0, "rtp", "10.10.10.7:35000", None, 1, 2, 3, 4, 5, None, 6, 7)


def read_back(value):
    """What the media process reads of an object."""
    return read_request(json.dumps(value).encode()).request


@pytest.mark.parametrize(
    "request_",
    [
        Offer("call", EVERY_BYTE, A, B),
        Answer("call", EVERY_BYTE, B, A),
        Delete("call", "BYE"),
        Query("call"),
        Quiet("call"),
        Quiet("call", quiet=False),
        Offer("call", EVERY_BYTE, A, Side("b", "B1", "192.0.2.1", reach=("192.0.2.0/24",))),
        Dial("call", "a", "#", 160),
    ],
)
def test_requests(request_) -> None:
    assert read_back(encode_request(request_)) == request_
    assert read_request(write_request(request_, 7)) == (7, request_)


@pytest.mark.parametrize(
    "reply",
    [MediaReply(EVERY_BYTE), MediaReply(stats=(STATS,)), MediaReply(error="no", status=503)],
)
def test_replies(reply) -> None:
    line = json.loads(write_reply(7, reply))
    assert line["id"] == 7
    assert decode_reply(line) == reply
    assert read_reply(write_reply(7, reply)) == (7, reply)


@pytest.mark.parametrize(
    "line",
    [
        b"hello",
        b'{"event":"timeout","session":"call","silent_seconds":60.0}',
        b'{"id":7,"sdp":"\xe2\x82\xac","stats":[],"error":null,"status":0}',
        b'{"id":7,"sdp":"","stats":[],"error":null}',
    ],
)
def test_lines_that_are_no_reply(line) -> None:
    assert read_reply(line) is None


@pytest.mark.parametrize(
    "change",
    [
        {"op": "drop"},
        {"session": 7},
        {"session": "x" * 513},
        {"sdp": None},
        {"sdp": "\u20ac"},
        {"sender": "a"},
        {"sender": {"name": "a"}},
    ],
)
def test_what_is_no_request(change) -> None:
    with pytest.raises(MediaWireError):
        read_back(encode_request(Offer("call", b"v=0", A, B)) | change)


@pytest.mark.parametrize("value", [{}, {"sdp": 1, "stats": [], "error": None, "status": 0}])
def test_what_is_no_reply(value) -> None:
    with pytest.raises(MediaWireError):
        decode_reply(value)


@pytest.mark.parametrize(
    "change", [{"digit": "x"}, {"digit": "12"}, {"duration_ms": -1}, {"duration_ms": "160"}]
)
def test_what_is_no_digit(change) -> None:
    with pytest.raises(MediaWireError):
        read_back(encode_request(Dial("call", "a", "#", 160)) | change)
