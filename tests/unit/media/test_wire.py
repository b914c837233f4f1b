"""Requests and replies survive the way through JSON, and nothing else is taken for one."""

from __future__ import annotations

import json

import pytest

from farline.media.engine import Answer, Delete, Dial, MediaReply, Offer, Query, Side, StreamStats
from farline.media.wire import (
    MediaWireError,
    decode_reply,
    decode_request,
    encode_reply,
    encode_request,
)

A, B = Side("a", "A1", "10.10.10.13"), Side("b", "B1", "192.168.67.61")
EVERY_BYTE = bytes(range(256))
STATS = StreamStats("a", 0, "rtp", "10.10.10.7:35000", None, 1, 2, 3, 4, 5, None, 6, 7)


@pytest.mark.parametrize(
    "request_",
    [
        Offer("call", EVERY_BYTE, A, B),
        Answer("call", EVERY_BYTE, B, A),
        Delete("call", "BYE"),
        Query("call"),
        Dial("call", "a", "#", 160),
    ],
)
def test_requests(request_) -> None:
    assert decode_request(json.loads(json.dumps(encode_request(request_)))) == request_


@pytest.mark.parametrize(
    "reply",
    [MediaReply(EVERY_BYTE), MediaReply(stats=(STATS,)), MediaReply(error="no", status=503)],
)
def test_replies(reply) -> None:
    assert decode_reply(json.loads(json.dumps(encode_reply(reply)))) == reply


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
        decode_request(encode_request(Offer("call", b"v=0", A, B)) | change)


@pytest.mark.parametrize("value", [{}, {"sdp": 1, "stats": [], "error": None, "status": 0}])
def test_what_is_no_reply(value) -> None:
    with pytest.raises(MediaWireError):
        decode_reply(value)


@pytest.mark.parametrize(
    "change", [{"digit": "x"}, {"digit": "12"}, {"duration_ms": -1}, {"duration_ms": "160"}]
)
def test_what_is_no_digit(change) -> None:
    with pytest.raises(MediaWireError):
        decode_request(encode_request(Dial("call", "a", "#", 160)) | change)
