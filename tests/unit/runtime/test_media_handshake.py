"""Handshakes that fail, and what is said of them where a call without sound is looked at."""

from __future__ import annotations

import asyncio
import socket
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from OpenSSL import SSL

from farline.media.diagnosis import summary
from farline.media.engine import Answer, Offer, Query, Side
from farline.runtime.tls.identity import DtlsIdentity
from farline.sdp import parse
from farline.testing.browser_leg import BrowserLeg, BrowserLegError
from farline.testing.media import audio_sdp, engine
from farline.testing.ports import own_network

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.timeout(60)

NET = own_network()
B1, A1 = f"{NET}.1.96", f"{NET}.2.7"
PHONE, OFFICE = f"{NET}.3.61", f"{NET}.4.13"
OUTSIDE = Side("outside", "B1", PHONE, "dtls")
INSIDE = Side("inside", "A1", OFFICE)


@contextmanager
def bound(ip: str) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.bind((ip, 0))
        yield made


def rsa_identity() -> DtlsIdentity:
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name)
    made = made.public_key(key.public_key()).serial_number(7)
    made = made.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    der = serialization.Encoding.DER
    private = key.private_bytes(
        der, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return DtlsIdentity(made.sign(key, hashes.SHA256()).public_bytes(der), private)


async def refused(tmp_path: Path, leg: BrowserLeg, shown: BrowserLeg, office: socket.socket) -> str:
    """What a browser's handshake comes to that has shown another's description."""
    async with engine(tmp_path, B1, A1) as client:
        offered = await client.perform(Offer("call", shown.describe(), OUTSIDE, INSIDE))
        assert offered.error is None
        answered = await client.perform(Answer("call", audio_sdp(office), INSIDE, OUTSIDE))
        assert answered.sdp is not None, answered.error
        (theirs,) = parse(answered.sdp).media
        await asyncio.to_thread(leg.check, theirs)
        async with asyncio.timeout(30):
            while True:
                with suppress(BrowserLegError, SSL.Error):
                    await asyncio.to_thread(leg.shake, theirs, 1.0)
                stats = (await client.perform(Query("call"))).stats
                if any(one.handshake for one in stats):
                    assert {one.suite for one in stats} == {None}
                    return summary(stats)


async def test_a_peer_with_an_rsa_certificate_is_told_apart(tmp_path: Path) -> None:
    with bound(PHONE) as phone, bound(OFFICE) as office:
        leg = BrowserLeg(phone, rsa_identity())
        said = await refused(tmp_path, leg, leg, office)
    assert "outside is not heard: the DTLS handshake failed: " in said
    assert "ECDSA certificate: RSA is not served" in said


async def test_a_certificate_that_is_not_the_one_in_sdp_is_said(tmp_path: Path) -> None:
    with bound(PHONE) as phone, bound(OFFICE) as office:
        said = await refused(tmp_path, BrowserLeg(phone), BrowserLeg(phone), office)
    assert "the peer's certificate is not the one in its SDP" in said
