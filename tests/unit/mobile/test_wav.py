from __future__ import annotations

import hashlib
import re
import wave
from pathlib import Path

import numpy as np
import pytest

from farline.mobile.wav import WavError, read_wav, write_wav

SPEECH = Path(__file__).parents[3] / "src/farline/lab/speech"


def test_what_is_written_is_read(tmp_path):
    samples = np.arange(-500, 500, dtype=np.int16)
    write_wav(tmp_path / "a.wav", samples)
    assert np.array_equal(read_wav(tmp_path / "a.wav"), samples)


@pytest.mark.parametrize(("rate", "channels", "width"), [(16000, 1, 2), (8000, 2, 2), (8000, 1, 1)])
def test_other_forms_are_refused_by_name(tmp_path, rate, channels, width):
    path = tmp_path / "other.wav"
    with wave.open(str(path), "wb") as file:
        file.setframerate(rate)
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.writeframes(bytes(1600))
    with pytest.raises(WavError, match=r"other\.wav.*8000 Hz, 1 channel"):
        read_wav(path)


@pytest.mark.parametrize("content", [b"", b"RIFF", b"not a wav file at all" * 10])
def test_rubbish_is_refused(tmp_path, content):
    path = tmp_path / "bad.wav"
    path.write_bytes(content)
    with pytest.raises(WavError, match=r"bad\.wav"):
        read_wav(path)


def test_an_empty_file_is_refused(tmp_path):
    write_wav(tmp_path / "empty.wav", np.zeros(0, np.int16))
    with pytest.raises(WavError, match="no sample"):
        read_wav(tmp_path / "empty.wav")


def test_the_vectors_are_those_of_the_index():
    rows = re.findall(
        r"`(\w+\.wav)`.*?\| ([\d.]+) \| `([0-9a-f]{64})`", (SPEECH / "README.md").read_text()
    )
    assert {row[0] for row in rows} == {path.name for path in SPEECH.glob("*.wav")}
    for name, seconds, digest in rows:
        assert hashlib.sha256((SPEECH / name).read_bytes()).hexdigest() == digest
        assert len(read_wav(SPEECH / name)) / 8000 == pytest.approx(float(seconds), abs=0.01)
