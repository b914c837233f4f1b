import re

from farline.office.monitor import monitor_entry
from farline.trace.events import MessageSeen

REGISTER = (
    b"REGISTER sip:ipo1xp.ipolab.com SIP/2.0\r\n"
    b'Authorization: Digest realm="ipoffice",nonce="0aaf4581c70da6ab7193",'
    b'uri="sip:ipo1xp.ipolab.com",response="4282302434bded15d6bdc4035dc4076b",username="3001"\r\n'
    b"Content-Length: 0\r\n\r\n"
)


def seen(data: bytes, direction: str = "in") -> MessageSeen:
    return MessageSeen(
        direction, "LAN1", "TCP", "10.10.10.13:5060", "10.10.10.7:43873", "call", data
    )


def test_the_guides_lines():
    received = monitor_entry(seen(REGISTER), 2552.622, started=1000.0)
    sent = monitor_entry(seen(b"SIP/2.0 200 OK\r\n\r\n", "out"), 2552.717, started=1000.0)
    assert received.startswith(
        "1552622mS SIP Rx: TCP 10.10.10.7:43873 -> 10.10.10.13:5060\n"
        "REGISTER sip:ipo1xp.ipolab.com SIP/2.0\n"
    )
    assert sent == ("1552717mS SIP Tx: TCP 10.10.10.13:5060 -> 10.10.10.7:43873\nSIP/2.0 200 OK\n")


def test_the_digest_response_is_masked_and_the_rest_stays():
    text = monitor_entry(seen(REGISTER), 1.0, started=0.0)
    assert "4282302434bded15d6bdc4035dc4076b" not in text
    assert 'nonce="0aaf4581c70da6ab7193"' in text
    assert 'username="3001"' in text


def test_nothing_forges_a_line_or_reaches_the_terminal():
    text = monitor_entry(
        seen(
            b"INFO sip:a SIP/2.0\r\n\r\n1mS SIP Rx: TCP 1.1.1.1:1 -> 2.2.2.2:2\r\n\x1b[2J\xff\r\n"
        ),
        1.0,
        started=0.0,
    )
    assert len(re.findall(r"^\d+mS ", text, re.MULTILINE)) == 1
    assert "\x1b" not in text
    assert "\\x1b[2J\\xff" in text
