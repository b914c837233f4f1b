"""Captures are read back: formats, links, streams out of order, and hostile files."""

import struct
import tomllib
from contextlib import suppress
from ipaddress import ip_address
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farline.trace import Record
from farline.trace.capture import MAX_HELD, Capture
from farline.trace.events import MessageSeen
from farline.trace.packet import ACK, Endpoint, tcp_frame, udp_frame
from farline.trace.pcap import PcapFile, pcap
from farline.trace.pcap_read import PcapError, read_frames

VECTORS = Path(__file__).parents[3] / "vectors" / "pcap"
ONE, TWO = Endpoint(ip_address("192.0.2.1"), 5060), Endpoint(ip_address("192.0.2.2"), 40000)
SIX = Endpoint(ip_address("2001:db8::1"), 5060), Endpoint(ip_address("2001:db8::2"), 5062)


def sip(number=1, size=0):
    head = f"OPTIONS sip:a SIP/2.0\r\nCall-ID: {number}\r\nContent-Length: {size}\r\n\r\n"
    return head.encode() + b"x" * size


def classic(*frames, order="<", magic=0xA1B2C3D4, link=1):
    head = struct.pack(f"{order}IHHiIII", magic, 2, 4, 0, 0, 65535, link)
    stamps = [struct.pack(f"{order}IIII", 7, n, len(f), len(f)) for n, f in enumerate(frames)]
    return head + b"".join(stamp + frame for stamp, frame in zip(stamps, frames, strict=True))


def block(order, kind, body):
    body += bytes(-len(body) % 4)
    size = struct.pack(f"{order}I", len(body) + 12)
    return struct.pack(f"{order}I", kind) + size + body + size


def pcapng(*frames, order="<", resolution=b""):
    section = block(order, 0x0A0D0D0A, struct.pack(f"{order}IHHq", 0x1A2B3C4D, 1, 0, -1))
    found = [section, block(order, 1, struct.pack(f"{order}HHI", 1, 0, 65535) + resolution)]
    for frame in frames:
        head = struct.pack(f"{order}IIIII", 0, 0, 3_000_000, len(frame), len(frame))
        found.append(block(order, 6, head + frame))
    return b"".join(found)


def read(data):
    return [message.data for message in Capture(data).messages()]


def tcp(seq, payload, flags=ACK, source=TWO, target=ONE):
    return tcp_frame(source, target, seq, 1, flags, payload, 1)


def test_the_vectors_are_what_their_index_says():
    for entry in tomllib.loads((VECTORS / "index.toml").read_text())["capture"]:
        capture = Capture((VECTORS / entry["file"]).read_bytes())
        found = list(capture.messages())
        assert len(found) == entry["messages"]
        assert (capture.other, capture.gaps) == (0, 0)
        assert all(one.time <= two.time for one, two in pairwise(found))
        assert found[0].data.startswith(b"REGISTER sip:")
        assert (str(found[0].target.ip), found[0].target.port) == ("127.168.64.96", 5060)


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("magic", [0xA1B2C3D4, 0xA1B23C4D])
def test_classic_files_of_either_byte_order_and_resolution(order, magic):
    (message,) = Capture(
        classic(udp_frame(TWO, ONE, sip(), 1), order=order, magic=magic)
    ).messages()
    assert (message.time, message.transport) == (7.0, "UDP")
    assert (message.source, message.target, message.data) == (TWO, ONE, sip())


@pytest.mark.parametrize("order", "<>")
def test_pcapng(order):
    (message,) = Capture(pcapng(udp_frame(*SIX, sip(), 1), order=order)).messages()
    assert (message.time, message.source, message.data) == (3.0, SIX[0], sip())
    milli = struct.pack(f"{order}HHB3x", 9, 1, 3)
    (message,) = Capture(
        pcapng(udp_frame(*SIX, sip(), 1), order=order, resolution=milli)
    ).messages()
    assert message.time == 3000.0


@pytest.mark.parametrize(
    ("link", "change"),
    [
        (1, lambda frame: frame[:12] + b"\x88\xa8\x00\x01\x81\x00\x00\x02" + frame[12:]),
        (101, lambda frame: frame[14:]),
        (0, lambda frame: b"\x02\x00\x00\x00" + frame[14:]),
        (113, lambda frame: bytes(14) + frame[12:14] + frame[14:]),
        (276, lambda frame: frame[12:14] + bytes(18) + frame[14:]),
    ],
)
@pytest.mark.parametrize("ends", [(TWO, ONE), SIX])
def test_links(link, change, ends):
    frame = change(udp_frame(*ends, sip(), 1))
    assert read(classic(frame, link=link)) == [sip()]


def test_what_is_no_sip_is_left_out():
    arp = bytes(12) + b"\x08\x06" + bytes(40)
    capture = Capture(classic(arp, udp_frame(TWO, ONE, b"\x80\x08" + bytes(160), 1)))
    assert list(capture.messages()) == []
    assert capture.other == 1
    assert read(classic(tcp(1, b"GET / HTTP/1.1\r\n\r\n"))) == []


