"""Offer and answer against a relay that only writes down what it is told."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from msgspec.structs import replace

from farline._core import RelayError
from farline.media.engine import (
    Answer,
    Delete,
    MediaReply,
    Offer,
    Query,
    Side,
    Subscribe,
    SubscribeAnswer,
)
from farline.media.music import Studio
from farline.media.sessions import MediaSessions
from farline.sdp import parse
from farline.testing import SeededIds

OUTSIDE = Side("outside", "B1", "192.168.67.61")
INSIDE = Side("inside", "A1", "10.10.10.13")
ADDRESSES = {"B1": "192.168.64.96", "A1": "10.10.10.7"}
AUDIO = "m=audio 5000 RTP/AVP 8\r\n"
VIDEO = "m=video 6000 RTP/AVP 96\r\n"
FAX = "m=image 5000 udptl t38\r\n"


@dataclass
class Notebook:
    """A relay of two pairs a stream: 35000, 35002, ... on both sides."""

    pairs: int = 8
    live: dict[tuple[str, int], bool] = field(default_factory=dict)
    remotes: dict[tuple[int, int], tuple] = field(default_factory=dict)
    muxed: dict[tuple[int, int], bool] = field(default_factory=dict)
    held: bool | None = None
    given: int = 0
    formats: dict[tuple[int, int], list] = field(default_factory=dict)
    recorded: list[tuple[int, str | None]] = field(default_factory=list)
    played: list[tuple[int, str | None]] = field(default_factory=list)
    forks: list[tuple[int, int | None]] = field(default_factory=list)
    keys: dict[tuple[int, int], tuple | None] = field(default_factory=dict)

    def open(self, session, stream, interfaces, rtp, /):
        assert interfaces in (("B1", "A1"), ("A1", "A1"))
        if len(self.live) == self.pairs:
            raise_exhausted()
        self.live[session, stream] = rtp
        self.given += 1
        return 34998 + 2 * self.given, 44998 + 2 * self.given

    def signal(self, session, stream, side, *, rtp, rtcp, source, muted, muxed=False):
        assert (session, stream) in self.live
        self.remotes[stream, side] = (rtp, rtcp, source, muted)
        self.muxed[stream, side] = muxed

    def withhold(self, session, stream, side, withheld, /): ...

    def bundle(self, session, carrier, side, mid_extension, members, /): ...

    def transcode(self, session, stream, sides, /): ...

    def dial(self, session, side, digit, duration_ms, /): ...

    def describe(self, session, stream, side, formats, /):
        self.formats[stream, side] = formats

    def gather(self, gathering, /):
        pass

    def hold(self, session, held, /):
        self.held = held

    def protect(self, session, stream, side, keys, /, *, closed=False):
        self.keys[stream, side] = keys

    def fork(self, session, stream, to, /):
        self.forks.append((stream, to))

    def play(self, session, stream, side, name, /):
        assert (session, stream) in self.live
        self.played.append((side, name))

    def record(self, session, stream, stem, /):
        assert (session, stream) in self.live
        self.recorded.append((stream, stem))

    def close(self, session, stream, /):
        del self.live[session, stream]

    def query(self, session, /):
        stats = dict.fromkeys(("sent_packets", "sent_bytes", "refused_packets"), 0)
        stats |= dict.fromkeys(("received_packets", "received_bytes", "malformed_packets"), 0)
        stats |= {"unsent_packets": 0, "kind": "rtp", "local": "10.10.10.7:35000"}
        stats |= {"side": 1, "latched": None, "last_seen_ms": None, "suite": None}
        stats |= {"unauthentic_packets": 0, "replayed_packets": 0, "quality": None}
        stats |= {"why_user": "off", "transcoding": None}
        stats |= {
            "untargeted_packets": 0,
            "target": None,
            **dict.fromkeys(("stranger", "handshake")),
            "muted": False,
            "bundled": False,
        }
        return [{**stats, "stream": stream} for name, stream in self.live if name == session]

    def delete(self, session, /):
        stats = self.query(session)
        self.live = {key: rtp for key, rtp in self.live.items() if key[0] != session}
        return stats


def raise_exhausted():
    error = RelayError(503, "no free ports")
    error.status, error.reason = error.args
    raise error


def sdp(media: str, address: str = "172.22.33.101", version: int = 1) -> bytes:
    head = f"v=0\r\no=- 1 {version} IN IP4 {address}\r\ns=-\r\nc=IN IP4 {address}\r\nt=0 0\r\n"
    return (head + media).encode()


class ReopeningNotebook(Notebook):
    """The relay of the process after another."""

    def reopen(self, session, stream, interfaces, rtp, ports, /):
        self.live[session, stream] = rtp

    def resume(self, session, stream, /): ...


class Call:
    """The guide's call from outside."""

    def __init__(self, pairs: int = 8) -> None:
        self.relay = Notebook(pairs)
        self.sessions = MediaSessions(self.relay, ADDRESSES, SeededIds(7))

    def offer(self, media: str, address: str = "172.22.33.101", *, source: str | None = None):
        sender = Side("outside", "B1", source or OUTSIDE.signaling_source)
        return self.sessions.perform(Offer("call", sdp(media, address), sender, INSIDE))

    def answer(self, media: str, address: str = "10.10.10.13", *, source: str | None = None):
        receiver = Side("outside", "B1", source or OUTSIDE.signaling_source)
        return self.sessions.perform(Answer("call", sdp(media, address), INSIDE, receiver))


