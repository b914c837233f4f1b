"""What the engine tells unasked, from the relay's words to the cores'."""

import pytest

from farline.media.reports import (
    DigitDialled,
    MediaReportError,
    MediaTimeout,
    OneWayAudio,
    PortsExhausted,
    decode_report,
    encode_report,
    from_relay,
)


class Sessions:
    """One call."""

    def side_name(self, session: str, side: int) -> str:
        return ["outside", "inside"][side]

    def summary(self, session: str) -> str:
        return "inside does not send"


@pytest.mark.parametrize(
    ("told", "meant"),
    [
        ({"session": "a", "kind": "silence", "idle_ms": 60500}, MediaTimeout("a", 60.5)),
        (
            {"session": "a", "kind": "digit", "stream": 0, "side": 1, "digit": "#"}
            | {"duration_ms": 80},
            DigitDialled("a", "inside", "#", 80),
        ),
        (
            {"session": "a", "kind": "one-way", "stream": 0, "side": 1, "idle_ms": 8000},
            OneWayAudio("a", "inside", 8.0, "inside does not send"),
        ),
        ({"session": "a", "kind": "exhausted", "interface": "B1"}, PortsExhausted("a", "B1")),
    ],
)
def test_reports_cross_the_socket(told, meant):
    assert from_relay(told, Sessions()) == meant
    assert decode_report(encode_report(meant)) == meant


@pytest.mark.parametrize("value", [{}, {"event": "x"}, {"event": "timeout"}, {"event": 1}])
def test_what_is_no_report_is_refused(value):
    with pytest.raises(MediaReportError, match="no report"):
        decode_report(value)
