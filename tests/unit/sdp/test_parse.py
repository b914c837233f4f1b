"""Reading: what is understood, what is refused and where, and that bytes survive."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farline.sdp import (
    MAX_LINE,
    MAX_MEDIA,
    MAX_SIZE,
    Direction,
    MediaPorts,
    SdpError,
    parse,
    rewrite,
)

HEAD = b"v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\n"
AUDIO = b"m=audio 5000 RTP/AVP 8\r\n"


def test_what_a_stream_says() -> None:
    sdp = parse(
        HEAD + b"a=sendonly\r\n" + AUDIO + b"a=rtcp:5009\r\na=rtcp-mux\r\n"
        b"m=video 6000 RTP/SAVPF 96\r\nc=IN IP6 2001:db8::2\r\na=inactive\r\n"
    )
    audio, video = sdp.media
    assert (audio.kind, audio.port, audio.line.protocol, audio.is_rtp) == (
        "audio",
        5000,
        "RTP/AVP",
        True,
    )
    assert audio.rtp_address == ("10.0.0.1", 5000)
    assert audio.rtcp_address == ("10.0.0.1", 5009)
    assert audio.rtcp_mux and not video.rtcp_mux
    assert (audio.direction, video.direction) == (Direction.SENDONLY, Direction.INACTIVE)
    assert video.rtp_address == ("2001:db8::2", 6000)
    assert video.rtcp_address == ("2001:db8::2", 6001)
    assert sdp.on_hold
    assert sdp.origin.address == "10.0.0.1"


def test_hold_with_the_null_address() -> None:
    held = parse(HEAD.replace(b"c=IN IP4 10.0.0.1", b"c=IN IP4 0.0.0.0") + AUDIO)
    assert held.on_hold
    assert held.media[0].rtp_address is None
    assert not parse(HEAD + AUDIO).on_hold
    assert not parse(HEAD + b"m=audio 0 RTP/AVP 8\r\n").on_hold


def test_other_protocols() -> None:
    fax, chat, browser = parse(
        HEAD + b"m=image 5004 udptl t38\r\nm=message 9 TCP/MSRP *\r\n"
        b"m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n"
    ).media
    assert (fax.is_rtp, fax.is_datagrams) == (False, True)
    assert (chat.is_rtp, chat.is_datagrams) == (False, False)
    assert (browser.is_rtp, browser.is_datagrams) == (True, True)


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"", 0),
        (b"\r\n\r\n", 0),
        (b"hello", 1),
        (b"v=1\r\n", 1),
        (b"v=0\r\ns=-\r\n", 2),
        (b"v=0\r\no=- 1 1 IN IP4\r\n", 2),
        (b"v=0\r\no=- 1 1 ATM NSAP x\r\n", 2),
        (HEAD + b"m=audio RTP/AVP 8\r\n", 6),
        (HEAD + b"m=audio 65536 RTP/AVP 8\r\n", 6),
        (HEAD + b"m=audio -1 RTP/AVP 8\r\n", 6),
        (HEAD + b"m=audio 5000/2 RTP/AVP 8\r\n", 6),
        (HEAD + AUDIO + b"c=IN IP4 224.0.0.1/127\r\n", 7),
        (HEAD + AUDIO + b"c=IN IP4 300.1.1.1\r\n", 7),
        (HEAD + AUDIO + b"c=IN IP4 2001:db8::1\r\n", 7),
        (HEAD + AUDIO + b"c=IN IP6 fe80::1%eth0\r\n", 7),
        (HEAD + AUDIO + b"c=IN IP4 10.0.0.2\r\nc=IN IP4 10.0.0.3\r\n", 8),
        (HEAD + AUDIO + b"a=rtcp:x\r\n", 7),
        (HEAD + AUDIO + b"a=rtcp:5001 IN IP4\r\n", 7),
        (HEAD + AUDIO + b"a=nul\0byte\r\n", 7),
        (HEAD + AUDIO + b"\r\n" + AUDIO, 7),
        (HEAD + AUDIO + b"a=" + b"x" * (MAX_LINE + 1), 7),
        (HEAD + AUDIO * (MAX_MEDIA + 1), 6 + MAX_MEDIA),
        (HEAD + b"a=x\r\n" * (MAX_SIZE // 5), 0),
        (HEAD + b"a=\n" * 1024, 1025),
        (HEAD.replace(b"c=IN IP4 10.0.0.1\r\n", b"") + AUDIO, 5),
    ],
)
def test_what_is_refused_names_the_line(data: bytes, line: int) -> None:
    with pytest.raises(SdpError) as caught:
        parse(data)
    assert caught.value.line == line
    assert len(str(caught.value)) < 100


def test_names_and_odd_origins_are_read() -> None:
    sdp = parse(
        HEAD.replace(b"o=-", b"o=My SIP phone").replace(b"c=IN IP4 10.0.0.1", b"c=IN IP4 a.b")
    )
    assert sdp.origin.user == b"My SIP phone"
    assert sdp.connection is not None
    assert sdp.connection.address == "a.b"


_LINE = st.builds(
    lambda kind, value: kind + b"=" + value.translate(None, b"\r\n\0") + b"\r\n",
    st.sampled_from([b"a", b"b", b"i", b"k", b"t", b"a=rtcp:1", b"m", b"c"]),
    st.binary(max_size=30),
)


@given(st.lists(_LINE, max_size=12), st.binary(max_size=3))
def test_any_bytes_are_read_whole_or_refused(lines: list[bytes], tail: bytes) -> None:
    data = HEAD + AUDIO + b"".join(lines) + tail
    try:
        sdp = parse(data)
    except SdpError:
        return
    assert sdp.to_bytes() == data
    out = parse(rewrite(sdp, "192.0.2.1", [MediaPorts(40000, 40001)] * len(sdp.media)))
    assert [one.kind for one in out.media] == [one.kind for one in sdp.media]
    assert all(one.port in {0, 40000} for one in out.media)
