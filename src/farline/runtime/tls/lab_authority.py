"""Certificates for labs and tests: one throw-away CA and a server certificate for each host.

A deployment in earnest brings its own certificates; nothing here is used to check anybody's.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import ExtendedKeyUsageOID

from farline.runtime.tls.making import common_name, key_pem, new_key, unsigned

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric import ec

VALID_DAYS = 825
"""The longest that common TLS clients accept for a server certificate."""
_BACKDATED = timedelta(hours=1)  # clocks of lab machines may differ a little

_SIGNING_ONLY = {
    "content_commitment": False,
    "key_encipherment": False,
    "data_encipherment": False,
    "key_agreement": False,
    "encipher_only": False,
    "decipher_only": False,
}


def make_certificates(directory: Path, hosts: Mapping[str, Sequence[str]]) -> None:
    """Write ca.pem, ca.key and, for each host, NAME.pem (leaf, then CA) and NAME.key.

    `hosts` maps a file name to the DNS names and IP addresses that the certificate bears. Keys are
    EC P-256, PKCS#8 without a passphrase, mode 600. Existing files are replaced. OSError when the
    directory cannot be written, ValueError for a host without names.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    ca_key = new_key()
    ca = _authority(ca_key)
    ca_pem = ca.public_bytes(serialization.Encoding.PEM)
    _write(directory / "ca.key", key_pem(ca_key), mode=0o600)
    _write(directory / "ca.pem", ca_pem, mode=0o644)
    for name, subjects in hosts.items():
        if not subjects:
            raise ValueError(f"certificate {name!r}: give at least one DNS name or IP address")
        key = new_key()
        leaf = leaf_below(ca, ca_key, key.public_key(), subjects)
        _write(directory / f"{name}.key", key_pem(key), mode=0o600)
        leaf_pem = leaf.public_bytes(serialization.Encoding.PEM)
        _write(directory / f"{name}.pem", leaf_pem + ca_pem, mode=0o644)


def _authority(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    name = common_name("Farline lab CA")
    public = key.public_key()
    usage = x509.KeyUsage(
        digital_signature=True, key_cert_sign=True, crl_sign=True, **_SIGNING_ONLY
    )
    return (
        builder(name, name, public)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .sign(key, hashes.SHA256())
    )


def leaf_below(
    ca: x509.Certificate,
    ca_key: ec.EllipticCurvePrivateKey,
    public: ec.EllipticCurvePublicKey,
    subjects: Sequence[str],
) -> x509.Certificate:
    """A certificate for servers and clients that bears these DNS names and IP addresses."""
    usage = x509.KeyUsage(
        digital_signature=True, key_cert_sign=False, crl_sign=False, **_SIGNING_ONLY
    )
    authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key())
    both = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    names = x509.SubjectAlternativeName([_general_name(subject) for subject in subjects])
    return (
        builder(common_name(subjects[0][:64]), ca.subject, public)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage(both), critical=False)
        .add_extension(names, critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(authority, critical=False)
        .sign(ca_key, hashes.SHA256())
    )


def builder(
    subject: x509.Name, issuer: x509.Name, public: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    """A certificate that is valid from now, for `VALID_DAYS`."""
    start = datetime.now(UTC) - _BACKDATED
    return unsigned(subject, issuer, public, start, start + timedelta(days=VALID_DAYS))


def _general_name(subject: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(subject))
    except ValueError:
        return x509.DNSName(subject)


def _write(path: Path, data: bytes, *, mode: int) -> None:
    """Replace the file; it never exists with a wider mode than `mode`."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
