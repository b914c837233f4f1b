"""The table of `farline show media`."""

from io import StringIO

from msgspec import to_builtins
from msgspec.structs import replace
from rich.console import Console

from farline.cli.show_media import print_media
from farline.media.engine import Quality, StreamStats

QUALITY = Quality(
    ssrc=0xDEADBEEF,
    sources=1,
    codec="PCMU",
    expected_packets=1_000_000,
    lost_packets=12_345,
    jitter_ms=123.44,
    round_trip_ms=1234.56,
    reported_loss=0.25,
    reported_jitter_ms=1.0,
    reported_discard=None,
    reported_mos=None,
)
PORT = StreamStats(
    side="outside",
    index=0,
    kind="rtp",
    local="192.168.64.96:35000",
    latched="192.168.167.161:61000",
    received_packets=987_655,
    received_bytes=1,
    sent_packets=1_000_000,
    sent_bytes=1,
    refused_packets=3,
    last_seen_ms=10,
    malformed_packets=4,
    suite="AES_CM_128_HMAC_SHA1_80",
    quality=QUALITY,
)


def shown(*ports: StreamStats, width: int = 120, call: str = "", **more: object) -> list[str]:
    streams = [
        {
            "session": "call \x1b[1m",
            **to_builtins(one),
            "mos_received": 4.04,
            "mos_sent": None,
            **more,
        }
        for one in ports
    ]
    state = {
        "fast_path": "none: switched off",
        "interfaces": ["B1 192.168.64.96:35000-40000"],
        "sessions": 1,
        "streams": streams,
        "diagnoses": {"call \x1b[1m": "outside sends"},
    }
    out = StringIO()
    print_media(Console(file=out, width=width), state, call)
    return out.getvalue().splitlines()


def test_a_row_has_everything_and_fits_120_columns():
    lines = shown(PORT)
    (line,) = [one for one in lines if "61000" in one]
    assert line.split() == [
        "outside",
        "192.168.167.161:61000",
        "PCMU",
        "987655",
        "1.2%",
        "123.4",
        "1234.6",
        "4.0/-",
        "1000000",
        "7",
        "user",
        "AES-128/80",
    ]
    assert max(len(one) for one in lines) <= 120


def test_the_scale_of_a_wideband_codecs_mos_is_said():
    wide = replace(PORT, quality=replace(QUALITY, codec="opus"))
    assert any("narrowband scale" in line for line in shown(wide))
    assert not any("narrowband scale" in line for line in shown(PORT))


def test_what_peers_sent_does_not_reach_the_terminal_raw():
    assert not any("\x1b" in line for line in shown(PORT))


def test_why_a_flow_is_not_in_the_kernel_is_said():
    lines = shown(PORT, path="user", why="SRTP is ended here")
    assert "outside: user path: SRTP is ended here" in lines


def test_a_port_for_rtcp_is_no_reason_to_speak_of_the_user_path():
    rtcp = {"kind": "rtcp", "path": "user", "why": "RTCP"}
    assert not any("user path" in line for line in shown(PORT, replace(PORT, **rtcp)))


def test_whether_there_is_a_fast_path_is_the_first_line():
    assert shown(PORT)[0] == "fast path: none: switched off"


def test_nothing_is_cut_off_where_the_terminal_is_narrow():
    lines = [line.split() for line in shown(PORT, width=80)]
    assert ["peer", "192.168.167.161:61000"] in lines
    assert ["RTT", "ms", "1234.6"] in lines
    assert not any("…" in word for line in lines for word in line)


def test_a_call_that_the_engine_does_not_know_is_said():
    assert "no session of 4711@phone" in shown(call="4711@phone")
    assert not any("no session" in line for line in shown(PORT, call="4711@phone"))


def test_streams_that_share_a_port_are_named():
    other = replace(PORT, index=1)
    rtcp = replace(PORT, kind="rtcp")
    lines = shown(PORT, other, rtcp, bundled=True)
    assert "bundle at 192.168.64.96:35000: outside, outside 1" in lines
    assert not any("bundle" in line for line in shown(PORT, other))
