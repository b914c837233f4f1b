"""The ladder keeps its width, shows the way of each message and lets no control character out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farline.trace import Record
from farline.trace.events import MessageSeen, Note
from farline.trace.ladder import ladder
from farline.trace.summary import cells, fit, printable, summarise

MOBILE, B1, A1, OFFICE = (
    "192.168.67.61:10057",
    "192.168.64.96:5060",
    "10.10.10.7:43",
    "10.10.10.13:5060",
)
INVITE = b"INVITE sip:3003@x SIP/2.0\r\nCSeq: 1 INVITE\r\nContent-Type: application/sdp\r\n\r\nv=0"
RINGING = b"SIP/2.0 180 Ringing\r\nCSeq: 1 INVITE\r\n\r\n"


def record(time, direction, local, remote, data):
    return Record(time, "border", MessageSeen(direction, "B1", "TCP", local, remote, "c", data))


CALL = [
    record(100.0, "in", B1, MOBILE, INVITE),
    record(100.002, "out", A1, OFFICE, INVITE),
    Record(100.003, "border", Note("x", "y")),
    record(100.5, "in", A1, OFFICE, RINGING),
    record(100.501, "out", B1, MOBILE, RINGING),
]


def test_a_call_in_columns():
    lines = list(ladder(CALL, width=90))
    assert lines[0].split() == [
        "192.168.67.61", "192.168.64.96", "10.10.10.7", "10.10.10.13",
    ]  # fmt: skip
    assert len(lines) == 5
    assert lines[1].startswith("    0.000 ")
    assert "INVITE (SDP)" in lines[1] and "▶" in lines[1] and "◀" not in lines[1]
    assert lines[3].startswith("    0.500 ")
    assert "180 Ringing" in lines[3] and "◀" in lines[3]
    # The lines of the ladder stand in the same columns in every row.
    for row in lines[1:]:
        assert [i for i, char in enumerate(row) if char == "│"] == [20, 40, 60, 80]


@pytest.mark.parametrize("width", [20, 50, 79, 100, 200])
def test_no_line_is_wider_than_asked(width):
    assert all(cells(line) <= width for line in ladder(CALL, width=width))


def test_too_many_addresses_become_a_list():
    lines = list(ladder(CALL, width=60))
    assert lines[0] == "    0.000 192.168.67.61 > 192.168.64.96: INVITE (SDP)"


def test_on_one_address_columns_are_ports():
    calls = [record(1.0, "in", "127.0.0.1:5060", "127.0.0.1:40000", INVITE)]
    assert next(ladder(calls, width=90)).split() == ["127.0.0.1:40000", "127.0.0.1:5060"]


def test_nothing_seen_is_no_ladder():
    assert list(ladder([], width=90)) == []


@given(st.binary(max_size=300), st.text(max_size=30))
def test_hostile_bytes_stay_printable_and_narrow(data, place):
    calls = [record(1.0, "in", B1, place, b"SIP/2.0 200 " + data), *CALL]
    for line in ladder(calls, width=100):
        assert line.isprintable()
        assert cells(line) <= 100


@given(st.binary(max_size=200))
def test_any_bytes_have_a_summary(data):
    assert str(summarise(data)).isprintable()


def test_summaries():
    assert str(summarise(INVITE)) == "INVITE (SDP)"
    assert summarise(RINGING).method == "INVITE"
    assert str(summarise(b"\x16\x03\x01")) == "?"
    assert summarise(b"INVITE sip:a SIP/2.0\r\nc:application/sdp\r\nCSeq:\t7\r\n INFO\r\n").sdp


def test_escapes():
    assert printable(b"a\x1b[31m\xff\n") == "a\\x1b[31m\\xff\\x0a"
    assert printable("\u202e") == "\\u202e"


def test_wide_characters_count_twice():
    assert cells("中文e\u0301") == 5
    assert fit("中文中文", 5) == "中文…"
    assert fit("abc", 3) == "abc"
    assert fit("abc", 0) == ""
