"""libopus as a phone has it, by FFmpeg and not by our crate: tones, and what is heard of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.packet import Packet

if TYPE_CHECKING:
    from farline.media.g711 import Samples

RATE = 48_000
FRAME = 960
"""Samples of a packet: 20 ms."""


class OpusPhone:
    """An encoder that sings a tone, and a decoder."""

    def __init__(self, hz: int) -> None:
        self._hz, self._sung = hz, 0
        self._encoder = av.CodecContext.create("libopus", "w")
        self._encoder.sample_rate, self._encoder.layout, self._encoder.format = RATE, "mono", "s16"
        self._decoder = av.CodecContext.create("libopus", "r")
        self._decoder.sample_rate, self._decoder.layout = RATE, "mono"

    def sing(self) -> bytes:
        """The next payload of the tone."""
        while True:
            at = np.arange(self._sung, self._sung + FRAME)
            samples = (8000 * np.sin(2 * np.pi * self._hz * at / RATE)).astype(np.int16)
            frame = AudioFrame.from_ndarray(samples[None, :], format="s16", layout="mono")
            frame.sample_rate, frame.pts = RATE, self._sung
            self._sung += FRAME
            for packet in self._encoder.encode(frame):
                return bytes(packet)

    def hear(self, payload: bytes) -> Samples:
        """What a payload sounds like, 48,000 samples a second."""
        frames = [one.to_ndarray() for one in self._decoder.decode(Packet(payload))]
        heard = np.concatenate([one.reshape(-1) for one in frames])
        return heard if heard.dtype == np.int16 else (heard * 32767).astype(np.int16)


def share_of_tone(samples: Samples, hz: int, rate: int) -> float:
    """How much of a sound is a tone, of 1."""
    power = np.abs(np.fft.rfft(samples.astype(float) * np.hanning(len(samples)))) ** 2
    at = round(hz * len(samples) / rate)
    return float(power[max(0, at - 3) : at + 4].sum() / max(float(power.sum()), 1.0))
