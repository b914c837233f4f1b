"""Hold music from WAV files: read once, encoded once a codec by the relay."""

from __future__ import annotations

import logging
import wave
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from farline._core import RelayError
from farline.config.policy_rules import MediaRule
from farline.runtime.named_files import about, reason

if TYPE_CHECKING:
    from pathlib import Path

    from farline._core import Relay

log = logging.getLogger(__name__)

RATES = (8000, 16000, 48000)
LONGEST_SECONDS = 300
"""It is held in memory in every codec, some 30 kB a second."""
SHORTEST_SECONDS = 1


class MusicError(ValueError):
    """A file that cannot be played; the text says why and what helps."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Mono samples of 16 bits in the machine's order, and how many there are in a second."""

    samples: bytes
    rate: int


def read_music(path: Path) -> Piece:
    """A WAV file of 16-bit samples, mono or stereo. Raises MusicError."""
    try:
        with wave.open(str(path), "rb") as file:
            channels, rate = file.getnchannels(), file.getframerate()
            if file.getsampwidth() != 2 or channels not in (1, 2) or rate not in RATES:
                said = f"{file.getsampwidth() * 8} bits, {channels} channels, {rate} Hz"
                raise MusicError(
                    f"{said}; make it 16 bits, mono, 16000 Hz: sox IN -b 16 -c 1 -r 16000 OUT"
                )
            seconds = file.getnframes() / rate
            if not SHORTEST_SECONDS <= seconds <= LONGEST_SECONDS:
                raise MusicError(
                    f"it lasts {seconds:.1f} s; {SHORTEST_SECONDS} to {LONGEST_SECONDS} s can be"
                )
            frames = file.readframes(file.getnframes())
    except OSError as error:
        raise MusicError(f"cannot be read: {reason(error)}") from None
    except (wave.Error, EOFError) as error:
        why = str(error) or "it ends too soon"
        raise MusicError(f"no WAV file of PCM samples: {why}") from None
    whole = len(frames) // (2 * channels) * 2 * channels
    samples = np.frombuffer(frames[:whole], "<i2").reshape(-1, channels)
    if len(samples) < SHORTEST_SECONDS * rate:
        raise MusicError("it is shorter than its head says")
    mixed = samples[:, 0] if channels == 1 else (samples.sum(axis=1, dtype=np.int32) // 2)
    return Piece(mixed.astype(np.int16).tobytes(), rate)


class MusicShelf:
    """The pieces that a relay can play, each loaded when it is first asked for."""

    def __init__(self, relay: Relay, base: Path) -> None:
        """Names are paths; relative ones start at `base`."""
        self._relay = relay
        self._base = base
        self._known: dict[str, bool] = {}

    def has(self, name: str) -> bool:
        """Whether a piece can be played; why not is logged once."""
        if name not in self._known:
            self._known[name] = self._load(name)
        return self._known[name]

    def _load(self, name: str) -> bool:
        try:
            piece = read_music(self._base / name)
            self._relay.music(name, piece.samples, piece.rate)
        except (MusicError, RelayError) as error:
            why = error.reason if isinstance(error, RelayError) else str(error)
            told = about(MediaRule, "hold_music", self._base / name, why)
            log.error("hold music %s is not played: %s", name, told)
            return False
        return True
