"""The media process's certificate for DTLS: made at its first start."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from farline.sdp import Fingerprint

LIFETIME = timedelta(days=365)
"""Nobody looks at it (a fingerprint vouches), but a certificate has to end."""


@dataclass(frozen=True, slots=True)
class DtlsIdentity:
    """A certificate and its key (PKCS #8), both DER. The key does not print."""

    certificate: bytes
    key: bytes = field(repr=False)

    @classmethod
    def make(cls) -> DtlsIdentity:
        """A new one: ECDSA P-256, self-signed, with a name that says nothing (RFC 8827 6.5)."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "media")])
        now = datetime.now(UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + LIFETIME)
            .sign(key, hashes.SHA256())
        )
        der = serialization.Encoding.DER
        private = key.private_bytes(
            der, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return cls(made.public_bytes(der), private)

    @classmethod
    def from_bytes(cls, data: bytes) -> DtlsIdentity:
        """The reverse of `to_bytes`. Raises ValueError for anything else, or one that has ended."""
        length = int.from_bytes(data[:4])
        certificate, key = data[4 : 4 + length], data[4 + length :]
        read = x509.load_der_x509_certificate(certificate)
        private = serialization.load_der_private_key(key, None)
        if private.public_key() != read.public_key():
            raise ValueError("the key is another certificate's")
        if read.not_valid_after_utc < datetime.now(UTC):
            raise ValueError("the certificate has ended")
        return cls(certificate, key)

    def to_bytes(self) -> bytes:
        """Both, for the process after this one."""
        return len(self.certificate).to_bytes(4) + self.certificate + self.key

    @property
    def fingerprint(self) -> Fingerprint:
        """As SDP shows it."""
        digest = hashes.Hash(hashes.SHA256())
        digest.update(self.certificate)
        return Fingerprint("sha-256", digest.finalize())
