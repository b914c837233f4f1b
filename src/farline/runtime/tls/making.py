"""Keys and certificates of our own making: what all of them share. Who makes one says the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from datetime import datetime

_PLAIN = serialization.NoEncryption()


def new_key() -> ec.EllipticCurvePrivateKey:
    """An EC key (P-256)."""
    return ec.generate_private_key(ec.SECP256R1())


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """PKCS #8 without a passphrase, PEM."""
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, _PLAIN)


def key_der(key: ec.EllipticCurvePrivateKey) -> bytes:
    """PKCS #8 without a passphrase, DER."""
    return key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, _PLAIN)


def common_name(text: str) -> x509.Name:
    """A name of which only this is said."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def unsigned(
    subject: x509.Name,
    issuer: x509.Name,
    public: ec.EllipticCurvePublicKey,
    since: datetime,
    until: datetime,
) -> x509.CertificateBuilder:
    """A certificate with a serial number of its own; extensions and signature are to be added."""
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(since)
        .not_valid_after(until)
    )
