"""Which streams of a session are recorded, and who hears music while the other side holds."""

from __future__ import annotations

from msgspec.structs import replace

from farline.media.engine import (
    Answer,
    MediaReply,
    Offer,
    Side,
)
from farline.media.music import Studio
from farline.media.sessions import MediaSessions
from farline.sdp import parse
from farline.testing import SeededIds
from farline.testing.noted_relay import (
    ADDRESSES,
    AUDIO,
    FAX,
    INSIDE,
    OUTSIDE,
    VIDEO,
    NotedCall,
    NotedRelay,
    described,
)


def recorded_call() -> tuple[NotedCall, Side]:
    names = iter(("one", "two"))
    call = NotedCall(studio=Studio(lambda: next(names), lambda _name: False))
    return call, replace(INSIDE, record=True)


def test_the_first_stream_of_sound_is_recorded_when_a_leg_asks() -> None:
    call, inside = recorded_call()
    call.sessions.perform(Offer("call", described(VIDEO + AUDIO + AUDIO), OUTSIDE, inside))
    assert call.relay.recorded == []
    call.sessions.perform(Answer("call", described(VIDEO + AUDIO + AUDIO), inside, OUTSIDE))
    assert call.relay.recorded == [(1, "one")]
    hold = described(VIDEO + AUDIO + AUDIO + "a=sendonly\r\n")
    call.sessions.perform(Offer("call", hold, OUTSIDE, inside))
    call.sessions.perform(Answer("call", described(VIDEO + AUDIO + AUDIO), inside, OUTSIDE))
    assert call.relay.recorded == [(1, "one")]
    call.sessions.perform(Offer("call", hold, OUTSIDE, INSIDE))
    call.sessions.perform(Answer("call", described(VIDEO + AUDIO + AUDIO), INSIDE, OUTSIDE))
    assert call.relay.recorded == [(1, "one"), (1, None)]  # the policy does not ask any more


def test_sound_that_comes_back_after_fax_has_a_file_of_its_own() -> None:
    call, inside = recorded_call()
    for media in (AUDIO, FAX, AUDIO):
        call.sessions.perform(Offer("call", described(media), OUTSIDE, inside))
        call.sessions.perform(Answer("call", described(media), inside, OUTSIDE))
    assert call.relay.recorded == [(0, "one"), (2, "two")]


def test_nobody_asks_and_nothing_is_recorded() -> None:
    call = NotedCall()
    call.offer(AUDIO)
    call.answer(AUDIO)
    assert call.relay.recorded == []


class Held:
    """A call whose sides may hear music; `bad.wav` cannot be played."""

    def __init__(self, outside: str = "", inside: str = "") -> None:
        self.relay = NotedRelay()
        studio = Studio(None, lambda name: name != "bad.wav")
        self.sessions = MediaSessions(self.relay, ADDRESSES, SeededIds(7), None, studio)
        self.sides = replace(OUTSIDE, music=outside), replace(INSIDE, music=inside)
        assert self.agree(0, "sendrecv", "sendrecv") == ("sendrecv", "sendrecv")

    def agree(self, offerer: int, offered: str, answered: str) -> tuple[str, str]:
        """An offer and its answer, by direction; what the other side reads of each."""
        one, other = self.sides[offerer], self.sides[1 - offerer]
        wanted = described(f"{AUDIO}a={offered}\r\n")
        first = self.sessions.perform(Offer("call", wanted, one, other))
        given = described(f"{AUDIO}a={answered}\r\n")
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
    again = NotedRelay()
    studio = Studio(None, lambda _name: True)
    MediaSessions(again, ADDRESSES, SeededIds(7), None, studio).restore("call", record)
    assert again.played == [(0, "a.wav")]