def ports(reply: MediaReply) -> list[int]:
    assert reply.error is None, reply.error
    assert reply.sdp is not None
    lines = reply.sdp.decode().splitlines()
    return [int(line.split()[1]) for line in lines if line.startswith("m=")]


def test_offer_and_answer_show_our_addresses_and_tell_the_relay_theirs() -> None:
    call = Call()
    offered = call.offer(AUDIO)
    assert offered.sdp == sdp("m=audio 45000 RTP/AVP 8\r\n", "10.10.10.7")
    phone = ("172.22.33.101", 5000), ("172.22.33.101", 5001), "192.168.67.61", False
    assert call.relay.remotes[0, 0] == phone
    assert call.relay.remotes[0, 1] == (None, None, "10.10.10.13", False)  # early media may latch
    assert call.relay.held is True  # as long as it rings, silence is no time-out
    answered = call.answer("m=audio 40752 RTP/AVP 8\r\na=rtcp:40759\r\n")
    assert answered.sdp == sdp("m=audio 35000 RTP/AVP 8\r\na=rtcp:35001\r\n", "192.168.64.96")
    office = ("10.10.10.13", 40752), ("10.10.10.13", 40759), "10.10.10.13", False
    assert call.relay.remotes[0, 1] == office
    assert call.relay.held is False


@pytest.mark.parametrize(("answer", "shared"), [("a=rtcp-mux\r\n", True), ("", False)])
def test_rtcp_shares_the_port_where_both_peers_agree(answer: str, shared: bool) -> None:
    call = Call()
    call.offer(AUDIO + "a=rtcp-mux\r\n")
    assert call.relay.muxed[0, 0] is False
    call.answer(AUDIO + answer)
    assert call.relay.muxed == {(0, 0): shared, (0, 1): shared}


def test_an_answer_that_rejects_a_stream_frees_its_ports() -> None:
    call = Call()
    assert ports(call.offer(AUDIO + VIDEO)) == [45000, 45002]
    assert ports(call.answer(AUDIO + "m=video 0 RTP/AVP 96\r\n")) == [35000, 0]
    assert list(call.relay.live) == [("call", 0)]


