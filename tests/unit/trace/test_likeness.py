"""When messages are alike."""

from farline.trace.likeness import likeness

FIRST = (
    b"REGISTER sip:x SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK1;rport\r\n"
    b"From: <sip:1@x>;tag=a\r\nTo: <sip:1@x>\r\nCall-ID: one@10.0.0.1\r\nCSeq: 1 REGISTER\r\n"
    b'Authorization: Digest username="1",nonce="abc",response="def",nc=00000001\r\n'
    b"X-Odd: \xff\xfe\r\nContent-Length: 0\r\n\r\n"
)


def test_the_same_message_sent_again_is_alike():
    again = (
        FIRST.replace(b"z9hG4bK1", b"z9hG4bK2")
        .replace(b"tag=a", b"tag=bcd")
        .replace(b"one@10.0.0.1", b"two")
        .replace(b"CSeq: 1", b"CSeq: 22")
        .replace(b'nonce="abc"', b'nonce="xyz"')
        .replace(b'response="def"', b'response="123"')
        .replace(b"nc=00000001", b"nc=00000002")
    )
    assert again != FIRST
    assert likeness(again) == likeness(FIRST)


def test_what_differs_elsewhere_is_not():
    assert likeness(FIRST.replace(b"\xff\xfe", b"\xff")) != likeness(FIRST)
    assert likeness(FIRST.replace(b"sip:1@x", b"sip:2@x")) != likeness(FIRST)


def test_anything_has_a_likeness():
    assert len({likeness(data) for data in (b"", b"\0", b";branch=")}) == 3
