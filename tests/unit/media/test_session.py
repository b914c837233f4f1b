"""Offer and answer against a relay that only writes down what it is told."""

from __future__ import annotations

import pytest

from farline.media.engine import (
    Answer,
    Delete,
    MediaReply,
    Offer,
    Query,
    Quiet,
    Side,
)
from farline.testing.noted_relay import (
    AUDIO,
    FAX,
    INSIDE,
    OUTSIDE,
    VIDEO,
    NotedCall,
    described,
)


def ports(reply: MediaReply) -> list[int]:
    assert reply.error is None, reply.error
    assert reply.sdp is not None
    lines = reply.sdp.decode().splitlines()
    return [int(line.split()[1]) for line in lines if line.startswith("m=")]


def test_offer_and_answer_show_our_addresses_and_tell_the_relay_theirs() -> None:
    call = NotedCall()
    offered = call.offer(AUDIO)
    assert offered.sdp == described("m=audio 45000 RTP/AVP 8\r\n", "10.10.10.7")
    phone = ("172.22.33.101", 5000), ("172.22.33.101", 5001), "192.168.67.61", False
    assert call.relay.remotes[0, 0] == phone
    assert call.relay.remotes[0, 1] == (None, None, "10.10.10.13", False)  # early media may latch
    assert call.relay.held is True  # as long as it rings, silence is no time-out
    answered = call.answer("m=audio 40752 RTP/AVP 8\r\na=rtcp:40759\r\n")
    assert answered.sdp == described("m=audio 35000 RTP/AVP 8\r\na=rtcp:35001\r\n", "192.168.64.96")
    office = ("10.10.10.13", 40752), ("10.10.10.13", 40759), "10.10.10.13", False
    assert call.relay.remotes[0, 1] == office
    assert call.relay.held is False


@pytest.mark.parametrize(
    ("reach", "address", "confined"),
    [
        (None, "203.0.113.9", False),
        ((), "203.0.113.9", True),
        ((), "192.168.67.61", False),
        (("203.0.113.0/24",), "203.0.113.9", False),
        (("198.51.100.0/24", "2001:db8::/32"), "203.0.113.9", True),
    ],
)
def test_sdp_is_believed_in_its_sides_reach_only(
    reach: tuple[str, ...] | None, address: str, confined: bool
) -> None:
    call = NotedCall()
    sender = Side("outside", "B1", "192.168.67.61", reach=reach)
    call.sessions.perform(Offer("call", described(AUDIO, address), sender, INSIDE))
    assert call.relay.confined[0, 0] is confined
    call.sessions.perform(Answer("call", described(AUDIO, "10.9.9.9"), INSIDE, sender))
    assert call.relay.confined == {(0, 0): confined, (0, 1): False}
    call.sessions.perform(Offer("call", described(AUDIO, "0.0.0.0"), sender, INSIDE))
    call.sessions.perform(Answer("call", described(AUDIO, "10.9.9.9"), INSIDE, sender))
    assert call.relay.confined[0, 0] is confined  # hold: it is believed where it was


def test_a_reach_that_is_no_network_is_refused() -> None:
    for wrong in ("example.com", "10.0.0.0/x", "10.0.0.0/64"):
        sender = Side("outside", "B1", "192.168.67.61", reach=(wrong,))
        request = Offer("call", described(AUDIO), sender, INSIDE)
        reply = NotedCall().sessions.perform(request)
        assert reply.error == f"reach of side outside has {wrong!r}, which is no network"


def test_a_call_that_is_hung_up_is_silent_and_may_go_on() -> None:
    call = NotedCall()
    assert call.sessions.perform(Quiet("call")).error == "no media session 'call'"
    call.offer(AUDIO)
    for quiet in (True, False):
        assert call.sessions.perform(Quiet("call", quiet)) == MediaReply()
    assert call.relay.silenced == [True, False]


@pytest.mark.parametrize(("answer", "shared"), [("a=rtcp-mux\r\n", True), ("", False)])
def test_rtcp_shares_the_port_where_both_peers_agree(answer: str, shared: bool) -> None:
    call = NotedCall()
    call.offer(AUDIO + "a=rtcp-mux\r\n")
    assert call.relay.muxed[0, 0] is False
    call.answer(AUDIO + answer)
    assert call.relay.muxed == {(0, 0): shared, (0, 1): shared}


