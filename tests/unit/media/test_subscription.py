"""Copies of a session for a recording server: offered, answered, held."""

from __future__ import annotations

from msgspec.structs import replace

from farline.media.engine import (
    MediaReply,
    Side,
    Subscribe,
    SubscribeAnswer,
)
from farline.testing.noted_relay import (
    AUDIO,
    FAX,
    NotedCall,
    described,
)

SERVER = Side("recorder", "A1", "")
TWO = "m=audio 6000 RTP/AVP 8\r\na=recvonly\r\nm=audio 6002 RTP/AVP 8\r\na=recvonly\r\n"


def subscribe(call: NotedCall, side: Side | None = SERVER) -> list[str]:
    """What the recording server reads, line by line."""
    reply = call.sessions.perform(Subscribe("call", side, "inside"))
    assert reply.error is None, reply.error
    return (reply.sdp or b"").decode().splitlines()


def server_answers(call: NotedCall, media: str = TWO) -> MediaReply:
    return call.sessions.perform(SubscribeAnswer("call", described(media, "10.10.10.20")))


def test_a_recording_server_is_offered_a_copy_of_each_side() -> None:
    call = NotedCall()
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
    call = NotedCall()
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
    call = NotedCall()
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
    call = NotedCall()
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
    call = NotedCall()
    call.offer(AUDIO)
    call.answer(AUDIO)
    subscribe(call)
    assert "answers both" in (server_answers(call, AUDIO).error or "")
    assert call.relay.forks == []
