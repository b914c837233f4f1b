"""Border and media rules, by what they change in descriptions and tell the engine."""

import pytest

from farline.media.sessions import MediaSessions
from farline.testing import SeededIds
from farline.testing.border_phone import OFFICE, offer
from farline.testing.policed import VIDEO, decided, passed, refused

AUDIO = (
    b"v=0\r\no=- 1 2 IN IP4 172.22.33.101\r\ns=-\r\nc=IN IP4 172.22.33.101\r\nt=0 0\r\n"
    b"m=audio 5000 RTP/AVP 96 9 0 8 101 13\r\na=rtpmap:96 opus/48000/2\r\na=fmtp:96 x=1\r\n"
    b"a=rtcp-fb:96 nack\r\na=rtpmap:9 G722/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
    b"a=fmtp:101 0-15\r\n"
)


class Relay:
    """Takes everything; notes what is transcoded."""

    voices = None

    def open(self, session, stream, interfaces, rtp, /):
        return 35000, 35000

    def transcode(self, session, stream, sides, /):
        self.voices = sides

    def __getattr__(self, name):
        return lambda *_, **__: None


@pytest.fixture
def engine_of():
    """Gives a border the built-in engine, beside a relay that takes everything."""

    def make(world):
        relay = Relay()
        sessions = MediaSessions(relay, world.config.media_addresses(), SeededIds())
        world.engine.perform = sessions.perform
        sessions.relay = relay
        return sessions

    return make


def media(**rule):
    return {"media": {"name": "m", **rule}}


@pytest.mark.parametrize("nat", [True, False])
def test_natting(policed, nat):
    """Off: media may only come from where SDP says."""
    world, phone = policed({"border": {"name": "b", "nat": nat}})
    phone.call_office()
    assert world.engine.requests[0].sender.signaling_source == ("192.168.67.61" if nat else "")


@pytest.mark.parametrize("on", [True, False])
def test_natting_by_ice(policed, on):
    world, phone = policed({"border": {"name": "b", "natting_by_ice": on}})
    ice = b"a=ice-ufrag:x\r\na=candidate:1 1 UDP 1 172.22.33.101 5000 typ host\r\n"
    inner = passed(world, phone, "INVITE", body=offer() + ice)
    asked = world.engine.requests[0].sdp
    assert (b"a=candidate" in asked, b"a=ice-ufrag" in inner.body) == (on, on)
    phone.office_answer(inner, 200, body=offer(OFFICE, 40750) + b"a=ice-ufrag:y\r\n")
    world.take(phone.flow)
    assert (b"a=ice-ufrag:y" in world.take(phone.flow).body) == on


def formats(message, kind=b"audio"):
    line = message.body.partition(b"m=" + kind)[2].partition(b"\r\n")[0]
    return line.split()[2:]


def test_allowed_codecs(policed):
    world, phone = policed(media(audio={"allowed": ["PCMA", "opus"]}))
    inner = passed(world, phone, "INVITE", body=AUDIO)
    assert formats(inner) == [b"96", b"8", b"101", b"13"]
    assert b"opus" in inner.body and b"G722" not in inner.body and b"fmtp:101" in inner.body


def test_codecs_have_to_be_allowed_on_both_legs(policed):
    world, phone = policed(
        media(audio={"allowed": ["PCMA", "opus"]}), media(audio={"allowed": ["opus", "G722"]})
    )
    inner = passed(world, phone, "INVITE", body=AUDIO)
    assert formats(inner) == [b"96", b"101", b"13"]
    assert b"a=rtcp-fb:96 nack" in inner.body
    phone.office_answer(inner, 200, body=AUDIO.replace(b"96 9 0 8 101 13", b"96 101"))
    world.take(phone.flow)
    assert formats(world.take(phone.flow)) == [b"96", b"101"]


def test_transcoding_codecs_are_told_to_the_engine(policed):
    world, phone = policed(
        media(audio={"transcoding": ["opus", "g722"]}), media(audio={"transcoding": ["pcma"]})
    )
    phone.call_office()
    offered = world.engine.requests[0]
    assert offered.sender.transcoding == ("opus", "g722")
    assert offered.receiver.transcoding == ("pcma",)


def test_allowed_codecs_of_each_leg_where_codecs_are_transcoded(policed, engine_of):
    world, phone = policed(
        media(audio={"allowed": ["opus"]}),
        media(audio={"allowed": ["PCMU"], "transcoding": ["pcma"]}),
    )
    engine_of(world)
    inner = passed(world, phone, "INVITE", body=AUDIO)
    assert formats(inner) == [b"101", b"13", b"8"]
    answer = AUDIO.replace(b"96 9 0 8 101 13", b"8 101")
    phone.office_answer(inner, 200, body=answer)
    world.take(phone.flow)
    shown = world.take(phone.flow)
    assert formats(shown) == [b"96", b"101"] and b"opus" in shown.body


