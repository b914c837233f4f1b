"""How good a leg sounds: the E-model (ITU-T G.107), from loss, delay and codec.

All parameters of a connection that we cannot see have G.107's defaults (its table 3). What G.113
gives no figure for is said beside the table. A MOS is what an average listener would say, from 1
to 4.5; one of a mute call is as good as any other's.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import cbrt, exp, log2, log10, sqrt
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from farline.media.engine import Quality

BASE: Final = 93.2
"""Ro - Is with the defaults."""
NOISE_RATIO: Final = 94.77
"""Ro with the defaults (also Roe: circuit noise is the same at both ends)."""
TELR, WEPL = 65.0, 110.0
"""Echo losses in dB: G.107's defaults."""
FRAME_MS: Final = 20.0
"""Speech in a packet: it leaves when its last sample is there."""

CODECS: Final = {
    "PCMA": (0.0, 25.1),
    "PCMU": (0.0, 25.1),
    "G729": (10.0, 19.0),
    "G722": (0.0, 25.1),
    "opus": (0.0, 25.1),
}
"""Ie and Bpl (G.113 appendix I). G.711 and G.729 with concealment, as phones have it. G.722 and
Opus are no narrowband codecs: on this scale, whose best is narrowband's, they count as G.711."""
UNKNOWN: Final = (10.0, 19.0)
"""For any other codec, those of G.729: neither the best nor the worst."""


@dataclass(frozen=True, slots=True)
class LegQuality:
    """The MOS of both directions of a leg; None where nothing is known of one."""

    received: float | None
    """Of what comes from the peer."""
    sent: float | None
    """Of what the peer gets from us, by its reports."""


def leg_quality(quality: Quality) -> LegQuality:
    """The MOS of a leg, by what was noticed of it.

    The delay is half the round trip, a frame, and a jitter buffer of twice the jitter.
    """
    codec = quality.codec or ""
    half = (quality.round_trip_ms or 0.0) / 2 + FRAME_MS
    received = sent = None
    if quality.expected_packets > 0:
        loss = max(quality.lost_packets, 0) / quality.expected_packets
        received = mos(codec, loss, half + 2 * (quality.jitter_ms or 0.0))
    if quality.reported_loss is not None:
        loss = quality.reported_loss
        loss = 1 - (1 - loss) * (1 - (quality.reported_discard or 0.0))
        sent = mos(codec, loss, half + 2 * (quality.reported_jitter_ms or 0.0))
    return LegQuality(received, sent)


def mos(codec: str, loss: float, delay_ms: float) -> float:
    """The conversational MOS (G.107 annex B); `loss` of 1, `delay_ms` from mouth to ear."""
    rating = BASE - _delay_impairment(delay_ms) - _equipment_impairment(codec, loss)
    if rating <= 0:
        return 1.0
    if rating >= 100:
        return 4.5
    # Below 6.5 the formula dips under 1 (G.107 annex B).
    return max(1.0, 1 + 0.035 * rating + rating * (rating - 60) * (100 - rating) * 7e-6)


def _equipment_impairment(codec: str, loss: float) -> float:
    """Ie,eff for random loss (G.107 section 7.5, BurstR 1)."""
    impairment, robustness = CODECS.get(codec, UNKNOWN)
    percent = 100 * min(max(loss, 0.0), 1.0)
    return impairment + (95 - impairment) * percent / (percent + robustness)


def _delay_impairment(delay: float) -> float:
    """Id = Idte + Idle + Idd (G.107 section 7.4) with T = Ta = Tr / 2."""
    near = TELR - 40 * log10((1 + delay / 10) / (1 + delay / 150)) + 6 * exp(-0.3 * delay * delay)
    talker = (NOISE_RATIO - (80 + 2.5 * (near - 14))) / 2
    echo = (talker + sqrt(talker * talker + 100) - 1) * (1 - exp(-delay))
    listener = (NOISE_RATIO - 10.5 * (WEPL + 7) / sqrt(sqrt(2 * delay + 1))) / 2
    echo += listener + sqrt(listener * listener + 169)
    if delay <= 100:
        return echo
    ratio = log2(delay / 100)
    late = sqrt(cbrt(1 + ratio**6)) - 3 * sqrt(cbrt(1 + (ratio / 3) ** 6)) + 2
    return echo + 25 * late