def test_a_reinvite_takes_effect_with_its_answer_only() -> None:
    call = Call()
    call.offer(AUDIO)
    call.answer(AUDIO)
    before = call.relay.remotes[0, 0]
    moved = call.offer(AUDIO, "172.22.33.7", source="192.168.67.99")
    assert ports(moved) == [45000]
    assert call.relay.remotes[0, 0] == before  # a 488 now would leave the call as it was
    call.answer(AUDIO, source="192.168.67.99")
    after = ("172.22.33.7", 5000), ("172.22.33.7", 5001), "192.168.67.99", False
    assert call.relay.remotes[0, 0] == after


def test_hold_from_the_inside_and_back() -> None:
    call = Call()
    call.offer(AUDIO)
    call.answer(AUDIO)
    hold = sdp(AUDIO + "a=sendonly\r\n", "10.10.10.13")
    held = call.sessions.perform(Offer("call", hold, INSIDE, OUTSIDE))
    assert held.sdp == sdp("m=audio 35000 RTP/AVP 8\r\na=sendonly\r\n", "192.168.64.96")
    answer = Answer("call", sdp(AUDIO + "a=recvonly\r\n"), OUTSIDE, INSIDE)
    assert ports(call.sessions.perform(answer)) == [45000]
    assert call.relay.held is True
    call.offer(AUDIO)
    call.answer(AUDIO)
    assert call.relay.held is False


def test_hold_with_the_null_address_mutes_and_keeps_the_address() -> None:
    call = Call()
    call.offer(AUDIO)
    call.answer(AUDIO)
    rtp, rtcp, source, _ = call.relay.remotes[0, 0]
    offered = call.offer(AUDIO, "0.0.0.0")
    assert offered.sdp is not None
    assert b"c=IN IP4 0.0.0.0\r\n" in offered.sdp
    call.answer(AUDIO)
    assert call.relay.remotes[0, 0] == (rtp, rtcp, source, True)
    assert call.relay.held is True
    call.offer(AUDIO)
    call.answer(AUDIO)
    assert call.relay.remotes[0, 0] == (rtp, rtcp, source, False)


def test_fax_takes_the_place_of_audio_with_ports_of_its_own() -> None:
    call = Call()
    call.offer(AUDIO)
    call.answer(AUDIO)
    assert ports(call.offer(FAX)) == [45002]
    assert call.relay.live == {("call", 0): True, ("call", 1): False}  # audio flows on meanwhile
    assert ports(call.offer(FAX)) == [45002]  # asked again, with the same ports
    assert ports(call.offer(AUDIO)) == [45000]  # refused: back to audio
    assert call.relay.live == {("call", 0): True}
    call.offer(FAX)
    call.answer(FAX)
    assert call.relay.live == {("call", 2): False}
    assert [one.index for one in call.sessions.perform(Query("call")).stats] == [0]


def test_streams_can_be_added_and_removed() -> None:
    call = Call()
    call.offer(AUDIO)
    call.answer(AUDIO)
    assert ports(call.offer(AUDIO + VIDEO)) == [45000, 45002]
    assert ports(call.answer(AUDIO + VIDEO)) == [35000, 35002]
    removed = AUDIO + "m=video 0 RTP/AVP 96\r\n"
    assert ports(call.offer(removed)) == [45000, 0]
    assert ports(call.answer(removed)) == [35000, 0]
    assert list(call.relay.live) == [("call", 0)]


def test_183_and_200_may_both_answer() -> None:
    call = Call()
    call.offer(AUDIO)
    assert call.answer(AUDIO) == call.answer(AUDIO)


def test_names_and_tcp_media() -> None:
    call = Call()
    assert ports(call.offer("m=message 9 TCP/MSRP *\r\n" + AUDIO, "phone.example")) == [0, 45000]
    assert call.relay.remotes[0, 0] == (None, None, "192.168.67.61", False)


def test_running_out_of_ports_leaves_nothing_behind_and_the_call_as_it_was() -> None:
    call = Call(pairs=1)
    reply = call.offer(AUDIO + VIDEO)
    assert (reply.status, reply.error) == (503, "no free ports")
    assert call.relay.live == {}
    assert len(call.sessions) == 0
    call.offer(AUDIO)
    call.answer(AUDIO)
    assert call.offer(AUDIO + VIDEO).status == 503
    assert call.relay.live == {("call", 0): True}
    assert ports(call.answer(AUDIO)) == [35002]  # still the answer to the first offer


