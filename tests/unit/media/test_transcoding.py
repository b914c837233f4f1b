"""Offers with codecs that the border adds, and what their answers make of a call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from farline.media import records
from farline.media.engine import Side
from farline.media.session import MediaSession
from farline.sdp import parse

if TYPE_CHECKING:
    from collections.abc import Iterable

PLACES = {"B1": "192.168.64.96", "A1": "10.10.10.7"}
PHONE = Side("outside", "B1", "192.168.67.61", transcoding=("opus", "g722"))
OFFICE = Side("inside", "A1", "10.10.10.13")
HEAD = b"v=0\r\no=- 1 1 IN IP4 10.10.10.13\r\ns=-\r\nc=IN IP4 10.10.10.13\r\nt=0 0\r\n"
ALAW = ("8",)
EVENTS = ("101", "telephone-event/8000", "0-15")


def sdp(*formats: tuple[str, ...], rest: Iterable[str] = (), kind: str = "audio") -> bytes:
    """A description of one stream: (payload type, rtpmap, fmtp) each."""
    numbers = " ".join(one[0] for one in formats)
    lines = [f"m={kind} 40752 RTP/AVP {numbers}"]
    lines += [f"a=rtpmap:{one[0]} {one[1]}" for one in formats if len(one) > 1]
    lines += [f"a=fmtp:{one[0]} {one[2]}" for one in formats if len(one) > 2]
    return HEAD + "".join(f"{line}\r\n" for line in (*lines, *rest)).encode()


class Relay:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.voices: Any = "never told"
        self.told = 0
        self.formats: dict[int, list[tuple[int, str, int]]] = {}
        self.calls: list[str] = []

    def open(self, session, stream, interfaces, rtp, /):
        return 35000, 35000

    def transcode(self, session, stream, sides, /):
        self.voices, self.told = sides, self.told + 1

    def describe(self, session, stream, side, formats, /):
        self.formats[side] = formats

    def __getattr__(self, name: str) -> Any:
        self.calls.append(name)
        return lambda *_, **__: None


def session(relay: Relay) -> MediaSession:
    """The office calls: it is side 0."""
    drawn = iter(range(1, 100))
    draw = lambda size: next(drawn).to_bytes(size, "little")  # noqa: E731
    return MediaSession("call", relay, PLACES, draw, [OFFICE, PHONE])


def media_of(shown: bytes) -> list[str]:
    text = shown.decode()
    return [line for line in text.split("\r\n") if line.startswith(("m=", "a="))]


@pytest.fixture
def relay() -> Relay:
    return Relay()


@pytest.fixture
def call(relay) -> MediaSession:
    return session(relay)


OFFER = sdp(ALAW, EVENTS, rest=["a=ptime:20", "a=sendrecv"])
OPUS = ("96", "opus/48000/2", "useinbandfec=1;maxaveragebitrate=16000")


def test_codecs_are_added_behind_what_was_offered(call):
    assert media_of(call.offer(parse(OFFER), OFFICE, PHONE)) == [
        "m=audio 35000 RTP/AVP 8 101 96 9 97",
        "a=rtpmap:101 telephone-event/8000",
        "a=fmtp:101 0-15",
        "a=ptime:20",
        "a=sendrecv",
        "a=rtpmap:96 opus/48000/2",
        "a=fmtp:96 useinbandfec=1",
        "a=rtpmap:9 G722/8000",
        "a=rtpmap:97 telephone-event/48000",
        "a=fmtp:97 0-15",
    ]


def test_nothing_is_added_to_what_cannot_be_transcoded_or_is_there(call):
    for offer in (
        sdp(("18",), EVENTS),
        sdp(("99", "H264/90000"), kind="video"),
        sdp(("110", "opus/48000/2"), ("9",)),
    ):
        wanted = next(line for line in offer.decode().split("\r\n") if line[:2] == "m=")
        shown = session(Relay()).offer(parse(offer), OFFICE, PHONE)
        assert media_of(shown)[0] == wanted.replace("40752", "35000")


def test_a_leg_without_the_rule_gets_what_was_offered(relay):
    shown = session(relay).offer(parse(OFFER), PHONE, OFFICE)
    assert media_of(shown)[0] == "m=audio 35000 RTP/AVP 8 101"


def test_an_answer_that_shares_a_codec_is_not_transcoded(call, relay):
    call.offer(parse(OFFER), OFFICE, PHONE)
    answer = sdp(ALAW, EVENTS)
    assert media_of(call.answer(parse(answer), PHONE, OFFICE))[0].endswith("AVP 8 101")
    assert relay.told == 0


def test_an_added_codec_beside_a_shared_one_is_transcoded_once_it_is_spoken(call, relay):
    call.offer(parse(OFFER), OFFICE, PHONE)
    answer = sdp(("111", "opus/48000/2"), ALAW, ("97", "telephone-event/48000"), EVENTS)
    assert media_of(call.answer(parse(answer), PHONE, OFFICE)) == [
        "m=audio 35000 RTP/AVP 8 101",
        "a=rtpmap:101 telephone-event/8000",
        "a=fmtp:101 0-15",
    ]
    office, phone = relay.voices
    # The phone sends Opus by the number that it was offered, or by its own.
    assert (office.codec, office.payload_type, office.wakes) == ("PCMA", 8, (96, 111))
    assert (phone.codec, phone.payload_type, phone.wakes) == ("opus", 111, ())
    hold = sdp(ALAW, EVENTS, rest=["a=sendonly"])
    # What the phone has for Opus it finds again (RFC 3264 section 8.3.2).
    shown = media_of(call.offer(parse(hold), OFFICE, PHONE))
    assert shown[0] == "m=audio 35000 RTP/AVP 8 101 111 9 97"
    call.answer(parse(answer), PHONE, OFFICE)
    assert [one.ssrc for one in relay.voices] == [office.ssrc, phone.ssrc]
    call.offer(parse(OFFER), OFFICE, PHONE)
    call.answer(parse(sdp(("111", "opus/48000/2"))), PHONE, OFFICE)
    assert [one.wakes for one in relay.voices] == [None, None]
    assert relay.voices[0].ssrc == office.ssrc


def test_a_shared_codec_that_is_not_ours_and_an_added_one(call, relay):
    call.offer(parse(sdp(("18",), ALAW)), OFFICE, PHONE)
    shown = media_of(call.answer(parse(sdp(("18",), ("9",))), PHONE, OFFICE))
    assert shown[0] == "m=audio 35000 RTP/AVP 18"
    # Whoever offers a codec takes it (section 5.1): it can be had in that.
    office, _phone = relay.voices
    assert (office.codec, office.wakes) == ("PCMA", (9,))


def test_an_answer_with_an_added_codec_is_told_in_the_offerers(call, relay):
    call.offer(parse(OFFER), OFFICE, PHONE)
    answer = sdp(OPUS, ("97", "telephone-event/48000"), rest=["a=ptime:40", "a=maxptime:60"])
    assert media_of(call.answer(parse(answer), PHONE, OFFICE)) == [
        "m=audio 35000 RTP/AVP 8 101",
        "a=rtpmap:8 PCMA/8000",
        "a=rtpmap:101 telephone-event/8000",
        "a=fmtp:101 0-15",
    ]
    office, phone = relay.voices
    assert (office.codec, office.payload_type, office.ptime) == ("PCMA", 8, 20)
    assert (office.events, office.noise, office.fec) == ((101, 8000), None, False)
    assert (phone.codec, phone.payload_type, phone.events) == ("opus", 96, (97, 48000))
    assert (phone.ptime, phone.maxptime) == (40, 60)
    assert (phone.bitrate, phone.fec, phone.cbr) == (16000, True, False)
    assert office.ssrc != phone.ssrc
    assert (96, "opus", 48000) in relay.formats[1]
    assert (8, "PCMA", 8000) in relay.formats[0]


def test_the_same_answer_again_says_nothing_new_and_a_fork_may_choose_otherwise(call, relay):
    call.offer(parse(OFFER), OFFICE, PHONE)
    call.answer(parse(sdp(OPUS)), PHONE, OFFICE)
    call.answer(parse(sdp(OPUS)), PHONE, OFFICE)
    assert relay.told == 1
    call.answer(parse(sdp(("9",))), PHONE, OFFICE)
    assert [one.codec for one in relay.voices] == ["PCMA", "G722"]
    call.answer(parse(sdp(ALAW)), PHONE, OFFICE)
    assert (relay.told, relay.voices) == (3, None)


def answered(call: MediaSession) -> None:
    call.offer(parse(OFFER), OFFICE, PHONE)
    call.answer(parse(sdp(OPUS, ("97", "telephone-event/48000"))), PHONE, OFFICE)


def test_a_hold_of_either_side_keeps_codecs_numbers_and_sources(call, relay):
    answered(call)
    before = relay.voices
    hold = sdp(OPUS, ("97", "telephone-event/48000"), rest=["a=sendonly"])
    shown = media_of(call.offer(parse(hold), PHONE, OFFICE))
    # The office's rule adds nothing; what it speaks in this call it finds again.
    assert shown[0] == "m=audio 35000 RTP/AVP 96 97 8 101"
    assert "a=sendonly" in shown
    back = call.answer(parse(sdp(ALAW, EVENTS, rest=["a=recvonly"])), OFFICE, PHONE)
    assert media_of(back)[0] == "m=audio 35000 RTP/AVP 96 97"
    assert "a=recvonly" in media_of(back)
    office = call.offer(parse(OFFER), OFFICE, PHONE)
    assert media_of(office)[0] == "m=audio 35000 RTP/AVP 8 101 96 9 97"
    call.answer(parse(sdp(OPUS, ("97", "telephone-event/48000"))), PHONE, OFFICE)
    assert [one.ssrc for one in relay.voices] == [one.ssrc for one in before]


def test_a_reoffer_that_brings_a_shared_codec_ends_it(call, relay):
    answered(call)
    call.offer(parse(sdp(OPUS, ALAW)), PHONE, OFFICE)
    shown = call.answer(parse(sdp(ALAW)), OFFICE, PHONE)
    assert media_of(shown) == ["m=audio 35000 RTP/AVP 8"]
    assert relay.voices is None
    call.offer(parse(OFFER), OFFICE, PHONE)
    call.answer(parse(sdp(OPUS)), PHONE, OFFICE)
    # Another source: SRTP must not see a sequence number twice.
    assert relay.voices[0].ssrc not in (1, 2)


def test_a_late_offer_is_widened_towards_the_caller(relay):
    call = MediaSession("call", relay, PLACES, lambda size: bytes(size), [PHONE, OFFICE])
    wide = Side("outside", "B1", "192.168.67.61", transcoding=("pcma",))
    shown = call.offer(parse(sdp(("9",))), OFFICE, wide)
    assert media_of(shown)[0] == "m=audio 35000 RTP/AVP 9 8"
    told = call.answer(parse(sdp(ALAW)), wide, OFFICE)
    assert media_of(told) == ["m=audio 35000 RTP/AVP 9", "a=rtpmap:9 G722/8000"]
    assert [one.codec for one in relay.voices] == ["PCMA", "G722"]


def test_a_rejected_stream_is_not_transcoded(call, relay):
    call.offer(parse(OFFER), OFFICE, PHONE)
    call.answer(parse(OFFER.replace(b"40752", b"0")), PHONE, OFFICE)
    assert relay.told == 0


def test_the_next_process_goes_on_with_it(call, relay):
    answered(call)
    call.offer(parse(OFFER), OFFICE, PHONE)
    after = Relay()
    known = records.encode(call)
    assert known is not None
    again = records.decode(known, after, PLACES, lambda size: bytes(size))
    again.resume()
    assert after.voices == relay.voices
    shown = again.answer(parse(sdp(OPUS)), PHONE, OFFICE)
    assert media_of(shown)[0] == "m=audio 35000 RTP/AVP 8"


@pytest.mark.parametrize("hostile", [
    ("96", "opus/48000/2", "maxaveragebitrate=99999999999999999999;;=;cbr"),
    ("96", "opus/48000/2", "useinbandfec"),
])  # fmt: skip
def test_parameters_that_say_nothing_are_passed_over(call, relay, hostile):
    call.offer(parse(OFFER), OFFICE, PHONE)
    call.answer(parse(sdp(hostile, rest=["a=ptime:x", "a=maxptime:0"])), PHONE, OFFICE)
    phone = relay.voices[1]
    assert (phone.bitrate, phone.ptime, phone.maxptime, phone.cbr) == (None, None, None, False)
