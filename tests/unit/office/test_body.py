import pytest

from farline.office.body import OwnDescription, description
from farline.sip import Message, WireError
from farline.testing import SeededIds

SDP = (
    b"v=0\r\no=x 1 1 IN IP4 1.1.1.1\r\ns=-\r\nc=IN IP4 10.10.10.13\r\nt=0 0\r\n"
    b"m=audio 4 RTP/AVP 8\r\n"
)


def version(sdp):
    return int(sdp.split()[3])


def test_o_and_s_are_ours_and_the_rest_stays():
    own = OwnDescription(SeededIds(), "10.10.10.13")
    lines = own.give(SDP).split(b"\r\n")
    assert lines[0] == b"v=0"
    assert lines[1].startswith(b"o=UserA ")
    assert lines[1].endswith(b" IN IP4 10.10.10.13")
    assert lines[2:] == [
        b"s=Session SDP", b"c=IN IP4 10.10.10.13", b"t=0 0", b"m=audio 4 RTP/AVP 8", b""
    ]  # fmt: skip


def test_the_version_grows_with_a_change_only():
    own = OwnDescription(SeededIds(), "10.10.10.13")
    first = own.give(SDP)
    assert own.give(SDP) == first
    assert own.give(first) == first
    assert version(own.give(SDP + b"a=sendonly\r\n")) == version(first) + 1


def message(kind, body=b"v=0\r\n"):
    request = Message.request("INVITE", "sip:a@b")
    request.add("Content-Type", kind)
    request.body = body
    return request


def test_sdp_only():
    assert description(message("Application/SDP; charset=utf-8")) == b"v=0\r\n"
    assert description(message("application/sdp", b"")) is None
    for kind in ("text/plain", "multipart/mixed"):
        with pytest.raises(WireError) as error:
            description(message(kind))
        assert error.value.status == 415
