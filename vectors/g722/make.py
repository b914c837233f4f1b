"""Makes the vectors of this directory with SpanDSP (libspandsp2), through its C interface.

python vectors/g722/make.py
"""

from __future__ import annotations

import ctypes
import wave
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
RATE = 64_000


def input_16khz() -> np.ndarray:
    """0.6 s of speech (twice as many samples by interpolation), 0.1 s of noise, and steps.

    Nothing comes near the limits, where SpanDSP 0.0.6 wraps around.
    """
    with wave.open(str(HERE.parents[1] / "src/farline/lab/speech/dora.wav")) as file:
        speech = np.frombuffer(file.readframes(file.getnframes()), np.int16)[8000:12800]
    at = np.arange(2 * len(speech)) / 2
    speech = np.interp(at, np.arange(len(speech)), speech)
    noise = np.random.default_rng(722).integers(-12000, 12000, 1600)
    steps = np.where(np.arange(1600) // 80 % 2, 14000, -14000)
    return np.concatenate([speech, noise, steps]).astype("<i2")


def main() -> None:
    """Writes input.pcm, coded.g722 and decoded.pcm."""
    library = ctypes.CDLL("libspandsp.so.2")
    for name in ("g722_encode_init", "g722_decode_init"):
        getattr(library, name).restype = ctypes.c_void_p
    samples = input_16khz()
    coded = ctypes.create_string_buffer(len(samples) // 2)
    encoder = ctypes.c_void_p(library.g722_encode_init(None, RATE, 0))
    length = library.g722_encode(
        encoder, coded, samples.ctypes.data_as(ctypes.c_void_p), len(samples)
    )
    decoded = np.zeros(2 * length, "<i2")
    decoder = ctypes.c_void_p(library.g722_decode_init(None, RATE, 0))
    library.g722_decode(decoder, decoded.ctypes.data_as(ctypes.c_void_p), coded, length)
    (HERE / "input.pcm").write_bytes(samples.tobytes())
    (HERE / "coded.g722").write_bytes(coded.raw[:length])
    (HERE / "decoded.pcm").write_bytes(decoded.tobytes())


if __name__ == "__main__":
    main()
