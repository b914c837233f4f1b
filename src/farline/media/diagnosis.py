"""What is wrong with a call's audio, in plain sentences, by its counters alone. Pure.

Each direction of a stream is looked at by itself: who sends, whether it reaches us, whether it
leaves again, and if not, why.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from farline.media.quality import leg_quality

if TYPE_CHECKING:
    from collections.abc import Sequence

    from farline.media.engine import StreamStats

FEW: Final = 50
"""Packets: a second of speech. Fewer lost at the beginning or the end say nothing."""
SILENT_MS: Final = 5_000
"""A side that was heard is silent after this long."""


@dataclass(frozen=True, slots=True)
class Direction:
    """One direction of a stream."""

    sender: str
    receiver: str
    works: bool
    because: str
    """A sentence: what is seen, and the cause where the counters show it."""


def diagnose(stats: Sequence[StreamStats]) -> tuple[Direction, ...]:
    """Both directions of every RTP stream, or of none whose two ports are not in `stats`."""
    ports = [one for one in stats if one.kind == "rtp"]
    found: list[Direction] = []
    for index in sorted({one.index for one in ports}):
        pair = [one for one in ports if one.index == index]
        if len(pair) == 2:
            found += [_direction(pair[0], pair[1]), _direction(pair[1], pair[0])]
    return tuple(found)


def summary(stats: Sequence[StreamStats]) -> str:
    """One line: what each side does; for a call that is fine, that and nothing more."""
    found = diagnose(stats)
    if not found:
        return "no media"
    return "; ".join(one.because for one in found)


def _direction(sender: StreamStats, receiver: StreamStats) -> Direction:
    """From one side to the other."""
    heard = _not_heard(sender)
    if heard is not None:
        return Direction(sender.side, receiver.side, False, heard)
    left = _not_leaving(sender, receiver)
    if left is not None:
        return Direction(sender.side, receiver.side, False, f"{sender.side} sends, {left}")
    count = f"{sender.side} sends ({sender.received_packets} packets)"
    if sender.last_seen_ms is not None and sender.last_seen_ms >= SILENT_MS:
        quiet = f"{sender.side} fell silent after packet {sender.received_packets}"
        return Direction(sender.side, receiver.side, False, f"{quiet}{_obstacle(sender)}")
    return Direction(sender.side, receiver.side, True, count)


def _not_heard(sender: StreamStats) -> str | None:
    """Why nothing of a side was accepted; None: something was."""
    if sender.received_packets > 0:
        return None
    obstacle = _obstacle(sender)
    if obstacle:
        return f"{sender.side} is not heard{obstacle}"
    return f"{sender.side} does not send: nothing came to {sender.local}"


def _obstacle(sender: StreamStats) -> str:
    """What came of a side and could not be taken; empty: nothing."""
    if sender.handshake is not None:
        return f": the DTLS handshake failed: {sender.handshake}"
    if sender.unauthentic_packets:
        return f": {sender.unauthentic_packets} packets do not authenticate (another SRTP key)"
    if sender.refused_packets:
        stranger = f" {sender.stranger}" if sender.stranger else " a stranger"
        expected = f", expected is {sender.target}" if sender.target else ""
        return f": {sender.refused_packets} packets from{stranger} were refused{expected}"
    if sender.malformed_packets:
        return f": {sender.malformed_packets} packets are no RTP"
    return ""


def _not_leaving(sender: StreamStats, receiver: StreamStats) -> str | None:
    """Why what a side sends does not leave towards the other; None: it does."""
    if receiver.sent_packets is None:
        return None
    missing = sender.received_packets - receiver.sent_packets
    if missing < FEW and receiver.sent_packets > 0:
        return None
    nothing = f"nothing leaves towards {receiver.side}"
    if receiver.sent_packets:
        nothing += f" since packet {receiver.sent_packets}"
    if receiver.muted:
        return f"{nothing}: it is on hold"
    if 2 * receiver.unsent_packets > max(missing, 0):
        return f"{nothing}: {receiver.unsent_packets} could not be sent or protected"
    if receiver.untargeted_packets and receiver.target is None:
        return f"{nothing}: no address of it is known"
    # What was held back before (a hold) is counted, and packets of another codec are not as many.
    missing -= receiver.untargeted_packets + receiver.unsent_packets
    comparable = sender.transcoding is None or not receiver.sent_packets
    return nothing if missing >= FEW and comparable else None


def at_the_end(stats: Sequence[StreamStats]) -> str:
    """One line for the end of a call: what each side did, and how it sounded."""
    sounded = []
    for one in stats:
        if one.quality is None:
            continue
        quality, legs = one.quality, leg_quality(one.quality)
        if legs.received is not None:
            lost = f"{max(quality.lost_packets, 0)} of {quality.expected_packets} lost"
            sounded.append(f"{one.side}: MOS {legs.received:.1f}, {lost}")
    return "; ".join([summary(stats), *sounded])