def test_an_answer_that_rejects_a_stream_frees_its_ports() -> None:
    call = NotedCall()
    assert ports(call.offer(AUDIO + VIDEO)) == [45000, 45002]
    assert ports(call.answer(AUDIO + "m=video 0 RTP/AVP 96\r\n")) == [35000, 0]
    assert list(call.relay.live) == [("call", 0)]


def test_a_reinvite_takes_effect_with_its_answer_only() -> None:
    call = NotedCall()
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
    call = NotedCall()
    call.offer(AUDIO)
    call.answer(AUDIO)
    hold = described(AUDIO + "a=sendonly\r\n", "10.10.10.13")
    held = call.sessions.perform(Offer("call", hold, INSIDE, OUTSIDE))
    assert held.sdp == described("m=audio 35000 RTP/AVP 8\r\na=sendonly\r\n", "192.168.64.96")
    answer = Answer("call", described(AUDIO + "a=recvonly\r\n"), OUTSIDE, INSIDE)
    assert ports(call.sessions.perform(answer)) == [45000]
    assert call.relay.held is True
    call.offer(AUDIO)
    call.answer(AUDIO)
    assert call.relay.held is False


def test_hold_with_the_null_address_mutes_and_keeps_the_address() -> None:
    call = NotedCall()
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
    call = NotedCall()
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
    call = NotedCall()
    call.offer(AUDIO)
    call.answer(AUDIO)
    assert ports(call.offer(AUDIO + VIDEO)) == [45000, 45002]
    assert ports(call.answer(AUDIO + VIDEO)) == [35000, 35002]
    removed = AUDIO + "m=video 0 RTP/AVP 96\r\n"
    assert ports(call.offer(removed)) == [45000, 0]
    assert ports(call.answer(removed)) == [35000, 0]
    assert list(call.relay.live) == [("call", 0)]


def test_183_and_200_may_both_answer() -> None:
    call = NotedCall()
    call.offer(AUDIO)
    assert call.answer(AUDIO) == call.answer(AUDIO)


def test_names_and_tcp_media() -> None:
    call = NotedCall()
    assert ports(call.offer("m=message 9 TCP/MSRP *\r\n" + AUDIO, "phone.example")) == [0, 45000]
    assert call.relay.remotes[0, 0] == (None, None, "192.168.67.61", False)


def test_running_out_of_ports_leaves_nothing_behind_and_the_call_as_it_was() -> None:
    call = NotedCall(pairs=1)
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
        (488, Answer("call", described(AUDIO + VIDEO), INSIDE, OUTSIDE)),
        (488, Offer("call", described(""), OUTSIDE, INSIDE)),
        (500, Answer("call", described(AUDIO), OUTSIDE, INSIDE)),
        (500, Answer("other", described(AUDIO), INSIDE, OUTSIDE)),
        (500, Offer("call", described(AUDIO), Side("c", "B1", ""), INSIDE)),
        (500, Offer("call", described(AUDIO), OUTSIDE, OUTSIDE)),
        (500, Offer("call", described(AUDIO), OUTSIDE, Side("inside", "A1", "pbx.example"))),
        (500, Offer("new", described(AUDIO), Side("outside", "B1", "127.0.0.1:5060"), INSIDE)),
        (500, Offer("call", described(AUDIO), Side("outside", "A1", ""), INSIDE)),
        (500, Offer("new", described(AUDIO), Side("outside", "C1", ""), INSIDE)),
        (500, Delete("other", "gone")),
        (500, Query("other")),
    ],
)
def test_what_does_not_fit_is_refused_with_a_status(status, request_) -> None:
    call = NotedCall()
    call.offer(AUDIO)
    reply = call.sessions.perform(request_)
    assert (reply.status, reply.sdp) == (status, None)
    assert reply.error
    assert list(call.relay.live) == [("call", 0)]
    assert call.sessions.names() == ["call"]


def test_delete_gives_the_last_counters_and_ends_the_session() -> None:
    call = NotedCall()
    call.offer(AUDIO)
    reply = call.sessions.perform(Delete("call", "BYE"))
    assert [(one.side, one.index) for one in reply.stats] == [("inside", 0)]
    assert call.relay.live == {}
    assert len(call.sessions) == 0
