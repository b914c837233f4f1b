"""tshark is the judge of the pcap files: every message found, nothing malformed."""

import shutil
import subprocess

import pytest

from farline.trace import Record
from farline.trace.events import MessageSeen
from farline.trace.pcap import pcap

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed"),
]


def sip(first, cseq, *, body=b"", filler=0):
    head = (
        f"{first}\r\nVia: SIP/2.0/TCP 192.0.2.9:5060;branch=z9hG4bKa\r\nFrom: <sip:3001@x>;tag=1"
        f"\r\nTo: <sip:3003@x>\r\nCall-ID: c@x\r\nCSeq: {cseq}\r\nSubject: {'x' * filler}\r\n"
    )
    kind = "Content-Type: application/sdp\r\n" if body else ""
    return f"{head}{kind}Content-Length: {len(body)}\r\n\r\n".encode() + body


SDP = (
    b"v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\n"
    b"m=audio 4000 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n"
)


def conversation(transport, local, remote, start):
    messages = [
        ("in", sip("INVITE sip:3003@x SIP/2.0", "1 INVITE", body=SDP, filler=4000)),
        ("out", sip("SIP/2.0 100 Trying", "1 INVITE")),
        ("out", sip("SIP/2.0 200 OK", "1 INVITE", body=SDP)),
        ("in", sip("ACK sip:3003@x SIP/2.0", "1 ACK")),
        ("out", sip("BYE sip:3001@x SIP/2.0", "2 BYE")),
        ("in", sip("SIP/2.0 200 OK", "2 BYE")),
    ]
    return [
        Record(
            start + number / 10,
            "border",
            MessageSeen(direction, "B1", transport, local, remote, "c@x", data),
        )
        for number, (direction, data) in enumerate(messages)
    ]


def tshark(path, *options):
    done = subprocess.run(
        ["tshark", "-r", path, "-n", *options], capture_output=True, text=True, check=True
    )
    return done.stdout.split()


def test_tshark_reads_every_message_over_every_transport(tmp_path):
    records = [
        *conversation("UDP", "192.0.2.1:5060", "192.0.2.2:40000", 1.0),
        *conversation("TCP", "192.0.2.1:5060", "192.0.2.2:40001", 2.0),
        *conversation("TLS", "192.0.2.1:5061", "192.0.2.2:40002", 3.0),
        *conversation("TCP", "[2001:db8::1]:5060", "[2001:db8::2]:40003", 4.0),
        *conversation("UDP", "[2001:db8::1]:5060", "[2001:db8::2]:40004", 5.0),
    ]
    path = tmp_path / "call.pcap"
    path.write_bytes(b"".join(pcap(records)))
    assert tshark(path, "-Y", "_ws.malformed") == []
    assert tshark(path, "-T", "fields", "-e", "sip.Method", "-Y", "sip.Method") == [
        "INVITE", "ACK", "BYE"
    ] * 5  # fmt: skip
    assert tshark(path, "-T", "fields", "-e", "sip.Status-Code", "-Y", "sip.Status-Code") == [
        "100", "200", "200"
    ] * 5  # fmt: skip
    checks = ("-o", "ip.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE")
    checks += ("-o", "udp.check_checksum:TRUE")
    wrong = "ip.checksum.status==0 or tcp.checksum.status==0 or udp.checksum.status==0"
    assert tshark(path, *checks, "-Y", wrong) == []
    assert tshark(path, "-Y", "tcp.analysis.flags") == []
