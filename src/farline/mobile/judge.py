"""Was the speech that one side played the speech that the other side recorded?

Judged by content. The sent samples go through the codec alone (the control: what a perfect path
delivers), the control is found in the recording by cross-correlation, and the two are compared
sample by sample and 20 ms frame by frame. A perfect G.711 path gives a correlation of 1; anything
under 0.999, a missing frame, silence or other speech fails, with the reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from farline.media.g711 import decode_alaw, decode_ulaw, encode_alaw, encode_ulaw
from farline.mobile.wav import FRAME, RATE

if TYPE_CHECKING:
    from numpy.typing import NDArray

REQUIRED = 0.999
"""Correlation against the control that a G.711 path without loss must reach."""

SILENCE_RMS = 30.0
"""Root mean square (of 32767) under which a recording holds no speech: -60 dB of full scale, some
40 dB under speech, over the codec's idle noise (A-law: 8)."""

SPEECH_RMS = 100.0
"""Over this a frame of the control is speech, so that its absence can be seen."""

RECOGNISED = 0.5
"""Correlation under which a recording is other audio, not a damaged copy (chance gives 0.1)."""


class Finding(StrEnum):
    """What was found in a recording."""

    GOOD = "good"
    SILENCE = "silence"
    WRONG_AUDIO = "wrong-audio"
    LOST_FRAMES = "lost-frames"
    DAMAGED = "damaged"


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict on one direction."""

    finding: Finding
    reason: str
    """One sentence for people."""

    correlation: float
    """Of recording and control where they match best; 0 to 1."""

    offset_ms: float
    """Where in the recording the speech begins; negative: its beginning is missing."""

    delay_ms: float | None
    """From a sample's leaving to its arrival; None when the two clocks were not given."""

    frames: int
    """20 ms frames of the control."""

    lost_frames: int
    """Those that hold sound and have none in the recording."""

    @property
    def ok(self) -> bool:
        """Whether the speech arrived whole."""
        return self.finding is Finding.GOOD


def through_codec(samples: NDArray[np.int16], codec: str) -> NDArray[np.int16]:
    """What a perfect path of that codec ("PCMA" or "PCMU") delivers."""
    if codec == "PCMA":
        return decode_alaw(encode_alaw(samples))
    if codec == "PCMU":
        return decode_ulaw(encode_ulaw(samples))
    raise ValueError(f"no control for codec {codec!r}: PCMA and PCMU are known")


def judge(
    sent: NDArray[np.int16],
    recorded: NDArray[np.int16],
    *,
    codec: str = "PCMA",
    required: float = REQUIRED,
    sent_at: float | None = None,
    recorded_at: float | None = None,
) -> Judgement:
    """Compare what was sent with what was recorded.

    `required`: the correlation that will do; a path on which speech is coded anew by another
    codec gives less than G.711's. `sent_at` and `recorded_at` are when the first sample of each
    left and arrived, in seconds of one clock; with both the delay is given. Raises ValueError when
    `sent` is silence.
    """
    control = through_codec(sent, codec).astype(np.float64)
    heard = recorded.astype(np.float64)
    frames = -(-len(control) // FRAME)
    if _rms(control) < SILENCE_RMS:
        raise ValueError("the sent audio is silence: there is nothing to recognise")
    if _rms(heard) < SILENCE_RMS:
        reason = "nothing was recorded" if not len(heard) else "the recording is silence"
        return Judgement(Finding.SILENCE, reason, 0.0, 0.0, None, frames, frames)
    lag = _align(control, heard)
    piece = _cut(heard, lag, len(control))
    correlation = _correlation(control, piece)
    missing = _missing(control, piece)
    lost = int(missing.sum())
    alike = _correlation(*_without(missing, control, piece))
    delay = None
    if sent_at is not None and recorded_at is not None:
        delay = (recorded_at + lag / RATE - sent_at) * 1000.0
    finding, reason = _verdict(correlation, alike, lost, frames, required)
    return Judgement(finding, reason, correlation, lag * 1000.0 / RATE, delay, frames, lost)


def _verdict(
    correlation: float, alike: float, lost: int, frames: int, required: float
) -> tuple[Finding, str]:
    """`alike` is the correlation over those frames that are not missing."""
    if alike < RECOGNISED:
        return Finding.WRONG_AUDIO, (
            f"the recording is not the speech that was sent (correlation {alike:.3f})"
        )
    if lost:
        return Finding.LOST_FRAMES, f"{lost} of {frames} frames of 20 ms are missing"
    if correlation < required:
        return Finding.DAMAGED, (
            f"the speech arrived damaged: correlation {correlation:.4f}, {required} is required"
        )
    return Finding.GOOD, f"the speech arrived whole (correlation {correlation:.4f})"


def _align(control: NDArray[np.float64], heard: NDArray[np.float64]) -> int:
    """The lag (samples of `heard` before `control` begins) where the two match best."""
    size = 1 << (len(control) + len(heard) - 1).bit_length()
    product = np.fft.rfft(heard, size) * np.conj(np.fft.rfft(control, size))
    match = np.fft.irfft(product, size)
    best = int(np.argmax(match))
    return best if best < len(heard) else best - size


def _cut(heard: NDArray[np.float64], lag: int, length: int) -> NDArray[np.float64]:
    """`length` samples from `lag`; what lies outside the recording is silence."""
    piece = np.zeros(length)
    first, last = max(0, lag), min(len(heard), lag + length)
    if first < last:
        piece[first - lag : last - lag] = heard[first:last]
    return piece


def _correlation(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    if not len(first):
        return 0.0
    one, two = first - first.mean(), second - second.mean()
    scale = float(np.sqrt(np.dot(one, one) * np.dot(two, two)))
    return min(1.0, max(0.0, float(np.dot(one, two)) / scale)) if scale else 0.0


def _framed(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.pad(samples, (0, -len(samples) % FRAME)).reshape(-1, FRAME)


def _missing(control: NDArray[np.float64], piece: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which frames are missing.

    Speech went in and less than a tenth of its level came out, or any sound went in and a constant
    (what a gap is filled with) came out.
    """
    wanted, got = _framed(control), _framed(piece)
    wanted_rms = np.sqrt((wanted**2).mean(axis=1))
    got_rms = np.sqrt((got**2).mean(axis=1))
    quiet = (wanted_rms >= SPEECH_RMS) & (got_rms < 0.1 * wanted_rms)
    flat = (np.ptp(wanted, axis=1) > 0) & (np.ptp(got, axis=1) == 0)
    return np.asarray(quiet | flat)


def _without(
    missing: NDArray[np.bool_], control: NDArray[np.float64], piece: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Both without the missing frames."""
    return _framed(control)[~missing].ravel(), _framed(piece)[~missing].ravel()


def _rms(samples: NDArray[np.float64]) -> float:
    return float(np.sqrt((samples**2).mean())) if len(samples) else 0.0
