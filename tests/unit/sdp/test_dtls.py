"""Fingerprints and ICE credentials: what is read, and what is not served."""

from __future__ import annotations

import pytest

from farline.sdp import Fingerprint, IceCredentials


def test_a_fingerprint_survives_writing_and_reading() -> None:
    one = Fingerprint("sha-256", bytes(range(32)))
    assert one.to_bytes().startswith(b"fingerprint:sha-256 00:01:02:")
    assert Fingerprint.read(one.to_bytes()) == one
    assert Fingerprint.read(one.to_bytes().replace(b"sha", b"SHA").lower()) == one


@pytest.mark.parametrize(
    "text",
    [
        b"fingerprint:sha-1 " + b":".join([b"00"] * 20),
        b"fingerprint:sha-256 00:01",
        b"fingerprint:",
    ],
)
def test_weak_short_and_empty_ones_are_none(text: bytes) -> None:
    assert Fingerprint.read(text) is None


def test_credentials_need_both_halves_of_their_length() -> None:
    password = b"ice-pwd:" + b"p" * 22
    read = IceCredentials.read([b"ice-ufrag:abcd", password])
    assert read == IceCredentials("abcd", "p" * 22)
    assert "ppp" not in repr(read)
    assert IceCredentials.read([b"ice-ufrag:abcd"]) is None
    assert IceCredentials.read([b"ice-ufrag:abc", password]) is None
    assert IceCredentials.read([b"ice-ufrag:abcd", b"ice-pwd:short"]) is None
