"""BUNDLE in offers and answers (RFC 9143): what a browser reads, and what the relay is told."""

import itertools

import pytest

from farline.media.engine import Answer, Offer, Side
from farline.media.relay_control import RelayControl
from farline.media.sessions import MediaSessions
from farline.sdp import Fingerprint, bundle_group, parse
from farline.testing import SeededIds

ADDRESSES = {"B1": "192.168.64.96", "A1": "10.10.10.7"}
OUTSIDE = Side("outside", "B1", "203.0.113.5", "dtls")
INSIDE = Side("inside", "A1", "10.10.10.13")
OURS = Fingerprint("sha-256", bytes(range(32)))
THEIRS = Fingerprint("sha-256", bytes(32)).to_bytes().decode()
MID = "urn:ietf:params:rtp-hdrext:sdes:mid"
TRANSPORT = (
    f"a=rtcp-mux\r\na={THEIRS}\r\na=setup:actpass\r\na=ice-ufrag:abcd\r\na=ice-pwd:{'p' * 22}\r\n"
)
CODECS = {"audio": "8", "video": "96"}
MAPS = {"audio": "", "video": "a=rtpmap:96 VP8/90000\r\n"}


class Relay(RelayControl):
    """Notes what stands."""

    def __init__(self):
        self.ports = itertools.count(35000, 2)
        self.bundles, self.shaken, self.closed, self.ice_of, self.open_ = {}, {}, set(), {}, []
        self.remotes = {}

    def open(self, _session, stream, _interfaces, _rtp):
        self.open_.append(stream)
        return next(self.ports), next(self.ports)

    def bundle(self, _session, carrier, side, mid_extension, members):
        self.bundles.pop((carrier, side), None)
        if members:
            self.bundles[carrier, side] = (mid_extension, list(members))

    def protect(self, _session, stream, side, _keys, *, closed=False):
        self.shaken.pop((stream, side), None)
        (self.closed.add if closed else self.closed.discard)((stream, side))

    def shake(self, _session, stream, side, fingerprints, *, active):
        self.shaken[stream, side] = fingerprints, active
        self.closed.discard((stream, side))

    def ice(self, _session, stream, side, credentials):
        self.ice_of[stream, side] = credentials

    def close(self, _session, stream):
        self.open_.remove(stream)

    def signal(self, _session, stream, side, **said):
        self.remotes[stream, side] = said


def section(kind, mid, port=5000, extra="", *, transport=TRANSPORT, extension=4):
    extmap = f"a=extmap:{extension} {MID}\r\n" if extension else ""
    return (
        f"m={kind} {port} UDP/TLS/RTP/SAVPF {CODECS[kind]}\r\n{MAPS[kind]}"
        f"a=mid:{mid}\r\n{extmap}{transport if port or extra else ''}{extra}"
    )


def browsers(*sections, group="0 1", session="", head="group:BUNDLE "):
    grouped = f"a={head}{group}\r\n" if group else ""
    begin = f"v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nc=IN IP4 203.0.113.5\r\nt=0 0\r\n{session}"
    return (begin + grouped + "".join(sections)).encode()


def phones(*kinds, payload=None):
    """A phone's description; "-audio" is rejected."""
    begin = "v=0\r\no=- 1 1 IN IP4 10.10.10.13\r\ns=-\r\nc=IN IP4 10.10.10.13\r\nt=0 0\r\n"
    lines = []
    for at, kind in enumerate(kinds):
        name = kind.removeprefix("-")
        port = 0 if kind.startswith("-") else 40000 + 10 * at
        number = payload or CODECS[name]
        meaning = MAPS[name].replace("96", number)
        if payload and name == "audio":
            meaning = f"a=rtpmap:{number} opus/48000/2\r\n"
        lines.append(f"m={name} {port} RTP/AVP {number}\r\n{meaning}")
    return (begin + "".join(lines)).encode()


class Call:
    def __init__(self):
        self.relay = Relay()
        self.sessions = MediaSessions(self.relay, ADDRESSES, SeededIds(7), OURS)

    def perform(self, kind, sdp, sender):
        receiver = INSIDE if sender is OUTSIDE else OUTSIDE
        reply = self.sessions.perform(kind("call", sdp, sender, receiver))
        assert reply.error is None, reply.error
        return reply.sdp

    def from_browser(self, offer, answer):
        """The two descriptions as they were shown: to the phone, to the browser."""
        inner = self.perform(Offer, offer, OUTSIDE)
        return parse(inner), parse(self.perform(Answer, answer, INSIDE))

    def from_phone(self, offer, answer):
        """To the browser, to the phone."""
        outer = self.perform(Offer, offer, INSIDE)
        return parse(outer), parse(self.perform(Answer, answer, OUTSIDE))

    @property
    def bundled(self):
        """Of the browser's side: carrier, extension, and the members with their names."""
        found = [(at, one) for at, one in self.relay.bundles.items()]
        assert len(found) <= 1
        if not found:
            return None
        ((carrier, _), (extension, members)) = found[0]
        return carrier, extension, [(stream, mid) for stream, mid, _, _ in members]


