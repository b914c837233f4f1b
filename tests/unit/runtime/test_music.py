"""Files of hold music: which can be played, and what is said of the others."""

from __future__ import annotations

import wave
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from farline.config import Deployment, Problem, load_deployment
from farline.runtime.music import MusicError, read_music
from farline.runtime.preflight import preflight

GUIDE = Path(__file__).parents[3] / "examples" / "guide.yaml"


def write(
    path: Path, *, seconds: float = 1.0, rate: int = 16000, channels: int = 1, width: int = 2
) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setparams((channels, width, rate, 0, "NONE", ""))
        ramp = np.arange(int(seconds * rate) * channels) % 100
        file.writeframes(ramp.astype({1: "u1", 2: "<i2"}[width]).tobytes())
    return path


@pytest.mark.parametrize("rate", [8000, 16000, 48000])
def test_mono_and_stereo_are_read(tmp_path: Path, rate: int) -> None:
    mono = read_music(write(tmp_path / "mono.wav", rate=rate))
    assert (mono.rate, len(mono.samples)) == (rate, 2 * rate)
    stereo = read_music(write(tmp_path / "stereo.wav", rate=rate, channels=2))
    assert (stereo.rate, len(stereo.samples)) == (rate, 2 * rate)
    mixed = np.frombuffer(stereo.samples, np.int16)
    assert mixed[:3].tolist() == [0, 2, 4]  # the mean of (0, 1), (2, 3), (4, 5)


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"rate": 44100}, "16 bits, 1 channels, 44100 Hz; make it 16 bits, mono, 16000 Hz: sox"),
        ({"width": 1}, "8 bits, 1 channels, 16000 Hz"),
        ({"seconds": 0.5}, "it lasts 0.5 s; 1 to 300 s can be"),
    ],
)
def test_what_cannot_be_played_says_why(tmp_path: Path, form: dict[str, int], said: str) -> None:
    with pytest.raises(MusicError, match=said.replace("(", r"\(")):
        read_music(write(tmp_path / "x.wav", **form))


def test_what_is_no_wav_file_says_so(tmp_path: Path) -> None:
    for content in (b"", b"RIFF", b"ID3" * 100):
        (tmp_path / "x.wav").write_bytes(content)
        with pytest.raises(MusicError, match="no WAV file"):
            read_music(tmp_path / "x.wav")
    with pytest.raises(MusicError, match="No such file"):
        read_music(tmp_path / "none.wav")
    whole = write(tmp_path / "y.wav").read_bytes()
    (tmp_path / "y.wav").write_bytes(whole[:200])
    with pytest.raises(MusicError, match="shorter than its head says"):
        read_music(tmp_path / "y.wav")


def errors(deployment: Deployment, base: Path) -> list[Problem]:
    found = preflight(deployment, base, datetime.now(UTC))
    return [one for one in found if one.severity == "error"]


def test_the_check_names_the_field(tmp_path: Path) -> None:
    rule = "border:\n  media_rules: [{name: default-low-med, hold_music: m.wav}]\n  # Device"
    text = GUIDE.read_text().replace("border:\n  # Device", rule, 1)
    secrets = dict.fromkeys(("ruel", "dora", "enhtcpaservice"), "secret")
    deployment = load_deployment(text, secrets)
    told = errors(deployment, tmp_path)
    assert [one.place for one in told] == ["border.media_rules[0].hold_music"]
    assert told[0].text == "m.wav: cannot be read: No such file or directory"
    assert told[0].remedy == "put it there, or name another file, or leave it empty"
    write(tmp_path / "m.wav")
    assert errors(deployment, tmp_path) == []
