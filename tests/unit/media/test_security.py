"""Keys and profiles of each leg by its media rule, against a relay that only writes down."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import pytest

from farline.media.engine import Answer, Offer, Query, Side
from farline.media.relay_control import RelayControl
from farline.media.sessions import MediaSessions
from farline.media.wire import MediaWireError, encode_request, read_request
from farline.sdp import Crypto, parse
from farline.testing import SeededIds

SUITE, OTHER = "AES_CM_128_HMAC_SHA1_80", "AEAD_AES_128_GCM"
PHONE_KEY, DESK_KEY = Crypto(1, SUITE, b"p" * 30), Crypto(1, SUITE, b"d" * 30)
SAVP, AVP = "RTP/SAVP", "RTP/AVP"


@dataclass
class Notebook(RelayControl):
    """What the relay was told of keys, by stream and side; None: in the clear."""

    keys: dict[tuple[int, int], object] = field(default_factory=dict)
    told: int = 0
    given: int = 0

    def open(self, session, stream, interfaces, rtp, /):
        self.given += 1
        return 34998 + 2 * self.given, 44998 + 2 * self.given

    def protect(self, session, stream, side, keys, /, *, closed=False):
        self.told += 1
        self.keys[stream, side] = "closed" if closed else keys

    def signal(self, session, stream, side, **_said):
        self.keys.setdefault((stream, side), None)

    def describe(self, session, stream, side, formats, /):
        assert session == "call"

    def query(self, session, /):
        return []

    def delete(self, session, /):
        return []


def sdp(profile: str, *keys: Crypto, port: int = 5000) -> bytes:
    lines = b"".join(b"a=%b\r\n" % one.to_bytes() for one in keys)
    head = b"v=0\r\no=- 1 1 IN IP4 10.9.9.9\r\ns=-\r\nc=IN IP4 10.9.9.9\r\nt=0 0\r\n"
    return head + b"m=audio %d %b 8\r\n" % (port, profile.encode()) + lines


class Call:
    """A call between legs with rules of their own."""

    def __init__(self, outside: str, inside: str) -> None:
        self.relay = Notebook()
        self.sessions = MediaSessions(self.relay, {"B1": "1.1.1.1", "A1": "2.2.2.2"}, SeededIds(7))
        self.outside = Side("outside", "B1", "", outside)
        self.inside = Side("inside", "A1", "", inside)

    def offer(self, body: bytes, *, inside: bool = False):
        one, other = (self.inside, self.outside) if inside else (self.outside, self.inside)
        return self.sessions.perform(Offer("call", body, one, other))

    def answer(self, body: bytes, *, outside: bool = False):
        one, other = (self.outside, self.inside) if outside else (self.inside, self.outside)
        return self.sessions.perform(Answer("call", body, one, other))


def said(reply) -> tuple[str, tuple[Crypto, ...]]:
    """Profile and keys of the description in a reply."""
    assert reply.error is None, reply.error
    (media,) = parse(reply.sdp).media
    return media.line.protocol, media.crypto


@pytest.mark.parametrize("rule", ["preferred", "required"])
def test_srtp_outside_and_rtp_inside(rule) -> None:
    call = Call(rule, "off")
    foreign = Crypto(4, OTHER, b"p" * 28)
    assert said(call.offer(sdp(SAVP, PHONE_KEY, foreign))) == (AVP, ())
    (suite, theirs, ours) = call.relay.keys[0, 0]  # at once: early media is protected too
    assert (suite, theirs, len(ours)) == (SUITE, PHONE_KEY.key, 30)
    assert said(call.answer(sdp(AVP))) == (SAVP, (Crypto(1, SUITE, ours),))
    assert call.relay.keys == {(0, 0): (SUITE, PHONE_KEY.key, ours), (0, 1): None}


def test_the_answer_has_the_tag_and_profile_of_the_offer() -> None:
    call = Call("preferred", "off")
    call.offer(sdp("RTP/AVPF", Crypto(9, OTHER, b"p" * 28)))
    profile, (ours,) = said(call.answer(sdp("RTP/AVPF")))
    assert (profile, ours.tag, ours.suite) == ("RTP/AVPF", 9, OTHER)


@pytest.mark.parametrize(
    ("rules", "offered", "told", "answered"),
    [
        (("required", "off"), "RTP/SAVPF", "RTP/AVPF", "RTP/AVP"),
        (("required", "off"), "RTP/SAVPF", "RTP/AVPF", "RTP/AVPF"),
        (("required", "off"), "RTP/SAVP", "RTP/AVP", "RTP/AVPF"),
        (("preferred", "off"), "RTP/AVPF", "RTP/AVPF", "RTP/AVP"),
    ],
)
def test_an_answer_has_the_profile_of_its_offer(rules, offered, told, answered) -> None:
    """Whatever the server answers (RFC 3264 section 6): the F comes and goes as the S does."""
    call = Call(*rules)
    keys = (PHONE_KEY,) if "SAVP" in offered else ()
    assert said(call.offer(sdp(offered, *keys)))[0] == told
    assert said(call.answer(sdp(answered)))[0] == offered


def test_preferred_takes_rtp_where_that_is_offered() -> None:
    call = Call("preferred", "off")
    assert said(call.offer(sdp(AVP))) == (AVP, ())
    assert said(call.answer(sdp(AVP))) == (AVP, ())
    assert call.relay.keys == {(0, 0): None, (0, 1): None}


def test_preferred_offers_keys_beside_rtp_and_either_answer_will_do() -> None:
    call = Call("preferred", "off")
    profile, keys = said(call.offer(sdp(AVP), inside=True))
    assert (profile, keys[0].suite, len({one.key for one in keys})) == (AVP, SUITE, 4)
    assert call.relay.keys[0, 1] == "closed"  # nothing in the clear before the peer has chosen
    chosen = Crypto(keys[2].tag, keys[2].suite, b"p" * 28)
    assert said(call.answer(sdp(AVP, chosen), outside=True)) == (AVP, ())
    assert call.relay.keys[0, 1] == (OTHER, chosen.key, keys[2].key)
    plain = Call("preferred", "off")
    plain.offer(sdp(AVP), inside=True)
    assert said(plain.answer(sdp(AVP), outside=True)) == (AVP, ())
    assert plain.relay.keys == {(0, 0): None, (0, 1): None}


def test_required_offers_savp_and_refuses_an_answer_in_the_clear() -> None:
    call = Call("required", "off")
    profile, keys = said(call.offer(sdp(AVP), inside=True))
    assert (profile, keys[0].suite) == (SAVP, SUITE)
    stranger = Crypto(1, OTHER, b"p" * 28)  # tag of one line, suite of another
    for body in (sdp(AVP), sdp(SAVP), sdp(SAVP, stranger)):
        reply = call.answer(body, outside=True)
        assert (reply.status, reply.sdp) == (488, None)
        assert call.relay.keys[0, 1] == "closed"
    assert said(call.answer(sdp(SAVP, PHONE_KEY), outside=True)) == (AVP, ())


@pytest.mark.parametrize(
    ("rule", "body"),
    [
        ("required", sdp(AVP)),
        ("required", sdp(SAVP)),
        ("preferred", sdp(SAVP)),
        ("preferred", sdp("UDP/TLS/RTP/SAVPF", PHONE_KEY)),
    ],
)
def test_what_the_rule_forbids_is_refused_with_form_and_field(rule, body) -> None:
    reply = Call(rule, "off").offer(body)
    assert reply.status == 488
    assert f"End Point Policy Group, Media Rule: Encryption is '{rule}': m= line 1" in reply.error


def test_an_inside_that_is_off_neither_offers_nor_takes_keys() -> None:
    call = Call("preferred", "off")
    assert call.offer(sdp(SAVP, DESK_KEY), inside=True).status == 488
    call.offer(sdp(SAVP, PHONE_KEY))
    assert call.answer(sdp(SAVP, DESK_KEY)).status == 488


def test_a_reoffer_in_the_clear_is_refused_and_the_call_stays_protected() -> None:
    call = Call("required", "off")
    call.offer(sdp(SAVP, PHONE_KEY))
    call.answer(sdp(AVP))
    before = dict(call.relay.keys)
    assert call.offer(sdp(AVP)).status == 488
    assert call.relay.keys == before
    assert call.offer(sdp(SAVP, PHONE_KEY)).error is None


def test_a_hold_keeps_the_keys_and_a_new_key_takes_effect_with_the_answer() -> None:
    call = Call("preferred", "off")
    call.offer(sdp(SAVP, PHONE_KEY))
    _, ours = said(call.answer(sdp(AVP)))
    told = call.relay.told
    call.offer(sdp(SAVP, PHONE_KEY) + b"a=sendonly\r\n")
    assert said(call.answer(sdp(AVP) + b"a=recvonly\r\n")) == (SAVP, ours)
    assert call.relay.told == told
    new = Crypto(1, SUITE, b"n" * 30)
    call.offer(sdp(SAVP, new))
    assert call.relay.told == told
    assert said(call.answer(sdp(AVP))) == (SAVP, ours)
    assert call.relay.keys[0, 0] == (SUITE, new.key, ours[0].key)


def test_an_offer_from_inside_in_the_call_keeps_key_and_profile_outside() -> None:
    call = Call("preferred", "off")
    call.offer(sdp(SAVP, PHONE_KEY))
    _, (ours,) = said(call.answer(sdp(AVP)))
    profile, offered = said(call.offer(sdp(AVP), inside=True))
    assert (profile, offered[0]) == (SAVP, ours)
    told = call.relay.told
    assert said(call.answer(sdp(SAVP, PHONE_KEY), outside=True)) == (AVP, ())
    assert call.relay.told == told


def test_both_legs_may_be_protected_each_with_keys_of_its_own() -> None:
    call = Call("required", "required")
    profile, offered = said(call.offer(sdp(SAVP, PHONE_KEY)))
    assert (profile, PHONE_KEY.key in {one.key for one in offered}) == (SAVP, False)
    profile, (ours,) = said(call.answer(sdp(SAVP, DESK_KEY)))
    assert profile == SAVP
    assert call.relay.keys[0, 0] == (SUITE, PHONE_KEY.key, ours.key)
    assert call.relay.keys[0, 1] == (SUITE, DESK_KEY.key, offered[0].key)


def test_two_legs_that_are_off_are_left_alone() -> None:
    call = Call("off", "off")
    assert said(call.offer(sdp(SAVP, PHONE_KEY))) == (SAVP, (PHONE_KEY,))
    assert said(call.answer(sdp(SAVP, DESK_KEY))) == (SAVP, (DESK_KEY,))
    assert call.relay.told == 0


def test_a_rejected_stream_has_no_keys_and_the_offerer_s_profile() -> None:
    call = Call("required", "off")
    call.offer(sdp(SAVP, PHONE_KEY) + b"m=video 0 RTP/AVP 96\r\n")
    reply = call.answer(sdp(AVP) + b"m=video 0 RTP/AVP 96\r\n")
    assert [one.line.protocol for one in parse(reply.sdp).media] == [SAVP, AVP]


def test_the_rule_crosses_the_wire_and_nothing_else_is_one() -> None:
    call = Call("required", "off")
    request = Offer("call", sdp(SAVP, PHONE_KEY), call.outside, call.inside)
    value = encode_request(request)
    assert read_request(json.dumps(value).encode()).request == request
    value["sender"]["encryption"] = "maybe"
    with pytest.raises(MediaWireError):
        read_request(json.dumps(value).encode())


def test_keys_are_in_no_statistics() -> None:
    call = Call("required", "off")
    call.offer(sdp(SAVP, PHONE_KEY))
    call.answer(sdp(AVP))
    shown = repr(call.sessions.perform(Query("call")))
    session = call.sessions._sessions["call"]
    shown += repr(session.streams) + repr(session.offered.keys) + repr(session.offered.lines)
    assert "ppp" not in shown