def test_a_call_that_is_transcoded_lives_with_hold_from_either_side(policed, engine_of):
    world, phone = policed(
        media(audio={"allowed": ["opus"]}), media(audio={"transcoding": ["pcma"]})
    )
    sessions = engine_of(world)
    opus = AUDIO.replace(b"96 9 0 8 101 13", b"96 101")
    alaw = AUDIO.replace(b"96 9 0 8 101 13", b"8 101")
    inner = passed(world, phone, "INVITE", body=opus)
    assert formats(inner) == [b"96", b"101", b"8"]
    assert world.take(phone.flow).status == 100
    for status in (183, 200):
        phone.office_answer(inner, status, body=alaw)
        answer = world.take(phone.flow)
        assert (answer.status, formats(answer)) == (status, [b"96", b"101"])
    voices = sessions.relay.voices
    assert [one.codec for one in voices] == ["opus", "PCMA"]
    world.receive(phone.flow, phone.in_dialog("ACK", cseq=phone.cseq))
    assert world.take(phone.upstream).method == "ACK"

    # The phone holds the call, without a word of what the office speaks.
    world.receive(phone.flow, phone.in_dialog("INVITE", body=opus + b"a=sendonly\r\n"))
    held = world.take(phone.upstream)
    assert formats(held) == [b"96", b"101", b"8"] and b"a=sendonly" in held.body
    phone.office_answer(held, 200, body=alaw + b"a=recvonly\r\n")
    assert world.take(phone.flow).status == 100
    answer = world.take(phone.flow)
    assert formats(answer) == [b"96", b"101"] and b"a=recvonly" in answer.body
    world.receive(phone.flow, phone.in_dialog("ACK", cseq=phone.cseq))
    world.take(phone.upstream)

    # The office takes it up. The rule of the phone leg adds nothing: what it has stays.
    tag = {"call": inner.call_id, "to_tag": inner.from_tag, "from_tag": "office"}
    again = phone.office_request("INVITE", cseq=7, body=alaw, **tag)
    world.receive(phone.upstream, again)
    outer = world.take(phone.flow)
    assert formats(outer) == [b"101", b"96", b"97"]
    phone.answer(outer, 200, to_tag="phone", body=opus)
    assert world.take(phone.upstream).status == 100
    answer = world.take(phone.upstream)
    assert formats(answer) == [b"8", b"101"]
    assert [one.ssrc for one in sessions.relay.voices] == [one.ssrc for one in voices]


def test_no_codec_left(policed):
    world, phone = policed(media(audio={"allowed": ["G729"]}))
    assert refused(world, phone, "INVITE", body=AUDIO) == 488
    because = decided(world, "anchor").because
    assert "audio refused" in because and "Media Rules: m (group mine, order 1)" in because


def test_preferred_codecs_of_the_leg_that_the_offer_goes_to(policed):
    world, phone = policed(
        media(audio={"preferred": ["G722"]}), media(audio={"preferred": ["PCMA", "PCMU"]})
    )
    inner = passed(world, phone, "INVITE", body=AUDIO)
    assert formats(inner) == [b"8", b"0", b"96", b"9", b"101", b"13"]
    phone.office_answer(inner, 200, body=AUDIO)
    world.take(phone.flow)
    assert formats(world.take(phone.flow))[0] == b"9"


def test_video_codecs(policed):
    world, phone = policed(media(video={"allowed": ["H263"]}))
    inner = passed(world, phone, "INVITE", body=offer() + VIDEO)
    assert formats(inner, b"video") == [b"34"] and b"H264" not in inner.body
    assert formats(inner) == [b"8", b"101"]


@pytest.mark.parametrize(
    ("field", "stream"),
    [
        ("bfcp", b"m=application 5004 UDP/BFCP *\r\na=floorctrl:c-s\r\n"),
        ("fecc", b"m=application 5006 RTP/AVP 100\r\na=rtpmap:100 H224/4800\r\n"),
    ],
)
@pytest.mark.parametrize("on", [True, False])
def test_bfcp_and_fecc(policed, field, stream, on):
    world, phone = policed(media(**{field: on}), media(**{field: True}))
    inner = passed(world, phone, "INVITE", body=offer() + stream)
    assert (b"m=application 0 " not in inner.body) == on
    assert b"m=audio 0" not in inner.body


def test_qos_and_encryption_are_told_to_the_engine(policed):
    world, phone = policed(
        media(voice_qos=160, video_qos=40, encryption="preferred"), media(voice_qos=8)
    )
    phone.call_office()
    side = world.engine.requests[0].sender
    assert (side.encryption, dict(side.classes)) == ("preferred", {"audio": 160, "video": 40})
    assert dict(world.engine.requests[0].receiver.classes)["audio"] == 8
