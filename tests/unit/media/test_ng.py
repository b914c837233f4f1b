"""Bencode, ng datagrams, and what requests and replies become in them."""

from contextlib import suppress
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from farline._core import BencodeError, read_bencode, write_bencode
from farline.media.engine import Answer, Delete, Offer, Query, Quiet, Side
from farline.media.ng.bencode import MAX_SIZE
from farline.media.ng.client import NgPlaces, document_of, packets, reply_of
from farline.media.ng.message import NgError, number, pack, section, text, texts, unpack

MAX_DEPTH = 16
OUTSIDE = Side("outside", "B1", "192.0.2.61")
INSIDE = Side("inside", "A1", "")
PLACES = NgPlaces({"B1": "pub", "A1": "A1"}, {"B1": "203.0.113.96", "A1": "10.0.0.7"}, {"B1": 184})
SDP = (
    b"v=0\r\no=- 1 1 IN IP4 10.0.0.7\r\ns=-\r\nc=IN IP4 10.0.0.7\r\nt=0 0\r\n"
    b"m=audio 4000 RTP/AVP 8\r\n"
)
OFFER = Offer("s", SDP, OUTSIDE, INSIDE)

KEYS = st.text(st.characters(max_codepoint=255), max_size=8)
DOCUMENTS = st.recursive(
    st.integers(-(2**63), 2**63) | st.binary(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=20,
)


@given(DOCUMENTS)
def test_what_is_written_is_read(value):
    assert read_bencode(write_bencode(value, b"")) == value


def test_a_dictionary_is_written_in_order_and_text_as_utf8():
    document = {"\xe9": "\xe9", "b": ("x", True), "a": MappingProxyType({"c": -1})}
    assert write_bencode(document, b"1 ") == b"1 d1:ad1:ci-1ee1:bl1:xi1ee1:\xe92:\xc3\xa9e"


@pytest.mark.parametrize("value", [{"\u0142": 1}, {5: 1}, None, [1.5]])
def test_what_bencode_has_not_is_not_written(value):
    with pytest.raises((TypeError, ValueError)):
        write_bencode(value, b"")


def test_the_documented_example():
    assert pack(b"5323_1", {"command": "ping"}) == b"5323_1 d7:command4:pinge"
    assert unpack(b"5323_1 d6:result4:ponge") == (b"5323_1", {"result": b"pong"})


@given(st.binary(max_size=200) | st.text("dlie0123456789:- ", max_size=60).map(str.encode))
def test_garbage_raises_only_its_own_error(data):
    for reader, own in ((read_bencode, BencodeError), (unpack, NgError)):
        with suppress(own):
            reader(data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"d",
        b"l",
        b"i12",
        b"ie",
        b"i-e",
        b"i1_0e",
        b"i 1e",
        "i\u0661e".encode(),
        b"i" + b"9" * 30 + b"e",
        b"5:abc",
        b"-1:a",
        b"99999999999999999999:a",
        b"di1e1:ae",
        b"d1:a1:b1:a1:ce",
        b"i1ei2e",
        b"l" * (MAX_DEPTH + 2) + b"e" * (MAX_DEPTH + 2),
        b"l" * 60_000,
        b"l" + b"0:" * 30_000 + b"e",
        b"%d:" % MAX_SIZE + b"x" * MAX_SIZE,
    ],
)
def test_what_is_no_document_or_too_large_is_refused(data):
    with pytest.raises(BencodeError):
        read_bencode(data)


def test_the_deepest_document_is_read():
    depth = MAX_DEPTH
    assert read_bencode(b"l" * depth + b"0:" + b"e" * depth)


@pytest.mark.parametrize("data", [b"", b"cookie", b" de", b"c 3:abc", b"c" * 300 + b" de", b"c d"])
def test_a_datagram_has_cookie_and_dictionary(data):
    with pytest.raises(NgError):
        unpack(data)


def test_values_of_other_types_are_read_as_absent():
    assert (text(5), text(b"\xff"), texts(b"one"), texts(7), texts([b"a", 1])) == (
        "",
        "\xff",
        ["one"],
        [],
        ["a", ""],
    )
    assert (number(b"12"), number(b"x"), number(7), number([]), section(b"")) == (
        12,
        None,
        7,
        None,
        {},
    )


def test_an_offer_says_both_interfaces_by_rtpengines_names():
    said = document_of(OFFER, PLACES, "outside")
    assert said["direction"] == ["pub", "A1"]
    assert (said["from-tag"], said["to-tag"]) == ("outside", "inside")
    assert said["received from"] == ["IP4", "192.0.2.61"]
    assert (said["TOS"], said["ICE"], said["replace"]) == (184, "remove", ["origin"])


