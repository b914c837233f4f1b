"""Player, recorder and session: audio in virtual time, by way of real packets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from farline.media.g711 import decode_alaw, encode_alaw
from farline.mobile.audio import AudioSession, Digit, SendRtcp, SendRtp
from farline.mobile.judge import judge
from farline.mobile.offer import MediaPlan
from farline.mobile.player import MAX_BACKLOG, Player
from farline.mobile.recorder import Recorder
from farline.mobile.rtp import RtpPacket, parse_rtcp, parse_rtp
from farline.mobile.wav import read_wav
from farline.sip.transport import Address
from farline.testing import SeededIds, SeededRandom

SPEECH = Path(__file__).parents[3] / "src/farline/lab/speech"
PEER, PEER_RTCP = Address("10.10.10.13", 40752), Address("10.10.10.13", 40753)


def plan(**changes):
    values = {
        "codec": "PCMA",
        "payload_type": 8,
        "receive": {8: "PCMA", 0: "PCMU"},
        "event_payload": 101,
        "receive_event_payload": 101,
        "remote": PEER,
        "remote_rtcp": PEER_RTCP,
        "sends": True,
        "receives": True,
    }
    return MediaPlan(**(values | changes))


def session(speech, seed=1):
    return AudioSession(speech, ids=SeededIds(seed), cname="3001@x", wall=lambda now: now)


def drive(one, seconds, start=0.0, late=0.0):
    """Wake the session at its deadlines (each `late` s too late); (time, output) in order."""
    found, end = [], start + seconds
    while (deadline := one.next_deadline()) is not None and deadline.at < end - 1e-9:
        now = deadline.at + late
        one.expire(now)
        while (output := one.poll()) is not None:
            found.append((now, output))
    return found


@pytest.fixture(scope="module")
def speech():
    return read_wav(SPEECH / "dora.wav")


def test_a_packet_each_20_ms_without_drift(speech):
    one = session(speech)
    one.agree(plan(), 0.0)
    sent = [(at, parse_rtp(o.data)) for at, o in drive(one, 10.0) if isinstance(o, SendRtp)]
    assert len(sent) == 500
    assert [round(at * 50) for at, _ in sent] == list(range(500))
    first = sent[0][1]
    for index, (_, packet) in enumerate(sent):
        assert packet.sequence == (first.sequence + index) & 0xFFFF
        assert packet.timestamp == (first.timestamp + 160 * index) & 0xFFFFFFFF
        assert len(packet.payload) == 160
    assert [packet.marker for _, packet in sent[:3]] == [True, False, False]


def test_late_wake_ups_do_not_add_up(speech):
    one = session(speech)
    one.agree(plan(), 0.0)
    sent = [at for at, o in drive(one, 10.0, late=0.004) if isinstance(o, SendRtp)]
    assert len(sent) == 500


def test_what_is_played_is_what_is_recorded(speech):
    one, other = session(speech), session(np.zeros(160, np.int16), 2)
    one.agree(plan(), 0.0)
    other.agree(plan(), 0.0)
    for at, output in drive(one, 8.0):
        if isinstance(output, SendRtp):
            other.rtp_received(output.data, PEER, at + 0.03)
    verdict = judge(
        speech,
        other.end(8.0),
        sent_at=one.summary().speech_at,
        recorded_at=other.summary().first_received_at,
    )
    assert verdict.ok, verdict
    assert verdict.delay_ms == pytest.approx(30.0, abs=0.2)
    assert one.speech_done


@pytest.mark.parametrize("seed", range(4))
def test_reordered_and_repeated_packets_are_put_right(speech, seed):
    one, other = session(speech), session(np.zeros(160, np.int16), 2)
    one.agree(plan(), 0.0)
    other.agree(plan(), 0.0)
    random = SeededRandom(seed)
    packets = [(at, o.data) for at, o in drive(one, 8.0) if isinstance(o, SendRtp)]
    first, rest = packets[0], packets[1:]
    shuffled = sorted(rest + rest[::7], key=lambda packet: packet[0] + 0.06 * random.random())
    for at, data in [first, *shuffled]:
        other.rtp_received(data, PEER, at)
    recording = other.end(9.0)
    report = other.summary()
    assert judge(speech, recording).ok
    assert report.lost == 0
    assert report.reordered > 10
    assert report.late == len(rest[::7])


def test_lost_packets_are_silence_and_counted(speech):
    one, other = session(speech), session(np.zeros(160, np.int16), 2)
    one.agree(plan(), 0.0)
    other.agree(plan(), 0.0)
    packets = [(at, o.data) for at, o in drive(one, 7.9) if isinstance(o, SendRtp)]
    for index, (at, data) in enumerate(packets):
        if index % 40 != 39:
            other.rtp_received(data, PEER, at)
    recording = other.end(8.0)
    verdict = judge(speech, recording)
    assert other.summary().lost == 9  # of 395: 39, 79, ... 359
    assert verdict.lost_frames >= 4
    assert verdict.offset_ms == 500.0  # the gaps keep their length


def test_only_the_peer_is_heard(speech):
    one = session(speech)
    packet = RtpPacket(8, 1, 160, 9, b"\xd5" * 160).to_bytes()
    one.rtp_received(packet, PEER, 0.0)
    one.agree(plan(), 0.0)
    one.rtp_received(packet, Address("6.6.6.6", 40752), 0.1)
    one.rtp_received(b"rubbish", PEER, 0.2)
    one.rtp_received(RtpPacket(96, 2, 320, 9, b"x").to_bytes(), PEER, 0.3)
    one.rtp_received(packet, PEER, 0.4)
    report = one.summary()
    assert (report.early, report.foreign, report.malformed) == (1, 1, 1)
    assert (report.unknown_payload, report.received_frames) == (1, 1)


def test_hold_stops_sending_and_resume_goes_on(speech):
    one = session(speech)
    one.agree(plan(), 0.0)
    before = drive(one, 2.0)
    one.agree(plan(sends=False), 2.0)
    held = [o for _, o in drive(one, 1.0, start=2.0) if isinstance(o, SendRtp)]
    one.agree(plan(), 5.0)
    after = [o for _, o in drive(one, 1.0, start=5.0) if isinstance(o, SendRtp)]
    assert not held
    assert len(after) == 50
    last = parse_rtp([o.data for _, o in before if isinstance(o, SendRtp)][-1])
    assert parse_rtp(after[0].data).sequence == (last.sequence + 1) & 0xFFFF
    assert parse_rtp(after[0].data).marker


def test_a_sleeping_machine_skips_instead_of_flooding(speech):
    one = session(speech)
    one.agree(plan(), 0.0)
    one.expire(60.0)
    sent = []
    while (output := one.poll()) is not None:
        sent.append(output)
    assert len([o for o in sent if isinstance(o, SendRtp)]) == MAX_BACKLOG + 1
    assert one.summary().skipped_frames == 3000 - MAX_BACKLOG


def test_keys_go_over_as_telephone_events(speech):
    one, other = session(speech), session(np.zeros(160, np.int16), 2)
    one.agree(plan(), 0.0)
    other.agree(plan(), 0.0)
    assert one.send_digits("12#a")
    keys = []
    for at, output in drive(one, 2.0):
        if isinstance(output, SendRtp):
            other.rtp_received(output.data, PEER, at)
    while (output := other.poll()) is not None:
        if isinstance(output, Digit):
            keys.append(output.key)
    assert keys == ["1", "2", "#", "A"]
    assert other.summary().lost == 0


def test_a_lost_event_packet_does_not_lose_the_key(speech):
    one, other = session(speech), session(np.zeros(160, np.int16), 2)
    one.agree(plan(), 0.0)
    other.agree(plan(), 0.0)
    one.send_digits("7")
    events = [
        (at, o.data)
        for at, o in drive(one, 1.0)
        if isinstance(o, SendRtp) and parse_rtp(o.data).payload_type == 101
    ]
    assert len(events) == 7  # five, the last three times
    for at, data in events[3:5]:
        other.rtp_received(data, PEER, at)
    assert other.poll() == Digit("7")
    assert other.poll() is None


@pytest.mark.parametrize("keys", ["x", "1" * 65])
def test_keys_that_cannot_be_sent_are_refused(speech, keys):
    one = session(speech)
    one.agree(plan(), 0.0)
    assert not one.send_digits(keys)


def test_keys_without_agreed_events_are_refused(speech):
    one = session(speech)
    one.agree(plan(event_payload=None), 0.0)
    assert not one.send_digits("1")


def test_reports_tell_of_loss_and_end_with_bye(speech):
    one, other = session(speech), session(speech, 2)
    one.agree(plan(), 0.0)
    other.agree(plan(), 0.0)
    reports = []
    for index, (at, output) in enumerate(drive(one, 8.0)):
        if isinstance(output, SendRtp) and not 100 <= index < 110:
            other.rtp_received(output.data, PEER, at)
        elif isinstance(output, SendRtcp):
            reports.append(output)
            other.rtcp_received(output.data, PEER_RTCP, at)
    assert 0 < len(reports) < 4
    other.end(8.0)
    last = None
    while (output := other.poll()) is not None:
        if isinstance(output, SendRtcp):
            last = output
    seen = parse_rtcp(last.data)
    assert last.remote == PEER_RTCP
    assert seen.bye
    assert seen.blocks[0].cumulative_lost == 10
    assert seen.blocks[0].last_sr != 0
    one.rtcp_received(last.data, PEER_RTCP, 8.1)
    assert one.summary().peer_lost == 10


# ---- the recorder alone ----


def recorder():
    return Recorder({8: decode_alaw}, 101, lambda event: None)


def voice(sequence, timestamp, ssrc=1, value=1000):
    payload = encode_alaw(np.full(160, value, np.int16))
    return RtpPacket(8, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, ssrc, payload)


def test_numbers_wrap(speech):
    one = recorder()
    for index in range(40):
        one.take(voice(65530 + index, 2**32 - 1600 + 160 * index), 0.02 * index)
    recording = one.finish()
    assert one.counters.lost == 0
    assert len(recording) == 40 * 160
    assert (recording == recording[0]).all()


def test_silence_suppression_is_no_loss():
    one = recorder()
    one.take(voice(1, 0), 0.0)
    one.take(voice(2, 1600), 0.2)
    recording = one.finish()
    assert one.counters.lost == 0
    assert len(recording) == 1760
    assert not recording[160:1600].any()


def test_an_absurd_timestamp_begins_anew():
    one = recorder()
    one.take(voice(1, 0), 0.0)
    one.take(voice(2, 0x7FFFFFFF), 0.02)
    one.take(voice(3, 0x7FFFFFFF + 160), 0.04)
    assert len(one.finish()) == 480


def test_a_new_source_goes_on_where_the_old_one_ended():
    one = recorder()
    one.take(voice(1, 0), 0.0)
    one.take(voice(40000, 99, ssrc=2), 0.02)
    assert len(one.finish()) == 320
    assert one.counters.lost == 0


def test_a_source_that_begins_anew_is_followed_after_two_packets():
    one = recorder()
    for index in range(300):
        one.take(voice(1000 + index, 160 * index), 0.02 * index)
    for index in range(50):
        one.take(voice(10 + index, 777 + 160 * index), 6 + 0.02 * index)
    assert one.counters.late == 1
    assert len(one.finish()) == 349 * 160


def test_a_recording_has_an_end(monkeypatch):
    monkeypatch.setattr("farline.mobile.recorder.MAX_SECONDS", 1)
    one = recorder()
    for index in range(60):
        one.take(voice(index, 160 * index), 0.02 * index)
    assert len(one.finish()) == 8000
    assert one.counters.overflow == 10


def test_the_player_without_agreement_says_nothing(speech):
    player = Player(speech, ssrc=1, sequence=1, timestamp=1)
    player.start(0.0)
    assert player.due(1.0) == []
