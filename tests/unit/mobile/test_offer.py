from __future__ import annotations

import pytest

from farline.mobile.offer import Local, OfferError, make_answer, make_offer, read_answer
from farline.sdp import Direction, parse
from farline.sip.transport import Address

HERE = Local("sip:3001@172.22.33.101", 1, 2, Address("172.22.33.101", 5000))

GUIDE_ANSWER = (
    b"v=0\r\no=USERA 1281316076 538797939 IN IP4 10.10.10.13\r\ns=Session SDP\r\n"
    b"c=IN IP4 10.10.10.13\r\nt=0 0\r\nm=audio 40752 RTP/AVP 8 101\r\na=rtpmap:8 PCMA/8000\r\n"
    b"a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n"
)


def offer(formats, attributes=b"", kind=b"audio", protocol=b"RTP/AVP", port=40000):
    return (
        b"v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\n"
        b"m=%b %d %b %b\r\n%b" % (kind, port, protocol, formats, attributes)
    )


def test_the_guides_answer_settles_alaw():
    plan = read_answer(GUIDE_ANSWER, Direction.SENDRECV)
    assert (plan.codec, plan.payload_type, plan.event_payload) == ("PCMA", 8, 101)
    assert plan.remote == Address("10.10.10.13", 40752)
    assert plan.remote_rtcp == Address("10.10.10.13", 40753)
    assert plan.receive == {8: "PCMA", 0: "PCMU"}
    assert plan.sends and plan.receives


def test_the_guides_offer_is_answered_with_what_we_have():
    formats = b"103 9 8 0 110 18 101"
    attributes = (
        b"a=sendrecv\r\na=rtpmap:103 ISAC/16000/1\r\na=rtpmap:9 G722/8000/1\r\n"
        b"a=rtpmap:8 PCMA/8000/1\r\na=rtpmap:0 PCMU/8000/1\r\na=rtpmap:110 G726-32/8000/1\r\n"
        b"a=rtpmap:18 G729/8000/1\r\na=rtpmap:101 telephone-event/8000\r\n"
    )
    answer, plan = make_answer(HERE, offer(formats, attributes))
    assert plan.codec == "PCMA"
    assert b"m=audio 5000 RTP/AVP 8 101\r\n" in answer
    assert plan.remote == Address("10.0.0.1", 40000)


def test_the_offerers_order_and_numbers_decide():
    attributes = b"a=rtpmap:97 PCMA/8000\r\na=rtpmap:98 telephone-event/8000\r\n"
    _, plan = make_answer(HERE, offer(b"0 97 98", attributes))
    assert (plan.codec, plan.payload_type, plan.receive) == ("PCMU", 0, {0: "PCMU", 97: "PCMA"})
    assert (plan.event_payload, plan.receive_event_payload) == (98, 98)


def test_without_telephone_event_there_is_none():
    answer, plan = make_answer(HERE, offer(b"8"))
    assert plan.event_payload is None
    assert b"101" not in answer.partition(b"m=")[2]


@pytest.mark.parametrize(
    ("theirs", "ours", "sends", "receives"),
    [
        ("sendrecv", "sendrecv", True, True),
        ("sendonly", "recvonly", False, True),
        ("recvonly", "sendonly", True, False),
        ("inactive", "inactive", False, False),
    ],
)
def test_directions_are_mirrored(theirs, ours, sends, receives):
    answer, plan = make_answer(HERE, offer(b"8", b"a=%b\r\n" % theirs.encode()))
    assert f"a={ours}\r\n".encode() in answer
    assert (plan.sends, plan.receives) == (sends, receives)


def test_the_old_hold_has_no_remote():
    held = offer(b"8").replace(b"c=IN IP4 10.0.0.1", b"c=IN IP4 0.0.0.0")
    _, plan = make_answer(HERE, held)
    assert plan.remote is None
    assert not plan.sends


def test_other_streams_are_rejected_in_their_place():
    data = offer(b"31", kind=b"video", port=5002) + b"m=audio 40000 RTP/AVP 8\r\n"
    answer, plan = make_answer(HERE, data)
    media = parse(answer).media
    assert [(one.kind, one.port) for one in media] == [("video", 0), ("audio", 5000)]
    assert plan.remote == Address("10.0.0.1", 40000)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not sdp",
        offer(b"18"),
        offer(b"8", protocol=b"RTP/SAVP"),
        offer(b"8", port=0),
        offer(b"31", kind=b"video"),
        offer(b"8", b"a=rtpmap:8 G729/8000\r\n"),
        offer(b"8", b"a=rtpmap:8 PCMA/16000\r\n"),
        offer(b"999999 abc"),
    ],
)
def test_what_we_cannot_talk_with_is_refused(data):
    with pytest.raises(OfferError):
        make_answer(HERE, data)


@pytest.mark.parametrize("address", [b"224.1.1.1", b"sip.example.com"])
def test_no_audio_goes_to_names_and_groups(address):
    _, plan = make_answer(HERE, offer(b"8").replace(b"c=IN IP4 10.0.0.1", b"c=IN IP4 " + address))
    assert plan.remote is None


def test_ipv6_is_written_as_ipv6():
    here = Local("sip:3001@x", 1, 1, Address("2001:db8::1", 5000))
    assert b"c=IN IP6 2001:db8::1\r\n" in make_offer(here)
