"""The audio of one call: plays, records, reports. No I/O: datagrams and times go in and come out.

`AudioSession` is told by `agree` what offer/answer settled, is given datagrams and times, and gives
`SendRtp`, `SendRtcp` and `Digit` from `poll()`, in the manner of the SIP cores.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from farline.media.g711 import decode_alaw, decode_ulaw, encode_alaw, encode_ulaw
from farline.mobile.player import Player
from farline.mobile.recorder import Recorder
from farline.mobile.rtp import DIGITS, SenderInfo, build_rtcp, parse_rtcp, parse_rtp
from farline.sip.effects import Deadline

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from farline.mobile.offer import MediaPlan
    from farline.sip.ids import Ids
    from farline.sip.transport import Address

REPORT_SECONDS = 5.0
"""Mean time between two RTCP packets (RFC 3550 section 6.2: at least five seconds)."""

ENCODERS: dict[str, Callable[[NDArray[np.int16]], bytes]] = {
    "PCMA": encode_alaw,
    "PCMU": encode_ulaw,
}
DECODERS: dict[str, Callable[[bytes], NDArray[np.int16]]] = {
    "PCMA": decode_alaw,
    "PCMU": decode_ulaw,
}


@dataclass(frozen=True, slots=True)
class SendRtp:
    """Output: send this from the RTP port."""

    data: bytes
    remote: Address


@dataclass(frozen=True, slots=True)
class SendRtcp:
    """Output: send this from the RTCP port."""

    data: bytes
    remote: Address


@dataclass(frozen=True, slots=True)
class Digit:
    """Output: the peer pressed a key."""

    key: str


@dataclass(frozen=True, slots=True)
class AudioReport:
    """How the audio of a call went; times are monotonic seconds."""

    sent_frames: int
    speech_frames: int
    skipped_frames: int
    received_frames: int
    lost: int
    reordered: int
    late: int
    malformed: int
    foreign: int
    early: int
    unknown_payload: int
    codec: str
    recorded_seconds: float
    speech_at: float | None
    first_received_at: float | None
    peer_lost: int | None
    """What the peer's last RTCP report said of our packets; None without one."""


