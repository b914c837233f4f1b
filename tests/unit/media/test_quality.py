"""The E-model, against what G.107, G.113 and G.114 say of known connections."""

import pytest
from msgspec.structs import replace

from farline.media.engine import Quality
from farline.media.quality import leg_quality, mos

CALL = Quality(
    ssrc=7,
    sources=1,
    codec="PCMA",
    expected_packets=1000,
    lost_packets=0,
    jitter_ms=1.0,
    round_trip_ms=20.0,
    reported_loss=0.0,
    reported_jitter_ms=1.0,
    reported_discard=None,
    reported_mos=None,
)


def test_a_perfect_g711_call_has_the_defaults_mos():
    assert mos("PCMA", 0.0, 0.0) == pytest.approx(4.41, abs=0.01)


def test_a_perfect_g729_call_has_g113s():
    assert mos("G729", 0.0, 0.0) == pytest.approx(4.13, abs=0.01)


@pytest.mark.parametrize(
    ("loss", "delay", "low", "high"),
    [
        (0.0, 150.0, 4.2, 4.4),
        (0.0, 400.0, 2.9, 3.6),
        (0.01, 50.0, 4.2, 4.35),
        (0.05, 50.0, 3.5, 4.0),
        (0.20, 50.0, 1.9, 2.8),
        (1.0, 50.0, 1.0, 1.3),
    ],
)
def test_loss_and_delay_cost_what_they_should(loss, delay, low, high):
    assert low <= mos("PCMU", loss, delay) <= high


def test_more_loss_and_more_delay_are_never_better():
    by_loss = [mos("G729", loss / 100, 60.0) for loss in range(101)]
    by_delay = [mos("opus", 0.0, float(delay)) for delay in range(0, 2000, 10)]
    assert by_loss == sorted(by_loss, reverse=True)
    assert by_delay == sorted(by_delay, reverse=True)


def test_the_two_directions_of_a_leg_are_told_apart():
    both = leg_quality(CALL)
    assert both.received == both.sent
    bad = leg_quality(replace(CALL, lost_packets=100, reported_discard=0.0))
    assert bad.received is not None and both.received is not None
    assert bad.received < both.received - 0.7
    assert bad.sent == both.sent


def test_packets_that_came_twice_are_no_loss():
    assert leg_quality(replace(CALL, lost_packets=-5)) == leg_quality(CALL)


def test_what_is_not_known_is_not_made_up():
    nothing = replace(CALL, expected_packets=0, reported_loss=None)
    assert leg_quality(nothing).received is None
    assert leg_quality(nothing).sent is None
