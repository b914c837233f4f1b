"""Rewriting: the guide's INVITE and 200, and what must stay as it is."""

from __future__ import annotations

import pytest

from farline.sdp import MediaPorts, parse, rewrite

PORTS = MediaPorts(35000, 35001)

GUIDE_INVITE = "\r\n".join(
    (
        "v=0",
        "o=sip:3001@172.22.33.101 1 2 IN IP4 172.22.33.101",
        "s=-",
        "c=IN IP4 172.22.33.101",
        "b=TIAS:64000",
        "t=0 0",
        "m=audio 5000 RTP/AVP 103 9 8 0 110 18 101",
        "a=sendrecv",
        "a=rtpmap:103 ISAC/16000/1",
        "a=rtpmap:9 G722/8000/1",
        "a=rtpmap:8 PCMA/8000/1",
        "a=rtpmap:0 PCMU/8000/1",
        "a=rtpmap:110 G726-32/8000/1",
        "a=rtpmap:18 G729/8000/1",
        "a=rtpmap:101 telephone-event/8000",
        "",
    )
).encode()

GUIDE_OK = (
    b"v=0\r\no=UserA 1281316076 538797939 IN IP4 10.10.10.13\r\ns=Session_SDP\r\n"
    b"c=IN IP4 10.10.10.13\r\nt=0 0\r\nm=audio 40752 RTP/AVP 8 101\r\n"
    b"a=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\n"
)


def test_the_guides_invite() -> None:
    """The trace at A1: o= keeps its user, c= and m= are the border's, all else is untouched."""
    out = rewrite(parse(GUIDE_INVITE), "10.10.10.7", [PORTS])
    expected = GUIDE_INVITE.replace(b"IN IP4 172.22.33.101", b"IN IP4 10.10.10.7").replace(
        b"m=audio 5000 ", b"m=audio 35000 "
    )
    assert out == expected
    assert b"o=sip:3001@172.22.33.101 1 2 IN IP4 10.10.10.7\r\n" in out
    assert len(GUIDE_INVITE) - len(out) == 349 - 344  # the Content-Lengths of the guide


def test_the_guides_answer() -> None:
    assert len(GUIDE_OK) == 201  # the guide's Content-Length
    out = rewrite(parse(GUIDE_OK), "192.168.64.96", [PORTS])
    assert b"o=UserA 1281316076 538797939 IN IP4 192.168.64.96\r\n" in out
    assert b"c=IN IP4 192.168.64.96\r\n" in out
    assert b"m=audio 35000 RTP/AVP 8 101\r\n" in out
    assert b"10.10.10.13" not in out


def _sdp(*media: str, session: str = "c=IN IP4 10.0.0.1\r\n") -> bytes:
    head = f"v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=-\r\n{session}t=0 0\r\n"
    return (head + "".join(line + "\r\n" for line in media)).encode()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a=rtcp:5001", "a=rtcp:35001"),
        ("a=rtcp:6001 IN IP4 10.0.0.9", "a=rtcp:35001 IN IP4 10.10.10.7"),
        ("a=rtcp:5000 IN IP4 10.0.0.1", "a=rtcp:35000 IN IP4 10.10.10.7"),
        ("c=IN IP4 10.0.0.2", "c=IN IP4 10.10.10.7"),
        ("c=IN IP4 0.0.0.0", "c=IN IP4 0.0.0.0"),
        ("c=IN IP6 2001:db8::1", "c=IN IP4 10.10.10.7"),
        ("c=IN  IP4\t10.0.0.2 ", "c=IN  IP4 10.10.10.7 "),
        ("a=rtcp-mux", "a=rtcp-mux"),
        ("a=rtcp-fb:* nack", "a=rtcp-fb:* nack"),
        ("a=candidate:1 1 UDP 1 10.0.0.1 5000 typ host", None),
        ("a=X-unknown: m=audio 5000 \xff", None),
    ],
)
def test_lines_of_a_media_section(before: str, after: str | None) -> None:
    data = _sdp("m=audio 5000 RTP/AVP 8", before)
    out = rewrite(parse(data), "10.10.10.7", [PORTS])
    assert out.endswith(f"m=audio 35000 RTP/AVP 8\r\n{after or before}\r\n".encode())


def test_an_ipv6_interface_changes_the_address_type() -> None:
    out = rewrite(parse(_sdp("m=audio 5000 RTP/AVP 8")), "2001:db8::7", [PORTS])
    assert b"o=- 1 1 IN IP6 2001:db8::7\r\n" in out
    assert b"c=IN IP6 2001:db8::7\r\n" in out


def test_several_streams_and_a_rejected_one() -> None:
    data = _sdp("m=audio 5000 RTP/AVP 8", "m=video 0 RTP/AVP 96", "m=image 5004 udptl t38")
    out = rewrite(parse(data), "10.10.10.7", [PORTS, None, MediaPorts(35004, 35005)])
    lines = out.decode().splitlines()
    assert [line for line in lines if line.startswith("m=")] == [
        "m=audio 35000 RTP/AVP 8",
        "m=video 0 RTP/AVP 96",
        "m=image 35004 udptl t38",
    ]


def test_a_stream_without_ports_of_ours_becomes_port_zero() -> None:
    out = rewrite(parse(_sdp("m=message 9 TCP/MSRP *")), "10.10.10.7", [None])
    assert out.endswith(b"m=message 0 TCP/MSRP *\r\n")


def test_bare_line_feeds_and_a_missing_last_end_stay() -> None:
    data = _sdp("m=Audio  5000  RTP/AVP 8").replace(b"\r\n", b"\n").rstrip(b"\n")
    out = rewrite(parse(data), "10.0.0.1", [PORTS])
    assert out == data.replace(b"5000", b"35000")


def test_a_wrong_number_of_ports_is_the_callers_mistake() -> None:
    with pytest.raises(ValueError, match="1 m= lines and 0 ports"):
        rewrite(parse(_sdp("m=audio 5000 RTP/AVP 8")), "10.10.10.7", [])
