"""The tests' own SRTP against RFC 3711 and against tampering."""

from __future__ import annotations

import pytest

from farline.testing.srtp import NotAuthenticError, Srtp

MASTER = bytes.fromhex("e1f97a0d3e018be0d64fa32c06de41390ec675ad498afeebb6960b3aabe6")
RTP = bytes([0x80, 8, 0, 7]) + bytes(4) + b"ssrc" + b"voice"
RTCP = bytes([0x80, 200, 0, 2]) + b"ssrc" + b"more"


def test_session_keys_are_those_of_appendix_b_3() -> None:
    srtp = Srtp(MASTER)
    assert [one.hex() for one in srtp._rtp] == [
        "c61e7a93744f39ee10734afe3ff7a087",
        "cebe321f6ff7716b6fd4ab49af256a156d38baa4",
        "30cbbc08863d8c85d49db34a9ae1",
    ]


def test_what_is_protected_comes_back_and_what_was_changed_does_not() -> None:
    srtp = Srtp(MASTER)
    sealed, report = srtp.protect(RTP), srtp.protect_rtcp(RTCP, 5)
    assert srtp.unprotect(sealed) == RTP
    assert srtp.unprotect_rtcp(report) == RTCP
    with pytest.raises(NotAuthenticError):
        srtp.unprotect(sealed[:13] + b"?" + sealed[14:])
    with pytest.raises(NotAuthenticError):
        srtp.unprotect_rtcp(report[:9] + b"?" + report[10:])
