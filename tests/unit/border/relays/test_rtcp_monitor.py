"""Reports of phones, read from real layouts (RFC 3550 section 6.4, RFC 3611 section 4.7)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farline.border.relays.rtcp_monitor import MAX_SOURCES, Block, NotRtcpError, RtcpMonitor, blocks


def packet(kind, count, body):
    return bytes((0x80 | count, kind)) + (len(body) // 4).to_bytes(2) + body


def block(source=7, *, fraction=64, lost=-3, jitter=160):
    return (
        source.to_bytes(4) + bytes((fraction,)) + lost.to_bytes(3, signed=True)
        + bytes(4) + jitter.to_bytes(4) + bytes(8)
    )  # fmt: skip


def receiver_report(**fields):
    return packet(201, 1, (9).to_bytes(4) + block(**fields))


def voip_metrics(score=41):
    metrics = bytearray(36)
    metrics[0], metrics[3], metrics[7], metrics[8], metrics[26] = 7, 8, 7, 32, score
    return packet(207, 0, (9).to_bytes(4) + bytes(metrics))


def test_receiver_and_sender_reports():
    assert blocks(receiver_report()) == [Block(9, 7, 0.25, -3, 160)]
    sender = packet(200, 2, (9).to_bytes(4) + bytes(20) + block(7) + block(8))
    assert [one.source for one in blocks(sender)] == [7, 8]


def test_a_compound_with_description_and_extended_report():
    description = packet(202, 1, (9).to_bytes(4) + b"\x01\x02ab\x00\x00\x00\x00")
    found = blocks(receiver_report() + description + voip_metrics())
    assert found == [Block(9, 7, 0.25, -3, 160), Block(9, 7, 0.125, 0, 0, 4.1)]
    assert blocks(voip_metrics(score=127))[0].mos is None


@pytest.mark.parametrize(
    "data",
    [b"", b"\x80", b"GET / HTTP", receiver_report()[:-1], b"\x40" + receiver_report()[1:],
     packet(201, 2, (9).to_bytes(4) + block()), receiver_report() + b"\x80\xc9\x00"],
)  # fmt: skip
def test_what_is_no_rtcp(data):
    with pytest.raises(NotRtcpError):
        blocks(data)


def test_loss_and_jitter_by_source_with_the_worst():
    monitor = RtcpMonitor()
    for fraction, jitter in ((128, 10), (64, 400), (0, 20)):
        monitor.take("192.0.2.1", receiver_report(fraction=fraction, jitter=jitter))
    monitor.take("192.0.2.1", voip_metrics())
    monitor.take("192.0.2.2", b"nonsense")
    shown = monitor.show()
    assert (shown["packets"], shown["malformed"]) == (4, 1)
    (stream,) = shown["streams"]
    assert (stream["source"], stream["ssrc"], stream["reports"]) == ("192.0.2.1", "00000007", 4)
    assert (stream["worst loss %"], stream["jitter"], stream["worst jitter"]) == (50.0, 20, 400)
    assert (stream["lost"], stream["mos"]) == (-3, 4.1)


def test_the_table_is_bounded():
    monitor = RtcpMonitor()
    for number in range(MAX_SOURCES + 10):
        monitor.take("192.0.2.1", receiver_report(source=number))
    streams = monitor.show(most=10**6)["streams"]
    assert len(streams) == MAX_SOURCES and streams[0]["ssrc"] == f"{10:08x}"


@given(st.binary(max_size=200))
def test_nothing_that_is_sent_raises(data):
    monitor = RtcpMonitor()
    monitor.take("192.0.2.1", data)
    assert monitor.packets + monitor.malformed == 1
