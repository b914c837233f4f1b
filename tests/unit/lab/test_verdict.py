"""Verdicts are drawn from what happened; what did not happen fails and says what was seen last."""

import numpy as np
import pytest

from farline.lab.phones import speech
from farline.lab.verdict import (
    STEPS,
    Speech,
    Step,
    Witness,
    audio_step,
    bye_step,
    call_step,
    complete,
    login_step,
    seen_by_border,
)
from farline.mobile.judge import through_codec
from farline.mobile.wav import read_wav
from farline.trace import Record
from farline.trace.events import MessageSeen


def witness():
    return Witness("192.168.64.96", "3001", "3003")


def call(state, at, **more):
    return {"event": "call", "call": "out-1", "state": state, "at": at, **more}


def whole_call():
    seen = witness()
    seen.ruel = [
        call("calling", 1.0, call_id="c1", peer="sip:3003@x"),
        call("answered", 1.6, call_id="c1", peer='"Dora" <sip:3003@x>'),
        call("ended", 7.61, call_id="c1", by_peer=True, reason="Q.850;cause=16"),
    ]
    seen.dora = [
        call("incoming", 1.1, call_id="c2", peer='"Ruel" <sip:3001@x>'),
        call("answered", 1.6, call_id="c2", peer='"Ruel" <sip:3001@x>'),
        call("ended", 7.6, call_id="c2", by_peer=False),
    ]
    return seen


def test_a_login_step_is_what_the_mobile_proved():
    event = {
        "event": "step",
        "name": "xmpp",
        "ok": True,
        "ms": 12.5,
        "detail": "as ruel@x",
        "at": 1,
    }
    assert login_step(witness(), event) == Step("xmpp", True, 12.5, "as ruel@x")
    assert not login_step(witness(), event | {"ok": False}).ok
    assert not login_step(witness(), event | {"ok": "yes"}).ok
    for other in ({"name": "party"}, {"event": "call"}):
        assert login_step(witness(), event | other) is None


def test_a_name_that_leads_elsewhere_fails():
    event = {"event": "step", "name": "dns", "ok": True, "ms": 1, "at": 1}
    assert login_step(witness(), event | {"detail": "ipo1xp is 192.168.64.96"}).ok
    wrong = login_step(witness(), event | {"detail": "ipo1xp is 10.10.10.13"})
    assert not wrong.ok
    assert "not the border's" in wrong.detail


def test_a_call_needs_both_ends_and_the_right_parties():
    seen = whole_call()
    step = call_step(seen)
    assert step.ok
    assert step.ms == pytest.approx(600)
    for missing in (0, 1):
        half = whole_call()
        del half.ruel[missing]
        assert call_step(half) is None
    half = whole_call()
    half.dora = half.dora[:1]
    assert call_step(half) is None
    wrong = whole_call()
    wrong.dora[0]["peer"] = "sip:3009@x"
    assert not call_step(wrong).ok


def test_bye_is_doras():
    step = bye_step(whole_call())
    assert step.ok
    assert step.ms == pytest.approx(10)
    assert "cause=16" in step.detail
    ruels = whole_call()
    ruels.ruel[2]["by_peer"] = False
    assert not bye_step(ruels).ok
    unanswered = whole_call()
    del unanswered.ruel[1]
    assert bye_step(unanswered) is None
    ruels.dora.pop()
    assert bye_step(ruels) is None


RUEL, DORA = read_wav(speech("ruel")), read_wav(speech("dora"))
TOLD = [{"event": "audio", "codec": "PCMA", "speech_at": 10.0, "at": 20}]
HEARD = [{"event": "audio", "codec": "PCMA", "first_received_at": 9.5, "lost": 0, "at": 20}]


def delivered(samples):
    return np.concatenate([np.zeros(4240, np.int16), through_codec(samples, "PCMA")])


def test_speech_that_came_through_holds_and_its_delay_is_told():
    step = audio_step("audio-to-office", TOLD, HEARD, Speech(RUEL, delivered(RUEL)))
    assert step.ok, step.detail
    assert step.ms == pytest.approx(30.0)
    assert "0 lost" in step.detail


@pytest.mark.parametrize(
    "recorded",
    [None, np.zeros(40_000, np.int16), delivered(DORA), delivered(RUEL)[:20_000]],
    ids=["none", "silence", "other speech", "cut"],
)
def test_anything_else_fails(recorded):
    assert not audio_step("audio-to-office", TOLD, HEARD, Speech(RUEL, recorded)).ok


def test_without_an_audio_report_or_codec_it_fails():
    good = Speech(RUEL, delivered(RUEL))
    assert not audio_step("audio-to-office", [], HEARD, good).ok
    assert not audio_step("audio-to-office", TOLD, [], good).ok
    assert not audio_step("audio-to-office", [TOLD[0] | {"codec": "G729"}], HEARD, good).ok


def message(direction, data, role="border"):
    event = MessageSeen(direction, "B1", "TCP", "192.0.2.1:1", "192.0.2.2:2", "c1", data)
    return Record(1.0, role, event)


BYE = b"BYE sip:a SIP/2.0\r\nCSeq: 2 BYE\r\n\r\n"
OK = b"SIP/2.0 200 OK\r\nCSeq: 2 BYE\r\n\r\n"


def test_the_border_must_have_passed_it():
    step = Step("bye", True, 1.0, "x")
    records = [message("in", BYE), message("out", BYE), message("in", OK), message("out", OK)]
    assert seen_by_border(step, "BYE", records, "c1") == step
    assert not seen_by_border(step, "BYE", records, "another").ok
    lacking = seen_by_border(step, "BYE", records[:3], "c1")
    assert lacking.detail == "the border's trace lacks: out 2xx to BYE"
    office = [message("in", BYE, "office"), *records[1:]]
    assert not seen_by_border(step, "BYE", office, "c1").ok
    refused = [*records[:2], *(message(d, OK.replace(b"200", b"481")) for d in ("in", "out"))]
    assert not seen_by_border(step, "BYE", refused, "c1").ok


def test_all_steps_are_there_in_order_and_the_missing_ones_failed():
    seen = whole_call()
    verdict = complete([Step("dns", True, 1.0, "x")], seen, "Dora's phone did not register")
    assert [step.name for step in verdict.steps] == list(STEPS)
    assert [step.ok for step in verdict.steps] == [True] + [False] * 9
    assert not verdict.ok
    assert verdict.steps[1].detail.startswith(
        "Dora's phone did not register; last seen: Ruel: call"
    )
    assert verdict.as_json()["verdict"] == "fail"
    all_held = complete([Step(name, True, 1.04, "x") for name in STEPS], seen)
    assert all_held.ok
    assert all_held.as_json()["steps"][0] == {"name": "dns", "ok": True, "ms": 1.0, "detail": "x"}
    assert "nothing was heard" in complete([], witness()).steps[0].detail


def test_the_two_speeches_are_told_apart_and_shorter_than_the_call():
    assert max(len(RUEL), len(DORA)) < 5.5 * 8000
    assert not np.array_equal(RUEL[:8000], DORA[:8000])