BOTH = browsers(section("audio", "0"), section("video", "1"))


def test_one_transport_carries_what_the_browser_bundles():
    call = Call()
    inner, outer = call.from_browser(BOTH, phones("audio", "video"))
    assert len({one.port for one in inner.media}) == 2
    assert bundle_group(outer) == (0, 1)
    assert {one.port for one in outer.media} == {35000}
    assert len({one.ice.fragment for one in outer.media}) == 1
    assert [one.mid_extension for one in outer.media] == [4, 4]
    assert call.bundled == (0, 4, [(0, b"0"), (1, b"1")])
    # The second stream's own port shakes no hands, and answers no checks.
    assert (1, 0) in call.relay.closed
    assert (0, 0) in call.relay.shaken
    assert call.relay.ice_of[1, 0] is None
    ((_, (_, members)),) = call.relay.bundles.items()
    assert [types for _, _, types, _ in members] == [(8,), (96,)]


def test_what_the_tagged_section_says_counts_for_the_bundle():
    call = Call()
    ssrc = "a=ssrc:77 cname:x\r\na=ssrc:77 msid:y\r\na=ssrc:78 cname:x\r\n"
    bare = section("video", "1", transport=ssrc)
    inner, outer = call.from_browser(
        browsers(section("audio", "0"), bare), phones("audio", "video")
    )
    assert [one.line.protocol for one in inner.media] == ["RTP/AVP", "RTP/AVP"]
    assert bundle_group(outer) == (0, 1)
    ((_, (_, members)),) = call.relay.bundles.items()
    assert [sources for *_, sources in members] == [(), (77, 78)]


def test_a_section_that_is_there_only_in_the_bundle_is_no_rejected_one():
    call = Call()
    offer = browsers(section("audio", "0"), section("video", "1", 0, "a=bundle-only\r\n"))
    inner, outer = call.from_browser(offer, phones("audio", "video"))
    assert not any(one.rejected for one in inner.media)
    assert b"bundle-only" not in inner.to_bytes() + outer.to_bytes()
    assert bundle_group(outer) == (0, 1)
    assert call.bundled is not None


def test_a_rejected_section_is_not_in_the_answers_group():
    call = Call()
    _, outer = call.from_browser(BOTH, phones("audio", "-video"))
    assert bundle_group(outer) == (0,)
    assert [one.rejected for one in outer.media] == [False, True]
    assert call.bundled is None
    call = Call()
    _, outer = call.from_browser(BOTH, phones("-audio", "video"))
    assert bundle_group(outer) == (1,)
    assert outer.media[1].port == 35004


def test_without_a_group_each_has_its_own_transport():
    call = Call()
    offer = browsers(section("audio", "0"), section("video", "1"), group="")
    _, outer = call.from_browser(offer, phones("audio", "video"))
    assert bundle_group(outer) == ()
    assert len({one.port for one in outer.media}) == 2
    assert call.bundled is None


def test_the_browser_decides_whether_it_takes_our_offer_of_a_bundle():
    for group, shared in (("0 1", True), ("", False), ("1 0", True)):
        call = Call()
        answer = browsers(
            section("audio", "0", extension=1), section("video", "1", extension=1), group=group
        ).replace(b"actpass", b"active")
        outer, inner = call.from_phone(phones("audio", "video"), answer)
        assert bundle_group(outer) == (0, 1)
        assert len({one.port for one in outer.media}) == 2
        assert len({one.ice.fragment for one in outer.media}) == 2
        assert [one.mid_extension for one in outer.media] == [1, 1]
        assert len({one.port for one in inner.media}) == 2
        carrier = 1 if group == "1 0" else 0
        assert (call.bundled is not None) == shared
        assert call.bundled is None or call.bundled[:2] == (carrier, 1)


def test_payload_types_that_mean_two_things_share_no_transport():
    call = Call()
    outer = parse(call.perform(Offer, phones("audio", "video", payload="100"), INSIDE))
    assert bundle_group(outer) == (0,)
    assert len({one.port for one in outer.media}) == 2