def test_fragments_are_counted_and_left_out():
    frame = bytearray(udp_frame(TWO, ONE, sip(), 1))
    frame[20] |= 0x20  # more fragments
    capture = Capture(classic(bytes(frame)))
    assert list(capture.messages()) == []
    assert capture.other == 1


def test_a_stream_out_of_order_repeated_and_cut_anywhere():
    stream = sip(1, 30) + sip(2, 5) + sip(3)
    pieces = [(1 + at, stream[at : at + 20]) for at in range(0, len(stream), 20)]
    frames = [tcp(*piece) for piece in pieces]
    swapped = [frames[0], frames[2], frames[1], frames[1], *frames[3:]]
    overlap = [frames[0], tcp(11, stream[10:50]), *frames[2:]]
    for order in (frames, swapped, overlap):
        assert read(classic(*order)) == [sip(1, 30), sip(2, 5), sip(3)]


def test_sequence_numbers_wrap():
    stream = sip(1, 30)
    first = 2**32 - 10
    frames = [tcp(first, stream[:25]), tcp((first + 25) % 2**32, stream[25:])]
    assert read(classic(*frames)) == [stream]


def test_a_new_connection_of_the_same_ports_begins_anew():
    frames = [tcp(5, sip(1)), tcp(9_000_000, b"", flags=0x02), tcp(9_000_001, sip(2))]
    assert read(classic(*frames)) == [sip(1), sip(2)]


def test_after_a_gap_the_next_message_is_found():
    capture = Capture(classic(tcp(1, sip(1)), tcp(1000, sip(2)[20:]), tcp(2000, sip(3))))
    assert [m.data for m in capture.messages()] == [sip(1), sip(3)]
    assert capture.gaps == 2


def test_what_waits_for_a_missing_segment_is_bounded():
    frames = [tcp(1, sip(0))]
    frames += [tcp(10_000 + 100 * n, sip(n)) for n in range(2 * MAX_HELD)]
    found = list(Capture(classic(*frames)).messages())
    assert len(found) == len(frames)
    # The gap is given up at the segment that is too many, not at the end of the file.
    assert round((found[1].time - found[0].time) * 1e6) == MAX_HELD + 1


def test_a_file_that_is_cut_short_gives_what_is_whole():
    data = classic(udp_frame(TWO, ONE, sip(1), 1), udp_frame(TWO, ONE, sip(2), 1))
    assert read(data[:-1]) == [sip(1)]
    data = pcapng(udp_frame(TWO, ONE, sip(1), 1), udp_frame(TWO, ONE, sip(2), 1))
    assert read(data[:-1]) == [sip(1)]


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "neither pcap nor pcapng"),
        (b"REGISTER sip:a SIP/2.0", "neither pcap nor pcapng"),
        (classic()[:20], "cut short"),
        (classic() + struct.pack("<IIII", 0, 0, 2**31, 9), "a packet of"),
        (pcapng() + struct.pack("<III", 6, 2**31, 9), "a block of"),
        (pcapng() + block("<", 6, bytes(16) + struct.pack("<I", 0) + bytes(4))[:4] + b"\x0d\0\0\0"
         + bytes(9), "a block of"),
        (pcapng() + block("<", 6, struct.pack("<IIIII", 9, 0, 0, 0, 0)), "does not fit"),
        (pcapng() + block("<", 6, struct.pack("<IIIII", 0, 0, 0, 99, 99)), "does not fit"),
        (block("<", 0x0A0D0D0A, bytes(16)), "no byte order"),
    ],
)  # fmt: skip
def test_files_that_cannot_be_read(data, text):
    with pytest.raises(PcapError, match=text):
        list(read_frames(data))


@given(
    st.sampled_from([b"", classic(), classic(order=">"), pcapng(), pcapng(order=">")]),
    st.binary(max_size=400),
)
def test_random_bytes_raise_only_the_own_error(head, tail):
    with suppress(PcapError):
        assert len(list(Capture(head + tail).messages())) <= len(tail)


@settings(max_examples=60)
@given(st.data())
def test_a_damaged_capture_raises_only_the_own_error(data):
    whole = bytearray((VECTORS / "guide-call.pcap").read_bytes()[:4000])
    for _ in range(data.draw(st.integers(1, 20))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    with suppress(PcapError):
        assert len(list(Capture(bytes(whole)).messages())) <= 20


@given(st.lists(st.binary(max_size=120), max_size=6), st.sampled_from([1, 101, 0, 113, 276]))
def test_random_frames_raise_nothing(frames, link):
    capture = Capture(classic(*frames, link=link))
    assert len(list(capture.messages())) + capture.other <= len(frames)


@given(st.lists(st.integers(0, 3000), min_size=1, max_size=5), st.booleans())
def test_what_trace_writes_is_read_again(sizes, udp):
    sent = [sip(number, size) for number, size in enumerate(sizes)]
    seen = [
        MessageSeen("in", "B1", "UDP" if udp else "TCP", "192.0.2.1:5060", "192.0.2.2:40000", "", d)
        for d in sent
    ]
    records = [Record(float(number), "border", event) for number, event in enumerate(seen)]
    assert read(b"".join(pcap(records))) == sent
    assert PcapFile.header()[:4] == classic()[:4]
