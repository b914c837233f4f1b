"""Monitoring reports: published captures read and written, and what each actor makes of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farline.border.relays import rtcp_app
from farline.border.relays.rtcp_actors import Actors, FarEnd, RtcpActors, Way
from farline.border.relays.rtcp_app import QUALITY, TRACE, Report, read

HEAD = "a33887e02d41562d"  # SSRC of the reporter, -AV-
SHORT = bytes.fromhex(
    "84cc0009" + HEAD + "a33887e0e002c300000000b50000712000bf003800cef2897a000000"
)
LONG = bytes.fromhex(
    "84cc000b" + HEAD + "a33887e0e007db00000000b50000712000cfa2f8a8ebcef300023800"
    "0200cef2897a0000"
)  # fmt: skip
NO_WAY = bytes.fromhex("85cc0008837319002d41562d5bd3c0099e0000000a0a30eb080008040a0a30feffffff00")
ONE_HOP = bytes.fromhex(
    "85cc000a837319002d41562d5bd3c009fe0000000a0a30eb010a0a303a0002080008040a0a30feffffff0000"
)
RECEIVER = bytes.fromhex("80c9000183731900")
A, B = 0x11111111, 0x22222222
BORDER = ("192.168.64.96", 35_001)
FAR = FarEnd("10.10.10.30", 40_751, "10.10.10.7")


def quality(reporter, stream, remote=BORDER, received_at=5000):
    fields = {31: bytes(4), 8: received_at.to_bytes(2)}
    return Report(QUALITY, reporter, stream, fields).from_remote(*remote)


def way(reporter, stream, *hops, round_trip=7):
    return Report(TRACE, reporter, stream, {}).along(hops, round_trip)


def compound(*reports):
    return RECEIVER + b"".join(one.to_bytes() for one in reports)


def relay(**actors):
    known = {BORDER: FAR}
    return RtcpActors(
        Actors(**actors),
        lambda host, port: known.get((host, port)),
        lambda end: Way(("10.10.10.1", end.address), 3),
    )


@pytest.mark.parametrize("packet", [SHORT, LONG, NO_WAY, ONE_HOP])
def test_captures_are_written_as_they_were_read(packet):
    assert read(packet).to_bytes() == packet


def test_captures_say_what_their_programs_show():
    """Ports of RTP and RTCP are neighbours, the gateway is in the controller's network."""
    long, hop = read(LONG), read(ONE_HOP)
    assert long.remote == ("162.248.168.235", 52_979)
    assert long.fields[9] == (52_978).to_bytes(2)
    assert long.received_at == 35_194
    assert read(SHORT).remote is None
    assert (hop.hops, hop.round_trip) == (("10.10.48.58",), 2)
    assert hop.fields[31] == bytes([10, 10, 48, 235])
    assert hop.fields[26] + hop.fields[25] == bytes([10, 10, 48, 254, 255, 255, 255, 0])
    assert read(NO_WAY).hops == ()


def test_rewrite_names_the_far_end_and_touches_nothing_else():
    actors = relay(rewrite=True)
    report = quality(A, B)
    acted = actors.act("172.22.33.101", compound(report, way(A, B, "172.22.33.1")))
    first, second = rtcp_app.reports(acted)
    assert first.remote == ("10.10.10.30", 40_751)
    assert {bit: first.fields[bit] for bit in (31, 8)} == {
        bit: report.fields[bit] for bit in (31, 8)
    }
    assert second.hops == ("172.22.33.1",)
    assert acted.startswith(RECEIVER)
    assert actors.counters["rewritten"] == 1


def test_media_that_is_not_ours_stays():
    actors = relay(rewrite=True, traceroute=True)
    data = compound(quality(A, B, ("192.0.2.1", 5)), way(A, B, "172.22.33.1"))
    assert actors.act("172.22.33.101", data) == data
    assert actors.counters["unknown"] == 1


def test_traceroute_adds_our_hop_and_the_way_on():
    acted = relay(traceroute=True).act("x", compound(way(A, B, "172.22.33.1"), quality(A, B)))
    trace, first = rtcp_app.reports(acted)
    assert trace.hops == ("172.22.33.1", "10.10.10.7", "10.10.10.1", "10.10.10.30")
    assert trace.round_trip == 10
    assert first.remote == BORDER


def test_bridging_gives_each_end_the_other():
    actors = relay(bridging=True)
    actors.act("10.10.10.30", compound(quality(B, A, received_at=6000), way(B, A, "10.10.10.1")))
    acted = actors.act("172.22.33.101", compound(quality(A, B), way(A, B, "172.22.33.1")))
    first, trace = rtcp_app.reports(acted)
    assert first.remote == ("10.10.10.30", 6001)
    assert trace.hops == ("172.22.33.1", "10.10.10.7", "10.10.10.1")
    assert actors.counters["bridged"] == 2


def test_bridging_waits_for_the_other_end():
    data = compound(quality(A, B), way(A, B, "172.22.33.1"))
    assert relay(bridging=True).act("172.22.33.101", data) == data


def test_unknown_bits_and_other_names_are_left_alone():
    odd = bytearray(quality(A, B).to_bytes())
    odd[17] |= 0x40  # bit 22
    named = bytearray(quality(A, B).to_bytes())
    named[8:12] = b"SIPP"
    actors = relay(rewrite=True, traceroute=True, bridging=True)
    for packet in (bytes(odd), bytes(named), b"", b"\x80", b"no RTCP at all"):
        assert actors.act("x", packet) == packet


@given(st.binary(max_size=200))
def test_nothing_that_a_peer_sends_raises(data):
    actors = relay(rewrite=True, traceroute=True, bridging=True)
    actors.act("x", data)
    actors.act("x", bytes([0x84, 204]) + (len(data) // 4).to_bytes(2) + data)
    head = bytes([0x85, 204]) + ((len(data) + 8) // 4).to_bytes(2) + bytes(4) + b"-AV-"
    actors.act("x", head + data)
