"""WAV files of the mobile client: 8 kHz, mono, 16-bit PCM, and nothing else.

Reading refuses every other form instead of converting it: a resampled original could not be
compared sample by sample with what was recorded.
"""

from __future__ import annotations

import wave
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

RATE = 8000
"""Samples a second, of the files and of G.711."""

FRAME = 160
"""Samples of one 20 ms frame."""

MAX_SECONDS = 600
"""Longest file read and longest recording kept: ten minutes are 9.6 MB."""


class WavError(ValueError):
    """A WAV file that cannot be used; the text names the file and what is wrong."""


def read_wav(path: Path) -> NDArray[np.int16]:
    """All samples, at most MAX_SECONDS of them. Raises WavError, OSError."""
    try:
        with wave.open(str(path), "rb") as file:
            form = (file.getframerate(), file.getnchannels(), file.getsampwidth())
            if form != (RATE, 1, 2):
                raise WavError(
                    f"{path}: {form[0]} Hz, {form[1]} channel(s), {8 * form[2]} bit; "
                    "it must be 8000 Hz, 1 channel, 16 bit "
                    "(sox IN -r 8000 -c 1 -b 16 OUT makes it so)"
                )
            data = file.readframes(RATE * MAX_SECONDS)
    except (wave.Error, EOFError) as error:
        raise WavError(f"{path}: not a WAV file of PCM samples: {error}") from None
    samples = np.frombuffer(data[: len(data) // 2 * 2], dtype="<i2").astype(np.int16)
    if not len(samples):
        raise WavError(f"{path}: there is no sample in it")
    return samples


def write_wav(path: Path, samples: NDArray[np.int16]) -> None:
    """Write the samples. Raises OSError."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.astype("<i2").tobytes())
