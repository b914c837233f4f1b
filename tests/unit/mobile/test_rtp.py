from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farline.mobile.rtp import (
    ReportBlock,
    RtpPacket,
    SenderInfo,
    TelephoneEvent,
    build_rtcp,
    parse_event,
    parse_rtcp,
    parse_rtp,
)


def test_packet_bytes_are_those_of_the_rfc():
    packet = RtpPacket(8, 0x1234, 0x01020304, 0xAABBCCDD, b"\xd5" * 4, marker=True)
    assert packet.to_bytes().hex() == "8088123401020304aabbccddd5d5d5d5"
    assert parse_rtp(packet.to_bytes()) == packet


def test_csrc_extension_and_padding_are_skipped():
    head = bytes([0x80 | 0x20 | 0x10 | 2, 8]) + struct.pack("!HII", 1, 2, 3)
    data = head + bytes(8) + b"\xbe\xde\x00\x01" + bytes(4) + b"voice" + b"\0\0\3"
    packet = parse_rtp(data)
    assert packet is not None
    assert packet.payload == b"voice"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        bytes(11),
        b"\x40" + bytes(20),  # version 1
        b"\x8f\x08" + bytes(12),  # fifteen CSRC, none there
        b"\x90\x08" + bytes(10),  # an extension, none there
        b"\x90\x08" + bytes(10) + b"\0\0\xff\xff",  # one longer than the packet
        b"\xa0\x08" + bytes(10) + b"\xff",  # padding longer than the packet
        b"\xa0\x08" + bytes(11),  # padding of nothing
    ],
)
def test_malformed_packets_give_none(data):
    assert parse_rtp(data) is None


@given(st.binary(max_size=200))
def test_no_input_raises(data):
    parse_rtp(data)
    parse_rtcp(data)
    parse_event(data)


def test_telephone_event_bytes():
    event = TelephoneEvent(11, True, 800)
    assert event.to_bytes().hex() == "0b8a0320"
    assert parse_event(event.to_bytes()) == event
    assert parse_event(b"\x0b\x8a\x03") is None


def test_reports_are_read_back():
    block = ReportBlock(7, 12, -3, 70000, 40, 0x11223344, 65536)
    data = build_rtcp(5, "3001@phone", [block], SenderInfo(1.5, 800, 10, 1600), bye=True)
    seen = parse_rtcp(data)
    assert seen is not None
    assert (seen.ssrc, seen.blocks, seen.bye) == (5, (block,), True)
    # 1.5 s after 1970: seconds since 1900 in the upper half, a half in the lower.
    assert seen.sender_ntp_middle == (2_208_988_801 & 0xFFFF) << 16 | 0x8000
    assert len(data) % 4 == 0


def test_a_report_of_one_who_sent_nothing_is_an_rr():
    data = build_rtcp(5, "x", [], None)
    assert data[1] == 201
    seen = parse_rtcp(data)
    assert seen is not None
    assert seen.sender_ntp_middle is None