class AudioSession:
    """One call's audio."""

    def __init__(
        self,
        speech: NDArray[np.int16],
        *,
        ids: Ids,
        cname: str,
        wall: Callable[[float], float],
    ) -> None:
        """`wall` turns monotonic seconds into seconds since 1970 (sender reports)."""
        self._ids = ids
        self._cname = cname
        self._wall = wall
        self._player = Player(
            speech, ssrc=ids.number(32), sequence=ids.number(15), timestamp=ids.number(32)
        )
        self._recorder = Recorder({}, None, self._digit)
        self._plan: MediaPlan | None = None
        self._out: deque[SendRtp | SendRtcp | Digit] = deque()
        self._report_at: float | None = None
        self._last_sr: tuple[int, float] | None = None
        self._peer_lost: int | None = None
        self._codec = ""
        self._ended = False

    # ---- inputs ----

    def agree(self, plan: MediaPlan, now: float) -> None:
        """Follow what offer/answer settled: codec, address, direction."""
        if self._ended:
            return
        self._plan = plan
        self._codec = plan.codec
        self._player.agree(plan.payload_type, ENCODERS[plan.codec], plan.event_payload)
        decoders = {number: DECODERS[name] for number, name in plan.receive.items()}
        self._recorder.agree(decoders, plan.receive_event_payload)
        if plan.sends:
            self._player.start(now)
        else:
            self._player.pause()
        if self._report_at is None:
            self._report_at = now + self._report_interval()

    def rtp_received(self, data: bytes, source: Address, now: float) -> None:
        """A datagram came in on the RTP port."""
        if not self._accepts(source):
            return
        packet = parse_rtp(data)
        if packet is None:
            self._recorder.counters.malformed += 1
            return
        self._recorder.take(packet, now)

    def rtcp_received(self, data: bytes, source: Address, now: float) -> None:
        """A datagram came in on the RTCP port."""
        if not self._accepts(source):
            return
        seen = parse_rtcp(data)
        if seen is None:
            self._recorder.counters.malformed += 1
            return
        if seen.sender_ntp_middle is not None:
            self._last_sr = (seen.sender_ntp_middle, now)
        for block in seen.blocks:
            if block.ssrc == self._player.ssrc:
                self._peer_lost = block.cumulative_lost

    def send_digits(self, keys: str) -> bool:
        """Send keys as telephone events; False when that is not possible."""
        return self._player.send_digits(keys)

    def expire(self, now: float) -> None:
        """Send what is due."""
        plan = self._plan
        if plan is None or self._ended:
            return
        if plan.remote is not None:
            for packet in self._player.due(now):
                self._out.append(SendRtp(packet.to_bytes(), plan.remote))
        if self._report_at is not None and now >= self._report_at:
            self._report(now, bye=False)
            self._report_at = now + self._report_interval()

    def end(self, now: float) -> NDArray[np.int16]:
        """The call is over: a last report with BYE is queued, the recording is given."""
        if not self._ended:
            self._report(now, bye=True)
            self._ended = True
        return self._recorder.finish()

    # ---- outputs ----

    def poll(self) -> SendRtp | SendRtcp | Digit | None:
        """The next output."""
        return self._out.popleft() if self._out else None

    def next_deadline(self) -> Deadline | None:
        """The next packet or report."""
        if self._ended or self._plan is None:
            return None
        frame = self._player.next_at if self._plan.remote is not None else None
        if frame is not None and (self._report_at is None or frame <= self._report_at):
            return Deadline(frame, "frame")
        return None if self._report_at is None else Deadline(self._report_at, "report")

    @property
    def speech_done(self) -> bool:
        """Whether everything to be played was sent."""
        return self._player.speech_done

    def summary(self) -> AudioReport:
        """Counters until now."""
        player, recorder = self._player, self._recorder
        counters = recorder.counters
        return AudioReport(
            player.frames,
            player.speech_frames,
            player.skipped,
            counters.packets,
            counters.lost,
            counters.reordered,
            counters.late,
            counters.malformed,
            counters.foreign,
            counters.early,
            counters.unknown_payload,
            self._codec,
            recorder.seconds,
            player.speech_at,
            recorder.first_at,
            self._peer_lost,
        )

    # ---- inside ----

    def _accepts(self, source: Address) -> bool:
        """Only the call's peer may speak, from any port of its address (it may be asymmetric)."""
        if self._plan is None or self._plan.remote is None or self._ended:
            self._recorder.counters.early += 1
            return False
        if source.host != self._plan.remote.host:
            self._recorder.counters.foreign += 1
            return False
        return True

    def _digit(self, event: int) -> None:
        if event < len(DIGITS):
            self._out.append(Digit(DIGITS[event]))

    def _report_interval(self) -> float:
        """0.5 to 1.5 times the mean, so that reports do not fall together (section 6.3.1)."""
        return REPORT_SECONDS * (0.5 + self._ids.number(16) / 65536)

    def _report(self, now: float, *, bye: bool) -> None:
        plan, player = self._plan, self._player
        if plan is None or plan.remote_rtcp is None:
            return
        sender = None
        if player.last is not None:
            at, timestamp = player.last
            elapsed = int((now - at) * 8000)
            sender = SenderInfo(self._wall(now), timestamp + elapsed, player.frames, player.octets)
        last_sr, since = (0, 0.0) if self._last_sr is None else self._last_sr
        blocks = self._recorder.report(last_sr, now - since if last_sr else 0.0)
        data = build_rtcp(player.ssrc, self._cname, blocks, sender, bye=bye)
        self._out.append(SendRtcp(data, plan.remote_rtcp))
