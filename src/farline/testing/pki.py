"""Certificates for tests beyond those of `make_certificates`: deeper chains, revocation lists."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from farline.runtime.tls.lab_authority import builder, leaf_below
from farline.runtime.tls.making import common_name, key_pem, new_key

if TYPE_CHECKING:
    from pathlib import Path

_PEM = serialization.Encoding.PEM


def three_deep(base: Path, subject: str = "127.0.0.1") -> None:
    """Write deep.pem and deep.key, a leaf below deep-chain.pem, which is below deep-root.pem."""
    root_key, middle_key, key = (new_key() for _ in range(3))
    root_name, middle_name = common_name("Root"), common_name("Middle")
    above = x509.BasicConstraints(ca=True, path_length=None)
    root = (
        builder(root_name, root_name, root_key.public_key())
        .add_extension(above, critical=True)
        .sign(root_key, hashes.SHA256())
    )
    middle = (
        builder(middle_name, root_name, middle_key.public_key())
        .add_extension(above, critical=True)
        .sign(root_key, hashes.SHA256())
    )
    leaf = leaf_below(middle, middle_key, key.public_key(), [subject])
    for name, one in (("deep-root", root), ("deep-chain", middle), ("deep", leaf)):
        (base / f"{name}.pem").write_bytes(one.public_bytes(_PEM))
    (base / "deep.key").write_bytes(key_pem(key))


def revocation_lists(base: Path, revoked: str) -> None:
    """Write empty.crl and full.crl of ca.pem; the second one names revoked.pem."""
    ca = x509.load_pem_x509_certificate((base / "ca.pem").read_bytes())
    key = serialization.load_pem_private_key((base / "ca.key").read_bytes(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError("ca.key is no EC key")
    leaf = x509.load_pem_x509_certificate((base / f"{revoked}.pem").read_bytes())
    now = ca.not_valid_before_utc + timedelta(hours=1)
    empty = (
        x509.CertificateRevocationListBuilder().issuer_name(ca.subject)
        .last_update(now - timedelta(days=1)).next_update(now + timedelta(days=1))
    )  # fmt: skip
    gone = x509.RevokedCertificateBuilder().serial_number(leaf.serial_number)
    full = empty.add_revoked_certificate(gone.revocation_date(now).build())
    for name, one in (("empty", empty), ("full", full)):
        (base / f"{name}.crl").write_bytes(one.sign(key, hashes.SHA256()).public_bytes(_PEM))
