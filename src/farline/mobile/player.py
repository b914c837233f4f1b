"""What a call plays, as RTP packets that are due at given times. No I/O.

One packet each 20 ms from the first to the last moment of the call, as a phone does: silence, then
the speech once, then silence. Each packet's time is counted from the start, never from the one
before, so nothing drifts. Silence first gives relays on the way time to learn the addresses.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

import numpy as np

from farline.mobile.rtp import DIGITS, RtpPacket, TelephoneEvent
from farline.mobile.wav import FRAME, RATE

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

FRAME_SECONDS = FRAME / RATE
LEAD_IN_FRAMES = 25
"""Silent frames before the speech: half a second."""

MAX_BACKLOG = 25
"""Frames sent at once after a late wake-up; more are skipped, and the timestamp says so."""

MAX_DIGITS = 64
"""Telephone events waiting to be sent."""

EVENT_FRAMES = 5
"""A telephone event lasts 100 ms, and 60 ms of audio follow it."""

EVENT_PAUSE = 3


class Player:
    """Gives the packets of one call. `start` before `due`."""

    def __init__(
        self, samples: NDArray[np.int16], *, ssrc: int, sequence: int, timestamp: int
    ) -> None:
        """`samples` is the speech; the three numbers come from `Ids` (RFC 3550 section 5.1)."""
        pad = -len(samples) % FRAME
        self._speech = np.pad(samples, (0, pad)).reshape(-1, FRAME)
        self._silence = np.zeros(FRAME, np.int16)
        self.ssrc = ssrc
        self.frames = 0
        """RTP packets given out."""
        self.octets = 0
        """Payload octets of them."""
        self.speech_frames = 0
        self.skipped = 0
        """Frames never sent because the wake-up came too late."""
        self.speech_at: float | None = None
        """When the first frame of speech was due (monotonic seconds)."""
        self.last: tuple[float, int] | None = None
        """Due time and timestamp of the last packet (for sender reports)."""
        self._sequence = sequence
        self._timestamp = timestamp
        self._start: float | None = None
        self._position = 0
        """Frames since the start, skipped ones too."""
        self._encode: Callable[[NDArray[np.int16]], bytes] | None = None
        self._payload_type = 0
        self._event_payload: int | None = None
        self._digits: deque[int] = deque()
        self._event: tuple[int, int, int] | None = None
        """(event, frames of it sent, timestamp of its begin)"""
        self._pause = 0
        self._mark = True

    def agree(
        self,
        payload_type: int,
        encode: Callable[[NDArray[np.int16]], bytes],
        event_payload: int | None,
    ) -> None:
        """What offer/answer settled; may change during the call."""
        self._payload_type = payload_type
        self._encode = encode
        self._event_payload = event_payload

    def start(self, now: float) -> None:
        """The first packet is due now; after `pause` the count goes on from now."""
        if self._start is None:
            self._start = now - self._position * FRAME_SECONDS
            self._mark = True

    def pause(self) -> None:
        """Send nothing (hold); `start` goes on."""
        self._start = None

    @property
    def next_at(self) -> float | None:
        """When the next packet is due; None while paused."""
        if self._start is None:
            return None
        return self._start + self._position * FRAME_SECONDS

    @property
    def speech_done(self) -> bool:
        """Whether the whole speech has been sent."""
        return self.speech_frames >= len(self._speech)

    def send_digits(self, keys: str) -> bool:
        """Queue keys of `DIGITS`; False when one is unknown, none was agreed or too many wait."""
        if self._event_payload is None or len(self._digits) + len(keys) > MAX_DIGITS:
            return False
        if not all(key in DIGITS for key in keys.upper()):
            return False
        self._digits.extend(DIGITS.index(key) for key in keys.upper())
        return True

    def due(self, now: float) -> list[RtpPacket]:
        """Every packet due until now."""
        packets: list[RtpPacket] = []
        at = self.next_at
        if at is None or self._encode is None or self._start is None:
            return packets
        behind = int((now - at) / FRAME_SECONDS + 1e-6) - MAX_BACKLOG
        if behind > 0:
            self._position += behind
            self.skipped += behind
            self._mark = True
        while at is not None and at <= now + 1e-6:
            packets += self._frame(at)
            self._position += 1
            at = self.next_at
        return packets

    def _frame(self, at: float) -> list[RtpPacket]:
        timestamp = (self._timestamp + self._position * FRAME) & 0xFFFFFFFF
        self.last = (at, timestamp)
        if self._pause:
            self._pause -= 1
        elif self._event is not None or (self._digits and self._event_payload is not None):
            return self._event_frame(timestamp)
        if self._encode is None:
            return []
        payload = self._encode(self._next_samples(at))
        return [self._packet(self._payload_type, timestamp, payload, marker=self._mark)]

    def _next_samples(self, at: float) -> NDArray[np.int16]:
        if self._position < LEAD_IN_FRAMES or self.speech_done:
            return self._silence
        if self.speech_at is None:
            self.speech_at = at
        self.speech_frames += 1
        frame: NDArray[np.int16] = self._speech[self.speech_frames - 1]
        return frame

    def _event_frame(self, timestamp: int) -> list[RtpPacket]:
        """One packet of the event under way; its last one three times (RFC 4733 2.5.1.4)."""
        if self._event_payload is None:
            self._event = None
            return []
        if self._event is None:
            self._event = (self._digits.popleft(), 0, timestamp)
        event, sent, begin = self._event
        last = sent + 1 >= EVENT_FRAMES
        payload = TelephoneEvent(event, last, (sent + 1) * FRAME).to_bytes()
        self._event = None if last else (event, sent + 1, begin)
        self._pause = EVENT_PAUSE if last else 0
        return [
            self._packet(self._event_payload, begin, payload, marker=sent == 0)
            for _ in range(3 if last else 1)
        ]

    def _packet(self, kind: int, timestamp: int, payload: bytes, *, marker: bool) -> RtpPacket:
        packet = RtpPacket(kind, self._sequence, timestamp, self.ssrc, payload, marker)
        self._sequence = (self._sequence + 1) & 0xFFFF
        self._mark = False
        self.frames += 1
        self.octets += len(payload)
        return packet
