"""The media process's certificate for DTLS: made at its first start."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from farline.runtime.tls.making import common_name, key_der, new_key, unsigned
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
        key, name = new_key(), common_name("media")
        now = datetime.now(UTC)
        since, until = now - timedelta(days=1), now + LIFETIME
        made = unsigned(name, name, key.public_key(), since, until).sign(key, hashes.SHA256())
        return cls(made.public_bytes(serialization.Encoding.DER), key_der(key))

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