@pytest.mark.parametrize(
    ("status", "request_"),
    [
        (488, Offer("call", b"v=0\r\n", OUTSIDE, INSIDE)),
        (488, Answer("call", sdp(AUDIO + VIDEO), INSIDE, OUTSIDE)),
        (488, Offer("call", sdp(""), OUTSIDE, INSIDE)),
        (500, Answer("call", sdp(AUDIO), OUTSIDE, INSIDE)),
        (500, Answer("other", sdp(AUDIO), INSIDE, OUTSIDE)),
        (500, Offer("call", sdp(AUDIO), Side("c", "B1", ""), INSIDE)),
        (500, Offer("call", sdp(AUDIO), OUTSIDE, OUTSIDE)),
        (500, Offer("call", sdp(AUDIO), OUTSIDE, Side("inside", "A1", "pbx.example"))),
        (500, Offer("new", sdp(AUDIO), Side("outside", "B1", "127.0.0.1:5060"), INSIDE)),
        (500, Offer("call", sdp(AUDIO), Side("outside", "A1", ""), INSIDE)),
        (500, Offer("new", sdp(AUDIO), Side("outside", "C1", ""), INSIDE)),
        (500, Delete("other", "gone")),
        (500, Query("other")),
    ],
)
def test_what_does_not_fit_is_refused_with_a_status(status, request_) -> None:
    call = Call()
    call.offer(AUDIO)
    reply = call.sessions.perform(request_)
    assert (reply.status, reply.sdp) == (status, None)
    assert reply.error
    assert list(call.relay.live) == [("call", 0)]
    assert call.sessions.names() == ["call"]


def test_delete_gives_the_last_counters_and_ends_the_session() -> None:
    call = Call()
    call.offer(AUDIO)
    reply = call.sessions.perform(Delete("call", "BYE"))
    assert [(one.side, one.index) for one in reply.stats] == [("inside", 0)]
    assert call.relay.live == {}
    assert len(call.sessions) == 0


def recorded_call() -> tuple[Call, Side]:
    call = Call()
    names = iter(("one", "two"))
    call.sessions = MediaSessions(
        call.relay, ADDRESSES, SeededIds(7), None, Studio(lambda: next(names), lambda _name: False)
    )
    return call, replace(INSIDE, record=True)


def test_the_first_stream_of_sound_is_recorded_when_a_leg_asks() -> None:
    call, inside = recorded_call()
    call.sessions.perform(Offer("call", sdp(VIDEO + AUDIO + AUDIO), OUTSIDE, inside))
    assert call.relay.recorded == []
    call.sessions.perform(Answer("call", sdp(VIDEO + AUDIO + AUDIO), inside, OUTSIDE))
    assert call.relay.recorded == [(1, "one")]
    hold = sdp(VIDEO + AUDIO + AUDIO + "a=sendonly\r\n")
    call.sessions.perform(Offer("call", hold, OUTSIDE, inside))
    call.sessions.perform(Answer("call", sdp(VIDEO + AUDIO + AUDIO), inside, OUTSIDE))
    assert call.relay.recorded == [(1, "one")]
    call.sessions.perform(Offer("call", hold, OUTSIDE, INSIDE))
    call.sessions.perform(Answer("call", sdp(VIDEO + AUDIO + AUDIO), INSIDE, OUTSIDE))
    assert call.relay.recorded == [(1, "one"), (1, None)]  # the policy does not ask any more


def test_sound_that_comes_back_after_fax_has_a_file_of_its_own() -> None:
    call, inside = recorded_call()
    for media in (AUDIO, FAX, AUDIO):
        call.sessions.perform(Offer("call", sdp(media), OUTSIDE, inside))
        call.sessions.perform(Answer("call", sdp(media), inside, OUTSIDE))
    assert call.relay.recorded == [(0, "one"), (2, "two")]


