"""a=crypto lines: read, refused, printed, and put in the place of others."""

from __future__ import annotations

from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farline.sdp import KEY_LENGTHS, Crypto, MediaPorts, MediaSecurity, parse, rewrite

SUITE = "AES_CM_128_HMAC_SHA1_80"
# RFC 4568 section 5.1, the first example; its key and salt are these 30 bytes.
RFC_LINE = b"crypto:1 AES_CM_128_HMAC_SHA1_80 inline:PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR"
KEY = "PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR"


@given(st.sampled_from(sorted(KEY_LENGTHS)), st.integers(0, 999_999_999), st.data())
def test_what_is_printed_is_read_again(suite, tag, data) -> None:
    key = data.draw(st.binary(min_size=KEY_LENGTHS[suite], max_size=KEY_LENGTHS[suite]))
    crypto = Crypto(tag, suite, key)
    assert Crypto.read(crypto.to_bytes()) == crypto
    assert Crypto.read(crypto.to_bytes().rstrip(b"=")) == crypto


def test_the_rfc_s_example_with_a_lifetime_and_harmless_parameters() -> None:
    crypto = Crypto.read(RFC_LINE)
    assert crypto is not None
    assert (crypto.tag, crypto.suite, crypto.to_bytes()) == (1, SUITE, RFC_LINE)
    for more in (b"|2^20", b"|1048576", b" WSH=128", b"|2^31 -later=1"):
        assert Crypto.read(RFC_LINE + more) == crypto


@pytest.mark.parametrize(
    "line",
    [
        b"crypto:1 F8_128_HMAC_SHA1_80 inline:" + KEY.encode(),
        RFC_LINE + b"|2^20|1:4",
        RFC_LINE + b"|1:4",
        RFC_LINE + b";inline:" + KEY.encode(),
        RFC_LINE + b" UNENCRYPTED_SRTP",
        RFC_LINE + b" KDR=1",
        RFC_LINE[:-2],
        RFC_LINE.replace(b"PS1u", b"P\xff1u"),
        b"crypto:1 AES_CM_128_HMAC_SHA1_80 other:" + KEY.encode(),
        b"crypto:9999999999 AES_CM_128_HMAC_SHA1_80 inline:" + KEY.encode(),
        b"crypto:1",
    ],
)
def test_lines_that_we_do_not_serve_are_passed_over(line) -> None:
    assert Crypto.read(line) is None


def test_a_key_does_not_print() -> None:
    assert KEY not in repr(Crypto.read(RFC_LINE))
    assert "PS1u" not in str(Crypto.read(RFC_LINE))


@given(st.binary(max_size=200))
def test_anything_is_read_or_passed_over(noise) -> None:
    assert Crypto.read(b"crypto:" + noise) is None or noise[:1].isdigit()


HEAD = b"v=0\r\no=- 1 1 IN IP4 1.2.3.4\r\ns=-\r\nc=IN IP4 1.2.3.4\r\nt=0 0\r\n"
OURS = Crypto(3, SUITE, bytes(30))


def test_lines_are_bounded_and_a_second_tag_does_not_count() -> None:
    again = RFC_LINE.replace(b"PS1u", b"QS1u")
    many = b"".join(b"a=crypto:%d %b\r\n" % (n, RFC_LINE[9:]) for n in range(2, 200))
    body = HEAD + b"m=audio 5 RTP/SAVP 8\r\na=%b\r\na=%b\r\n%b" % (RFC_LINE, again, many)
    (media,) = parse(body).media
    assert media.crypto[0] == Crypto.read(RFC_LINE)
    assert [one.tag for one in media.crypto] == list(range(1, 16))


@pytest.mark.parametrize(
    ("before", "secure", "after"),
    [
        (b"RTP/SAVP", False, b"RTP/AVP"),
        (b"RTP/SAVPF", False, b"RTP/AVPF"),
        (b"RTP/AVP", True, b"RTP/SAVP"),
        (b"RTP/AVPF", True, b"RTP/SAVPF"),
        (b"rtp/savp", True, b"RTP/SAVP"),
    ],
)
def test_the_profile_changes_and_keeps_its_feedback(before, secure, after) -> None:
    body = HEAD + b"m=audio 5 %b 8 0\r\na=sendrecv" % before
    shown = rewrite(parse(body), "10.0.0.1", [MediaPorts(7, 8)], [MediaSecurity(secure)])
    assert b"\r\nm=audio 7 %b 8 0\r\n" % after in shown


@pytest.mark.parametrize(
    ("before", "feedback", "after"),
    [
        (b"RTP/AVP", True, b"RTP/SAVPF"),
        (b"RTP/AVPF", False, b"RTP/SAVP"),
        (b"RTP/AVPF", None, b"RTP/SAVPF"),
        (b"TCP/RTP/AVP", True, b"TCP/RTP/AVP"),
    ],
)
def test_the_feedback_is_as_it_is_told(before, feedback, after) -> None:
    body = HEAD + b"m=audio 5 %b 8 0\r\na=sendrecv" % before
    wanted = MediaSecurity(True, feedback=feedback)
    shown = rewrite(parse(body), "10.0.0.1", [MediaPorts(7, 8)], [wanted])
    assert b"\r\nm=audio 7 %b 8 0\r\n" % after in shown


def test_keys_are_ours_where_we_end_encryption_and_theirs_elsewhere() -> None:
    fingerprint = b"a=fingerprint:sha-256 AA\r\n"
    audio = b"m=audio 5 RTP/SAVP 8\r\na=%b\r\na=ptime:20\r\n" % RFC_LINE
    video = b"m=video 9 RTP/SAVP 96\r\na=%b\r\n" % RFC_LINE
    body = HEAD + fingerprint + audio + b"a=setup:actpass\r\n" + video
    ports = [MediaPorts(7, 8), MediaPorts(17, 18)]
    shown = rewrite(parse(body), "1.2.3.4", ports, [MediaSecurity(True, (OURS,)), None])
    key = b64encode(bytes(30))
    ours = b"a=crypto:3 AES_CM_128_HMAC_SHA1_80 inline:%b\r\n" % key
    changed = b"m=audio 7 RTP/SAVP 8\r\na=ptime:20\r\n" + ours
    assert shown == HEAD + changed + video.replace(b"video 9", b"video 17")
    assert rewrite(parse(body), "1.2.3.4", ports) == body.replace(b"audio 5", b"audio 7").replace(
        b"video 9", b"video 17"
    )
