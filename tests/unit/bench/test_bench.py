"""What the benchmarks decide by themselves: what they say meanwhile, and where they search."""

import importlib
from pathlib import Path
from types import SimpleNamespace

import pytest

from farline.config.load import load_deployment

BENCH = Path(__file__).parents[3] / "bench"


@pytest.fixture
def media(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCH))
    return importlib.import_module("media")


class Core:
    """A core that carries `most` calls."""

    def __init__(self, most):
        self.most = most
        self.tried = []

    def run(self, rate, seconds, number):
        assert rate == number * 100
        self.tried.append(number)
        return SimpleNamespace(lost="" if number <= self.most else "some", p99=900, pace=1.0)


@pytest.mark.parametrize("near", [None, 50, 600, 1_300, 1_350, 2_400])
@pytest.mark.parametrize("most", [0, 50, 649, 1_300, 2_399, 2_400, 9_999])
def test_the_largest_number_of_calls_is_found_wherever_the_search_begins(media, most, near):
    core = Core(most)
    expected = min(most // media.STEP * media.STEP, media.MOST_CALLS)
    assert media.most_calls(core, near) == expected
    assert len(core.tried) <= 22


def test_a_search_near_the_result_takes_two_numbers(media):
    core = Core(1_310)
    assert media.most_calls(core, 1_300) == 1_300
    assert set(core.tried) == {1_300, 1_350}


@pytest.mark.parametrize(
    ("wrong", "carried"),
    [
        ({}, True),
        ({"lost": "RcvbufErrors 1"}, False),
        ({"p99": 50_000}, False),
        ({"pace": 0.3}, False),
    ],
)
def test_calls_are_carried_without_loss_in_time_and_all_of_them(media, wrong, carried):
    result = SimpleNamespace(**{"lost": "", "p99": 900, "pace": 0.999, **wrong})
    assert media.carried(result) is carried


def test_standard_error_reads_whose_turn_it_is(media, capsys):
    assert list(media.turns("srtp vs rtpengine", 2, ("ours", "peer"))) == ["ours", "peer"] * 2
    assert capsys.readouterr().err.splitlines() == [
        "srtp vs rtpengine: run 1 of 2, ours",
        "srtp vs rtpengine: run 1 of 2, peer",
        "srtp vs rtpengine: run 2 of 2, ours",
        "srtp vs rtpengine: run 2 of 2, peer",
    ]


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_the_border_that_is_measured_can_be_started(monkeypatch, transport):
    monkeypatch.syspath_prepend(str(BENCH))
    signaling = importlib.import_module("signaling")
    words = {"PORTS": signaling.PORTS[transport], "TRANSPORT": signaling.INNER[transport].upper()}
    deployment = load_deployment(signaling.filled("border.yaml", **words), {})
    assert deployment.border is not None
    assert deployment.border.signaling_interfaces
