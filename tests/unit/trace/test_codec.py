"""Events survive the way to a line and back; hostile lines are refused, secrets are masked."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farline.trace import Record, TraceFormatError, decode, encode_event
from farline.trace.events import CallChanged, Decision, MediaSeen, MessageSeen, Note, Refused
from farline.trace.masking import mask


def seen(data: bytes) -> MessageSeen:
    return MessageSeen("in", "B1", "TCP", "192.0.2.1:5060", "192.0.2.2:40000", "c@x", data)


@pytest.mark.parametrize(
    "event",
    [
        seen(b"OPTIONS sip:a SIP/2.0\r\n\r\n"),
        Decision("flow", "SubsflowRW", "URI group * matches", "c", "B1", "Subscriber Flows"),
        Refused("malformed", "no CSeq", "B1", "192.0.2.2:5"),
        CallChanged("c", "answered", "3003", "other@y"),
        MediaSeen("c", "latched", "192.0.2.2:4000"),
        Note("listening", "TCP 5060", "B1"),
    ],
)
def test_every_event_comes_back(event):
    line = encode_event(event, 1764000000.25, "border")
    assert decode(line) == Record(1764000000.25, "border", event)


@given(st.binary(max_size=400))
def test_any_bytes_come_back(data):
    line = encode_event(seen(data), 1.0, "border")
    assert line.isascii()
    assert "\n" not in line
    assert decode(line).event.data == mask(data)


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda b: b.decode("latin-1")))
def test_any_other_line_is_refused_with_one_error(line):
    with pytest.raises(TraceFormatError):
        decode(line)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"time": "now"}, "time"),
        ({"time": float("nan")}, "time"),
        ({"time": True}, "time"),
        ({"role": 3}, "role"),
        ({"event": "explosion"}, "unknown"),
        ({"event": ["note"]}, "unknown"),
        ({"what": 3}, "what"),
        ({"extra": "x"}, "missing or unknown"),
        ({"event": "message"}, "missing or unknown"),
    ],
)
def test_wrong_members_are_named(change, reason):
    tree = json.loads(encode_event(Note("a", "b"), 1.0, "border")) | change
    with pytest.raises(TraceFormatError, match=reason):
        decode(json.dumps(tree))


def test_surrogates_that_stand_for_no_byte_are_refused():
    line = encode_event(seen(b"x"), 1.0, "border").replace('"data":"x"', '"data":"\\ud800"')
    with pytest.raises(TraceFormatError, match="surrogate"):
        decode(line)


def test_a_line_too_long_is_refused():
    with pytest.raises(TraceFormatError, match="longer"):
        decode(" " * 1_000_001)


def test_a_file_from_before_the_second_leg_field_is_read():
    tree = json.loads(encode_event(CallChanged("c", "started"), 1.0, "office"))
    del tree["other"]
    assert decode(json.dumps(tree)).event == CallChanged("c", "started")


DIGEST = (
    b'REGISTER sip:x SIP/2.0\r\nAuthorization: Digest username="3001", realm="ipoffice",\r\n'
    b' nonce="0aaf", response="4282302434bded15d6bdc4035dc4076b", uri="sip:x"\r\n\r\n'
)


def test_a_digest_response_is_hidden_and_the_rest_stays():
    masked = mask(DIGEST)
    assert b"4282302434" not in masked
    assert len(masked) == len(DIGEST)
    assert masked == DIGEST.replace(b"4282302434bded15d6bdc4035dc4076b", b"*" * 32)


@pytest.mark.parametrize(
    ("data", "secret"),
    [
        (b"PROXY-AUTHORIZATION :digest a=b,response=abcdef\r\n", b"abcdef"),
        (b"GET / HTTP/1.1\r\nAuthorization: Basic cnVlbDpzZWNyZXQ=\r\n\r\n", b"cnVlbDpzZWNyZXQ="),
        (b"Authorization: Bearer\r\n to.ken\r\n", b"to.ken"),
        (b'Authentication-Info: rspauth="0123ab"\r\n', b"0123ab"),
        (b"v=0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:S3cr3t|2^20|1:4\r\n", b"S3cr3t"),
        (b"v=0\na=key-mgmt:mikey S3cr3t\n", b"S3cr3t"),
        (b"v=0\r\nk=base64:S3cr3t\r\n", b"S3cr3t"),
    ],
)
def test_other_secrets_are_hidden(data, secret):
    masked = mask(data)
    assert secret not in masked
    assert (
        masked == data.replace(secret, b"*" * len(secret)) or b"crypto" in data or b"mgmt" in data
    )
    assert len(masked) == len(data)


def test_what_is_no_secret_stays():
    data = b'INVITE a SIP/2.0\r\nWWW-Authenticate: Digest nonce="x"\r\nSubject: response=42\r\n\r\n'
    assert mask(data) == data


@pytest.mark.parametrize(
    ("kind", "body", "shown"),
    [
        (
            "application/dtmf-relay",
            b"Signal=5\r\nDuration=160\r\n",
            b"Signal=*\r\nDuration=160\r\n",
        ),
        ("Application/DTMF-Relay", b"signal= 11\nDuration=100\n", b"signal= **\nDuration=100\n"),
        ("application/dtmf", b"Signal=7", b"Signal=*"),
        ("application/dtmf", b"9\r\n", b"*\r\n"),
        ("text/plain", b"Signal=5\r\n", b"Signal=5\r\n"),
    ],
)
def test_digits_pressed_in_a_call_are_not_written(kind, body, shown):
    head = f"INFO sip:a SIP/2.0\r\nSignal: 5\r\nContent-Type: {kind}\r\n\r\n".encode()
    assert mask(head + body) == head + shown