def test_sdp_that_names_a_third_address_is_mistrusted_within_a_reach():
    def flags(sdp, reach):
        return document_of(Offer("s", sdp, replace(OUTSIDE, reach=reach), INSIDE), PLACES, "")[
            "flags"
        ]

    assert flags(SDP, None)[0] == "trust address"
    assert flags(SDP, ())[0] == "SIP source address"
    assert flags(SDP, ("10.0.0.0/8",))[0] == "trust address"
    assert flags(SDP.replace(b"10.0.0.7", b"192.0.2.61"), ())[0] == "trust address"
    held = SDP.replace(b"c=IN IP4 10.0.0.7", b"c=IN IP4 0.0.0.0")
    assert flags(held, ())[0] == "trust address"


def test_a_call_that_is_hung_up_is_blocked_whole():
    said = document_of(Quiet("s"), PLACES, "outside")
    assert said == {"command": "block media", "call-id": "s", "flags": ["all"]}
    again = document_of(Quiet("s", quiet=False), PLACES, "outside")
    assert again["command"] == "unblock media"


def test_an_offer_names_the_codecs_to_be_transcoded():
    wide = replace(OFFER, receiver=replace(OFFER.receiver, transcoding=("opus", "g722")))
    assert document_of(wide, PLACES, "outside")["codec"] == {"transcode": ["opus", "G722"]}
    assert "codec" not in document_of(OFFER, PLACES, "outside")


def test_the_from_tag_of_an_answer_is_who_offered():
    said = document_of(Answer("s", SDP, OUTSIDE, INSIDE), PLACES, "outside")
    assert (said["from-tag"], said["to-tag"]) == ("inside", "outside")
    assert said["received from"] == ["IP4", "192.0.2.61"]
    assert "direction" not in said


def test_delete_names_a_party_where_one_is_known():
    assert document_of(Delete("s", "bye"), PLACES, "outside")["from-tag"] == "outside"
    assert "from-tag" not in document_of(Delete("s", "bye"), PLACES, "")


@pytest.mark.parametrize(
    ("document", "status"),
    [
        ({"result": b"error", "error-reason": b"Failed to parse SDP"}, 488),
        ({"result": b"error", "error-reason": b"Ran out of ports"}, 503),
        ({"result": b"load limit", "message": b"load limit reached"}, 503),
        ({"result": b"error", "error-reason": b"Unknown call-id"}, 500),
        ({}, 500),
        ({"result": b"ok"}, 500),
        ({"result": b"ok", "sdp": b"hello"}, 500),
        ({"result": b"ok", "sdp": SDP.replace(b"10.0.0.7", b"203.0.113.96")}, 500),
    ],
)
def test_what_goes_wrong_is_an_error_with_a_status(document, status):
    reply = reply_of(OFFER, document, PLACES, 0.0)
    assert (reply.sdp, reply.status) == (None, status)
    assert reply.error


def test_an_address_that_is_the_receivers_interface_is_passed_on():
    assert reply_of(OFFER, {"result": b"ok", "sdp": SDP}, PLACES, 0.0).sdp == SDP


def test_a_held_stream_and_a_rejected_one_have_no_address_to_check():
    held = SDP.replace(b"c=IN IP4 10.0.0.7", b"c=IN IP4 0.0.0.0")
    rejected = SDP.replace(b"c=IN IP4 10.0.0.7", b"c=IN IP4 1.2.3.4").replace(b"4000", b"0")
    for sdp in (held, rejected):
        assert reply_of(OFFER, {"result": b"ok", "sdp": sdp}, PLACES, 0.0).sdp == sdp


def test_counters_are_read_by_side_and_stream():
    stream = {
        "local address": b"10.0.0.7",
        "local port": 34000,
        "endpoint": {"address": b"10.0.0.9", "port": 4000},
        "flags": [b"RTP"],
        "last packet": 990,
        "stats": {"packets": 7, "bytes": 700, "errors": 1},
    }
    quiet = {**stream, "flags": [b"RTCP"], "stats": {"packets": 0}}
    document = {
        "result": b"ok",
        "tags": {"inside": {"medias": [{"index": 1, "streams": [stream, quiet, {}, 5]}, 5]}},
        "totals": {"RTP": {"packets": 7}, "RTCP": {"packets": 2}},
    }
    rtp, rtcp = reply_of(Query("s"), document, PLACES, 1000.0).stats
    assert (rtp.side, rtp.index, rtp.kind, rtp.local) == ("inside", 0, "rtp", "10.0.0.7:34000")
    assert (rtp.latched, rtp.received_packets, rtp.received_bytes) == ("10.0.0.9:4000", 7, 700)
    assert (rtp.sent_packets, rtp.sent_bytes) == (None, None)
    assert (rtp.refused_packets, rtp.last_seen_ms) == (1, 10_000)
    assert (rtcp.kind, rtcp.latched, rtcp.last_seen_ms) == ("rtcp", None, None)
    assert packets(document) == 9


VALUES = st.recursive(
    st.integers() | st.binary(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["medias", "streams", "index", "local port", "stats", "packets"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=15,
)


@given(st.dictionaries(st.sampled_from(["result", "tags", "totals", "sdp"]), VALUES))
def test_no_reply_raises(document):
    for request in (OFFER, Query("s"), Delete("s", "bye")):
        reply_of(request, {"result": b"ok", **document}, PLACES, 0.0)
    packets(document)
