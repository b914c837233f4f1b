"""The packets are read back by hand: checksums, sequence numbers, segments."""

import struct
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farline.trace import Record
from farline.trace.events import MessageSeen, Note
from farline.trace.packet import checksum, parse_endpoint
from farline.trace.pcap import PcapFile, pcap


def record(data, *, transport="TCP", direction="in", time=1.5, local="192.0.2.1:5060",
           remote="192.0.2.2:40000"):  # fmt: skip
    return Record(time, "border", MessageSeen(direction, "B1", transport, local, remote, "c", data))


def frames(data):
    assert data[:4] == b"\xd4\xc3\xb2\xa1"
    at, found = 24, []
    while at < len(data):
        seconds, micros, kept, size = struct.unpack_from("<IIII", data, at)
        assert kept == size
        found.append((seconds + micros / 1e6, data[at + 16 : at + 16 + size]))
        at += 16 + size
    return found


def whole(*records):
    return frames(b"".join(pcap(records)))


def body(frame):
    """Check the IP header; give protocol, pseudo header and what the packet carries."""
    if frame[12:14] == b"\x08\x00":
        head = frame[14:34]
        assert checksum(head) == 0
        assert struct.unpack_from(">H", head, 2)[0] == len(frame) - 14
        rest = frame[34:]
        return head[9], head[12:20] + struct.pack(">HH", head[9], len(rest)), rest
    assert frame[12:14] == b"\x86\xdd"
    head, rest = frame[14:54], frame[54:]
    assert struct.unpack_from(">H", head, 4)[0] == len(rest)
    return head[6], head[8:40] + struct.pack(">II", len(rest), head[6]), rest


def tcp(frame):
    protocol, pseudo, segment = body(frame)
    assert protocol == 6
    assert checksum(pseudo + segment) == 0
    ports_and_numbers = struct.unpack_from(">HHII", segment)
    return *ports_and_numbers, segment[13], segment[20:]


def test_udp_of_both_families():
    for local, remote in (
        ("192.0.2.1:5060", "192.0.2.2:4000"),
        ("[2001:db8::1]:5060", "[2001:db8::2]:4000"),
    ):
        [(time, frame)] = whole(record(b"odd", transport="UDP", local=local, remote=remote))
        protocol, pseudo, datagram = body(frame)
        assert time == 1.5
        assert protocol == 17
        assert struct.unpack_from(">HHH", datagram) == (4000, 5060, 11)
        assert checksum(pseudo + datagram) == 0
        assert datagram[8:] == b"odd"


@given(st.binary(min_size=1, max_size=64))
def test_a_udp_checksum_is_never_zero(data):
    [(_, frame)] = whole(record(data, transport="UDP"))
    assert body(frame)[2][6:8] != b"\0\0"


def test_numbers_fit_together_in_both_directions():
    packets = [
        tcp(frame)
        for _, frame in whole(
            record(b"a" * 10), record(b"b" * 3, direction="out"), record(b"c" * 5)
        )
    ]
    assert [packet[:4] for packet in packets] == [
        (40000, 5060, 1, 1),
        (5060, 40000, 1, 11),
        (40000, 5060, 11, 4),
    ]


@pytest.mark.parametrize(("family", "mss"), [(4, 1460), (6, 1440)])
def test_a_long_message_is_cut_at_the_mss(family, mss):
    places = {4: {}, 6: {"local": "[2001:db8::1]:5060", "remote": "[2001:db8::2]:40000"}}[family]
    data = bytes(range(256)) * 20
    packets = [tcp(frame) for _, frame in whole(record(data, **places))]
    assert [len(packet[5]) for packet in packets[:-1]] == [mss] * (len(packets) - 1)
    assert b"".join(packet[5] for packet in packets) == data
    assert [packet[2] for packet in packets] == [1 + i * mss for i in range(len(packets))]
    assert [bool(packet[4] & 8) for packet in packets] == [False] * (len(packets) - 1) + [True]


def test_connections_count_apart():
    packets = whole(record(b"aaa"), record(b"bb", remote="192.0.2.2:40001"))
    assert [tcp(frame)[2] for _, frame in packets] == [1, 1]


def test_a_tls_port_is_written_as_5060():
    [(_, frame)] = whole(record(b"x", transport="TLS", local="192.0.2.1:5061"))
    assert tcp(frame)[:2] == (40000, 5060)
    [(_, frame)] = whole(record(b"x", transport="TCP", local="192.0.2.1:5061"))
    assert tcp(frame)[:2] == (40000, 5061)


def test_what_no_packet_can_carry_is_counted():
    file = PcapFile()
    for bad in (
        record(b"x", remote="nobody"),
        record(b"x", remote="192.0.2.2:0"),
        record(b"x", remote="[2001:db8::1]:5060"),
        record(b"x" * 65_508, transport="UDP"),
    ):
        assert file.packets(bad) == b""
    assert file.skipped == 4
    assert file.packets(Record(1.0, "border", Note("a", "b"))) == b""
    assert file.skipped == 4


def test_the_number_of_remembered_connections_is_bounded(monkeypatch):
    monkeypatch.setattr("farline.trace.pcap.MAX_CONNECTIONS", 4)
    file = PcapFile()
    for port in range(1000, 1100):
        file.packets(record(b"x", remote=f"192.0.2.2:{port}"))
    assert len(file._next_seq) <= 8


def test_endpoints():
    assert parse_endpoint("[2001:db8::1]:5060") == (ip_address("2001:db8::1"), 5060)
    for bad in ("", "192.0.2.1", "192.0.2.1:", "192.0.2.1:65536", "host:5060", "192.0.2.1:+5"):
        with pytest.raises(ValueError):
            parse_endpoint(bad)