def test_nobody_asks_and_nothing_is_recorded() -> None:
    call = Call()
    call.offer(AUDIO)
    call.answer(AUDIO)
    assert call.relay.recorded == []


class Held:
    """A call whose sides may hear music; `bad.wav` cannot be played."""

    def __init__(self, outside: str = "", inside: str = "") -> None:
        self.relay = Notebook()
        studio = Studio(None, lambda name: name != "bad.wav")
        self.sessions = MediaSessions(self.relay, ADDRESSES, SeededIds(7), None, studio)
        self.sides = replace(OUTSIDE, music=outside), replace(INSIDE, music=inside)
        assert self.agree(0, "sendrecv", "sendrecv") == ("sendrecv", "sendrecv")

    def agree(self, offerer: int, offered: str, answered: str) -> tuple[str, str]:
        """An offer and its answer, by direction; what the other side reads of each."""
        one, other = self.sides[offerer], self.sides[1 - offerer]
        wanted = sdp(f"{AUDIO}a={offered}\r\n")
        first = self.sessions.perform(Offer("call", wanted, one, other))
        given = sdp(f"{AUDIO}a={answered}\r\n")
        second = self.sessions.perform(Answer("call", given, other, one))
        return direction(first), direction(second)


def direction(reply: MediaReply) -> str:
    assert reply.sdp is not None, reply.error
    (media,) = parse(reply.sdp).media
    return media.direction.value


def test_who_is_on_hold_hears_music_until_the_call_goes_on() -> None:
    call = Held(outside="a.wav")
    assert call.agree(1, "sendonly", "recvonly") == ("sendonly", "recvonly")
    assert call.agree(0, "recvonly", "sendonly") == ("recvonly", "sendonly")  # a refresh
    assert call.relay.played == [(0, "a.wav")]
    call.agree(1, "sendrecv", "sendrecv")
    call.agree(0, "sendonly", "recvonly")  # who has no music hears none
    assert call.relay.played == [(0, "a.wav"), (0, None)]


def test_who_is_to_hear_music_reads_sendonly_where_the_other_is_inactive() -> None:
    call = Held(outside="a.wav")
    assert call.agree(1, "inactive", "recvonly") == ("sendonly", "inactive")
    assert call.agree(0, "recvonly", "inactive") == ("recvonly", "sendonly")
    assert call.relay.played == [(0, "a.wav")]
    assert call.agree(0, "inactive", "inactive") == ("inactive", "inactive")  # both on hold
    assert call.relay.played == [(0, "a.wav"), (0, None)]
    without = Held()
    assert without.agree(1, "inactive", "inactive") == ("inactive", "inactive")
    assert without.relay.played == []


def test_music_that_cannot_be_played_is_as_none() -> None:
    call = Held(outside="bad.wav")
    assert call.agree(1, "sendonly", "recvonly") == ("sendonly", "recvonly")
    assert call.relay.played == []


def test_music_goes_on_in_the_next_process() -> None:
    call = Held(outside="a.wav")
    call.agree(1, "sendonly", "recvonly")
    record = call.sessions.record("call")
    assert record is not None
    again = ReopeningNotebook()
    studio = Studio(None, lambda _name: True)
    MediaSessions(again, ADDRESSES, SeededIds(7), None, studio).restore("call", record)
    assert again.played == [(0, "a.wav")]


SERVER = Side("recorder", "A1", "")
TWO = "m=audio 6000 RTP/AVP 8\r\na=recvonly\r\nm=audio 6002 RTP/AVP 8\r\na=recvonly\r\n"


def subscribe(call: Call, side: Side | None = SERVER) -> list[str]:
    """What the recording server reads, line by line."""
    reply = call.sessions.perform(Subscribe("call", side, "inside"))
    assert reply.error is None, reply.error
    return (reply.sdp or b"").decode().splitlines()


