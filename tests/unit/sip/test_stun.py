"""STUN keep-alives: the answer is that of RFC 5769, and anything else gets none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farline.sip import Address, stun

TRANSACTION = bytes.fromhex("b7e7a701bc34d686fa87dfae")
REQUEST = bytes.fromhex("00010000 2112a442") + TRANSACTION
SOFTWARE = bytes.fromhex("8022 0003 61626300")


def with_length(data):
    return data[:2] + (len(data) - 20).to_bytes(2, "big") + data[4:]


def test_the_mapped_address_is_that_of_the_vectors():
    """The attributes of RFC 5769 sections 2.2 and 2.3, the same transaction."""
    four = stun.answer(REQUEST, Address("192.0.2.1", 32853))
    assert four.hex() == f"0101000c2112a442{TRANSACTION.hex()}002000080001a147e112a643"
    six = stun.answer(REQUEST, Address("2001:db8:1234:5678:11:2233:4455:6677", 32853))
    mapped = "0113a9faa5d3f179bc25f4b5bed2b9d9"
    assert six.hex() == f"010100182112a442{TRANSACTION.hex()}002000140002a147{mapped}"


def test_attributes_that_may_be_ignored_are():
    assert stun.answer(with_length(REQUEST + SOFTWARE), Address("192.0.2.1", 1)) is not None


@pytest.mark.parametrize(
    "data",
    [
        REQUEST[:19],
        b"\x01\x01" + REQUEST[2:],  # an answer
        REQUEST[:4] + bytes(4) + REQUEST[8:],  # RFC 3489
        REQUEST + b"abcd",  # longer than it says
        with_length(REQUEST + bytes.fromhex("0006 0004 61626364")),  # USERNAME
        with_length(REQUEST + SOFTWARE[:6]),
        with_length(REQUEST + bytes.fromhex("8022 0220") + bytes(0x220)),  # 568 bytes
        b"OPTIONS sip:a@b SIP/2.0\r\n",
    ],
)
def test_anything_else_gets_no_answer(data):
    assert stun.answer(data, Address("192.0.2.1", 1)) is None


@given(st.binary(max_size=600))
def test_no_bytes_break_it(data):
    reply = stun.answer(with_length(REQUEST + data), Address("192.0.2.1", 1))
    assert reply is None or len(reply) == 32
