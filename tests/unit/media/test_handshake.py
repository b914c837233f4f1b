"""DTLS-SRTP and ICE in offers and answers: what each leg reads, and what the relay is told."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from msgspec.structs import replace

from farline.media.engine import Answer, MediaReply, Offer, Side
from farline.media.relay_control import RelayControl
from farline.media.sessions import MediaSessions
from farline.sdp import Fingerprint, parse
from farline.testing import SeededIds

ADDRESSES = {"B1": "192.168.64.96", "A1": "10.10.10.7"}
OUTSIDE = Side("outside", "B1", "203.0.113.5", "dtls")
INSIDE = Side("inside", "A1", "10.10.10.13")
OURS = Fingerprint("sha-256", bytes(range(32)))
THEIRS = Fingerprint("sha-256", bytes(32))
PROFILE = "UDP/TLS/RTP/SAVPF"
SESSION = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n"
DTLS = f"a=rtcp-mux\r\na={THEIRS.to_bytes().decode()}\r\n"
PLAIN = "c=IN IP4 10.10.10.13\r\nm=audio 40752 RTP/AVP 8\r\n"


@dataclass
class Relay(RelayControl):
    """Notes what it is told, by side."""

    ice_of: dict[int, tuple[str, str] | None] = field(default_factory=dict)
    shaken: dict[int, tuple] = field(default_factory=dict)
    protected: dict[int, tuple] = field(default_factory=dict)
    said: dict[int, dict] = field(default_factory=dict)

    def open(self, session, stream, interfaces, rtp, /):
        return 35000, 45000

    def signal(self, session, stream, side, **said):
        self.said[side] = said

    def protect(self, session, stream, side, keys, /, *, closed=False):
        self.protected[side] = keys, closed

    def shake(self, session, stream, side, fingerprints, /, *, active):
        self.shaken[side] = fingerprints, active

    def ice(self, session, stream, side, credentials, /):
        self.ice_of[side] = credentials

    def query(self, session, /):
        return []

    def delete(self, session, /):
        return []


def browser(setup: str = "actpass", fragment: str = "abcd", *, lines: str = DTLS) -> bytes:
    """As Chromium writes it before it has candidates."""
    return (
        f"{SESSION}a=group:BUNDLE audio0\r\na=extmap-allow-mixed\r\na=msid-semantic: WMS\r\n"
        "m=audio 9 UDP/TLS/RTP/SAVPF 111 8\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\n"
        f"a=ice-ufrag:{fragment}\r\na=ice-pwd:{'p' * 24}\r\na=ice-options:trickle\r\n"
        f"a=setup:{setup}\r\na=mid:audio0\r\na=extmap:1 urn:x\r\na=sendrecv\r\na=msid:- x\r\n"
        f"a=rtpmap:111 opus/48000/2\r\na=rtcp-fb:111 transport-cc\r\na=ssrc:7 cname:x\r\n{lines}"
    ).encode()


def phone() -> bytes:
    return (SESSION + PLAIN).encode()


class Call:
    """A session with a relay that only notes."""

    def __init__(self, outside: Side = OUTSIDE, inside: Side = INSIDE) -> None:
        self.relay = Relay()
        self.sessions = MediaSessions(self.relay, ADDRESSES, SeededIds(7), OURS)
        self.outside, self.inside = outside, inside

    def offer(self, sdp: bytes, *, inwards: bool = True) -> MediaReply:
        sides = (self.outside, self.inside) if inwards else (self.inside, self.outside)
        return self.sessions.perform(Offer("call", sdp, *sides))

    def answer(self, sdp: bytes, *, inwards: bool = False) -> MediaReply:
        sides = (self.outside, self.inside) if inwards else (self.inside, self.outside)
        return self.sessions.perform(Answer("call", sdp, *sides))


def shown(reply: MediaReply) -> list[str]:
    assert reply.sdp is not None, reply.error
    return reply.sdp.decode().splitlines()


def test_a_browser_offers_and_the_phone_reads_plain_rtp() -> None:
    call = Call()
    lines = shown(call.offer(browser()))
    assert lines[4:] == [
        "m=audio 45000 RTP/AVP 111 8",
        "c=IN IP4 10.10.10.7",
        "a=sendrecv",
        "a=rtpmap:111 opus/48000/2",
    ]
    assert call.relay.shaken == {0: ([("sha-256", bytes(32))], False)}
    assert call.relay.ice_of[0] is not None
    fragment, password = call.relay.ice_of[0]
    assert (len(fragment), len(password)) == (8, 32)
    answered = shown(call.answer(phone()))
    assert answered[4:] == [
        "c=IN IP4 192.168.64.96",
        "a=group:BUNDLE audio0",
        "a=ice-lite",
        f"m=audio 35000 {PROFILE} 8",
        "a=mid:audio0",
        "a=rtcp-mux",
        "a=setup:passive",
        f"a={OURS.to_bytes().decode()}",
        f"a=ice-ufrag:{fragment}",
        f"a=ice-pwd:{password}",
        "a=candidate:1 1 udp 2130706431 192.168.64.96 35000 typ host",
        "a=end-of-candidates",
    ]
    assert [call.relay.said[side]["muxed"] for side in (0, 1)] == [True, False]
    assert not call.relay.said[0]["muted"]  # 0.0.0.0 is no hold where candidates are to come


@pytest.mark.parametrize(("setup", "active"), [("active", False), ("passive", True)])
def test_a_browser_is_offered_dtls_and_chooses_its_role(setup: str, active: bool) -> None:
    call = Call()
    offered = call.offer(phone(), inwards=False)
    (media,) = parse(offered.sdp or b"").media
    assert (media.line.protocol, media.setup, media.mid) == (PROFILE, "actpass", b"0")
    assert media.fingerprints == (OURS,)
    assert media.ice_lite
    assert media.rtcp_mux
    # Its checks may come before its answer: they are answered, and nothing else passes.
    assert call.relay.protected[1] == (None, True)
    assert call.relay.ice_of[1] is not None
    answered = shown(call.answer(browser(setup), inwards=True))
    assert answered[4] == "m=audio 35000 RTP/AVP 111 8"
    assert call.relay.shaken == {1: ([("sha-256", bytes(32))], active)}


def test_credentials_of_a_restart_are_new_and_else_the_same() -> None:
    call = Call()
    call.offer(browser())
    first = shown(call.answer(phone()))
    ours = call.relay.ice_of[0]
    call.offer(browser())
    assert shown(call.answer(phone())) == first
    assert call.relay.ice_of[0] == ours
    call.offer(browser(fragment="wxyz"))
    assert shown(call.answer(phone())) != first
    assert call.relay.ice_of[0] != ours


def test_the_other_leg_may_have_keys_in_sdp() -> None:
    call = Call(inside=replace(INSIDE, encryption="required"))
    lines = shown(call.offer(browser()))
    assert "m=audio 45000 RTP/SAVP 111 8" in lines
    key = next(line for line in lines if line.startswith("a=crypto:1 "))
    secure = PLAIN.replace("RTP/AVP", "RTP/SAVP") + key + "\r\n"
    assert f"m=audio 35000 {PROFILE} 8" in shown(call.answer((SESSION + secure).encode()))
    assert set(call.relay.shaken) == {0}
    assert set(call.relay.protected) == {1}


@pytest.mark.parametrize("rule", ["preferred", "required"])
def test_who_offers_dtls_gets_it_by_every_rule_that_encrypts(rule: str) -> None:
    call = Call(replace(OUTSIDE, encryption=rule))
    assert "m=audio 45000 RTP/AVP 111 8" in shown(call.offer(browser()))
    assert set(call.relay.shaken) == {0}


@pytest.mark.parametrize(
    ("offer", "reason"),
    [
        (phone(), "has no a=fingerprint that can be served here"),
        (browser(lines="a=rtcp-mux\r\n"), "has no a=fingerprint that can be served here"),
        (browser(lines="a=rtcp-mux\r\na=fingerprint:sha-1 00:11\r\n"), "has no a=fingerprint"),
        (browser(lines=DTLS.replace("a=rtcp-mux\r\n", "")), "without a=rtcp-mux"),
    ],
)
def test_what_the_rule_does_not_allow_is_refused_and_shown(offer: bytes, reason: str) -> None:
    refused = Call().offer(offer)
    assert refused.status == 488
    assert "Media Rule: Encryption is 'dtls'" in (refused.error or "")
    assert reason in (refused.error or "")


def test_an_answer_or_a_reoffer_in_the_clear_is_refused_and_the_call_stays() -> None:
    call = Call()
    call.offer(phone(), inwards=False)
    assert call.answer(phone(), inwards=True).status == 488
    call = Call()
    call.offer(browser())
    call.answer(phone())
    before = dict(call.relay.shaken)
    assert call.offer(phone()).status == 488
    assert call.relay.shaken == before