def server_answers(call: Call, media: str = TWO) -> MediaReply:
    return call.sessions.perform(SubscribeAnswer("call", sdp(media, "10.10.10.20")))


def test_a_recording_server_is_offered_a_copy_of_each_side() -> None:
    call = Call()
    call.offer(AUDIO)
    early = call.sessions.perform(Subscribe("call", SERVER, "inside"))
    assert early.error == "no sound has been agreed on yet"
    call.answer("m=audio 40752 RTP/AVP 8 101\r\na=rtpmap:101 telephone-event/8000\r\n")
    offered = subscribe(call)
    assert offered[1] == "o=- 1 1 IN IP4 10.10.10.7"
    assert [line for line in offered if line[:2] in ("m=", "a=")] == [
        "m=audio 35002 RTP/AVP 8 101",
        "a=rtpmap:8 PCMA/8000",
        "a=rtpmap:101 telephone-event/8000",
        "a=label:2",
        "a=sendonly",
        "m=audio 45002 RTP/AVP 8 101",
        "a=rtpmap:8 PCMA/8000",
        "a=rtpmap:101 telephone-event/8000",
        "a=label:1",
        "a=sendonly",
    ]
    assert subscribe(call) == offered and call.relay.forks == []
    assert server_answers(call).error is None
    assert call.relay.forks == [(0, 1)]
    assert call.relay.remotes[1, 0][0] == ("10.10.10.20", 6000)
    assert call.relay.remotes[1, 1][0] == ("10.10.10.20", 6002)


def test_a_side_that_holds_is_inactive_to_the_recording_server() -> None:
    call = Call()
    call.offer(AUDIO)
    call.answer(AUDIO)
    subscribe(call)
    server_answers(call)
    call.offer(AUDIO + "a=sendonly\r\n")
    call.answer(AUDIO + "a=recvonly\r\n")
    offered = subscribe(call)
    assert offered[1] == "o=- 1 2 IN IP4 10.10.10.7"
    assert [one for one in offered if one in ("a=sendonly", "a=inactive")] == [
        "a=sendonly",
        "a=inactive",
    ]
    server_answers(call)
    assert [call.relay.remotes[1, side][3] for side in (0, 1)] == [False, True]  # muted
    subscribe(call, None)
    assert call.relay.forks == [(0, 1), (0, None)]
    assert call.relay.live == {("call", 0): True}
    assert server_answers(call).error is not None


def test_sound_that_comes_back_is_copied_again() -> None:
    call = Call()
    call.offer(AUDIO)
    call.answer(AUDIO)
    subscribe(call)
    server_answers(call)
    for media in (FAX, AUDIO):
        call.offer(media)
        call.answer(media)
    subscribe(call)
    assert call.relay.forks == [(0, 1), (0, None), (3, 1)]


def test_copies_have_keys_where_the_servers_flow_encrypts() -> None:
    call = Call()
    call.offer(AUDIO)
    call.answer(AUDIO)
    side = replace(SERVER, encryption="required")
    offered = subscribe(call, side)
    lines = [line for line in offered if line.startswith("a=crypto:1 ")]
    assert len(set(lines)) == 2 and "m=audio 35002 RTP/SAVP 8" in offered
    assert subscribe(call, side) == offered  # the keys stay
    assert "is not encrypted" in (server_answers(call).error or "")
    theirs = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:" + "A" * 40 + "\r\n"
    media = "".join(f"m=audio {port} RTP/SAVP 8\r\n{theirs}" for port in (6000, 6002))
    assert server_answers(call, media).error is None
    keys = [call.relay.keys[1, side] for side in (0, 1)]
    assert all(one is not None and one[0] == "AES_CM_128_HMAC_SHA1_80" for one in keys)


def test_a_recording_server_that_answers_half_is_refused() -> None:
    call = Call()
    call.offer(AUDIO)
    call.answer(AUDIO)
    subscribe(call)
    assert "answers both" in (server_answers(call, AUDIO).error or "")
    assert call.relay.forks == []
