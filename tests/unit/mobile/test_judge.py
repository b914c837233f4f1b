from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from farline.mobile.judge import Finding, judge, through_codec
from farline.mobile.wav import FRAME, read_wav

SPEECH = Path(__file__).parents[3] / "src/farline/lab/speech"


@pytest.fixture(scope="module", params=["ruel", "dora"])
def speech(request):
    return read_wav(SPEECH / f"{request.param}.wav")


def recorded(samples, codec="PCMA", before=2000, after=900):
    """What a perfect path records: silence, the speech through the codec, silence."""
    sound = np.concatenate([np.zeros(before, np.int16), samples, np.zeros(after, np.int16)])
    return through_codec(sound, codec)


@pytest.mark.parametrize("codec", ["PCMA", "PCMU"])
def test_perfect_path_is_good(speech, codec):
    verdict = judge(speech, recorded(speech, codec), codec=codec)
    assert verdict.ok, verdict
    assert verdict.correlation > 0.99999
    assert verdict.lost_frames == 0
    assert verdict.offset_ms == 2000 / 8


def test_delay_comes_from_both_clocks(speech):
    verdict = judge(speech, recorded(speech), sent_at=10.0, recorded_at=9.79)
    assert verdict.delay_ms == pytest.approx(40.0)


def test_bytes_swapped_on_the_way_fail(speech):
    garbled = np.frombuffer(recorded(speech).tobytes(), ">i2").astype(np.int16)
    assert not judge(speech, garbled).ok


def test_other_speech_is_wrong_audio():
    ruel, dora = (read_wav(SPEECH / f"{name}.wav") for name in ("ruel", "dora"))
    assert judge(ruel, recorded(dora)).finding is Finding.WRONG_AUDIO
    assert judge(dora, recorded(ruel)).finding is Finding.WRONG_AUDIO


def test_reversed_speech_is_wrong_audio(speech):
    assert judge(speech, recorded(speech[::-1])).finding is Finding.WRONG_AUDIO


@pytest.mark.parametrize("level", [0, 8])
def test_silence_fails(speech, level):
    """True silence and a codec's idle noise."""
    verdict = judge(speech, np.full(60000, level, np.int16))
    assert verdict.finding is Finding.SILENCE
    assert verdict.lost_frames == verdict.frames


def test_nothing_recorded_fails(speech):
    verdict = judge(speech, np.zeros(0, np.int16))
    assert verdict.finding is Finding.SILENCE
    assert "nothing" in verdict.reason


@pytest.mark.parametrize("count", [1, 20])
def test_missing_frames_fail_and_are_counted(speech, count):
    heard = recorded(speech, before=FRAME * 10)
    loud = np.argsort(
        -np.abs(speech[: len(speech) // FRAME * FRAME].reshape(-1, FRAME)).max(axis=1)
    )
    for frame in loud[:count]:
        start = FRAME * (10 + int(frame))
        heard[start : start + FRAME] = 0
    verdict = judge(speech, heard)
    assert verdict.finding is Finding.LOST_FRAMES
    assert verdict.lost_frames == count


def test_most_frames_missing_is_still_loss_not_other_audio(speech):
    heard = recorded(speech, before=0)
    heard[len(speech) // 5 :] = 0
    verdict = judge(speech, heard)
    assert verdict.finding is Finding.LOST_FRAMES


def test_cut_off_beginning_and_end_are_missing_frames(speech):
    whole = recorded(speech, before=0, after=0)
    beginning = judge(speech, whole[FRAME * 50 :])
    assert beginning.finding is Finding.LOST_FRAMES
    assert beginning.offset_ms == -1000.0
    assert judge(speech, whole[: -FRAME * 100]).finding is Finding.LOST_FRAMES


def test_a_slipped_clock_is_damage(speech):
    """Frames out of place by one: nothing is missing, yet it is not what was sent."""
    heard = recorded(speech, before=0)
    half = len(speech) // 2 // FRAME * FRAME
    slipped = np.concatenate([heard[:half], heard[half - 40 : half], heard[half:]])
    assert not judge(speech, slipped).ok


def test_noise_over_the_speech_is_damage(speech):
    noise = np.random.default_rng(5).integers(-600, 600, len(speech))
    heard = through_codec(np.clip(speech + noise, -32768, 32767).astype(np.int16), "PCMA")
    assert judge(speech, heard).finding is Finding.DAMAGED


def test_silence_cannot_be_judged():
    with pytest.raises(ValueError, match="nothing to recognise"):
        judge(np.zeros(8000, np.int16), np.zeros(8000, np.int16))


def test_unknown_codec_has_no_control():
    with pytest.raises(ValueError, match="G729"):
        through_codec(np.zeros(160, np.int16), "G729")