def test_a_re_offer_shows_the_shared_port_and_who_comes_later_joins():
    call = Call()
    call.from_browser(BOTH, phones("audio", "video"))
    outer = parse(call.perform(Offer, phones("audio", "video", "video"), INSIDE))
    assert [one.port for one in outer.media][:2] == [35000, 35000]
    assert len({one.port for one in outer.media}) == 2
    assert bundle_group(outer) == (0, 1, 2)
    assert [one.mid for one in outer.media] == [b"0", b"1", b"2"]
    sections = [section("audio", "0"), section("video", "1"), section("video", "2")]
    answer = browsers(*sections, group="0 1 2").replace(b"actpass", b"active")
    call.perform(Answer, answer, OUTSIDE)
    assert call.bundled == (0, 4, [(0, b"0"), (1, b"1"), (2, b"2")])


def test_the_transport_outlives_the_section_that_brought_it():
    call = Call()
    call.from_browser(BOTH, phones("audio", "video"))
    gone = section("audio", "0", 0).replace("a=mid:0\r\n", "")
    offer = browsers(gone, section("video", "1"), group="1")
    _, outer = call.from_browser(offer, phones("-audio", "video"))
    assert outer.media[1].port == 35000, "where the browser is connected"
    assert call.bundled == (0, 4, [(1, b"1")])
    assert call.relay.open_ == [0, 1]
    assert call.relay.remotes[0, 1]["muted"]
    restored = MediaSessions(Relay(), ADDRESSES, SeededIds(7), OURS)
    restored.restore("call", call.sessions.record("call"))
    assert restored.record("call") == call.sessions.record("call")
    # ICE begins anew: the carrier has what the section says that it carries.
    anew = offer.replace(b"ice-ufrag:abcd", b"ice-ufrag:anew")
    _, outer = call.from_browser(anew, phones("-audio", "video"))
    assert call.relay.ice_of[0, 0][0] == outer.media[1].ice.fragment
    # Out of the bundle it has its own again, and nobody needs the first.
    alone = browsers(gone, section("video", "1"), group="")
    _, outer = call.from_browser(alone, phones("-audio", "video"))
    assert outer.media[1].port == 35004
    assert call.relay.open_ == [1]
    assert (1, 0) in call.relay.shaken
    assert call.bundled is None


@pytest.mark.parametrize("group", ["0 0 0", "9 8", "1 1 0 7", "0", ""])
def test_groups_that_make_no_sense_do_no_harm(group):
    call = Call()
    _, outer = call.from_browser(
        browsers(section("audio", "0"), section("video", "1"), group=group),
        phones("audio", "video"),
    )
    assert set(bundle_group(outer)) <= {0, 1}
    assert not any(one.rejected for one in outer.media)


def test_two_sections_of_one_name_are_not_told_apart_by_it():
    call = Call()
    offer = browsers(section("audio", "0"), section("video", "0"), group="0")
    _, outer = call.from_browser(offer, phones("audio", "video"))
    assert call.bundled is None
    assert len({one.port for one in outer.media}) == 2


LONELY = "a=bundle-only\r\n"


def test_what_is_only_in_the_bundle_and_clashes_there_is_rejected():
    """RFC 9143 section 9.1: 8 cannot mean two things. In the answer 111 must not either."""
    clash = section("video", "1", 0, LONELY).replace("96", "8")
    call = Call()
    inner = parse(call.perform(Offer, browsers(section("audio", "0"), clash), OUTSIDE))
    assert ([one.rejected for one in inner.media], call.relay.open_) == ([False, True], [0])
    call = Call()
    offer = browsers(section("audio", "0"), section("video", "1", 0, LONELY))
    _, outer = call.from_browser(offer, phones("audio", "video", payload="111"))
    assert ([one.rejected for one in outer.media], call.relay.open_) == ([False, True], [0])
    assert bundle_group(outer) == (0,)


def test_a_second_group_is_not_taken():
    """Its sections have ports of their own, and what is only in it is rejected."""
    sections = [section("audio", "0"), section("audio", "1", 5002)]
    sections += [section("video", "2", 5004), section("video", "3", 0, LONELY)]
    offer = browsers(*sections, group="0 1\r\na=group:BUNDLE 2 3")
    inner, outer = Call().from_browser(offer, phones("audio", "audio", "video", "-video"))
    assert [media.rejected for media in inner.media] == [False, False, False, True]
    assert [outer.media[0].port == one.port for one in outer.media] == [True, True, False, False]
    assert ([one.rejected for one in outer.media][2:], bundle_group(outer)) == (
        [False, True],
        (0, 1),
    )
