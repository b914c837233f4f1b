"""The files of a certificate that ACME orders: when it is due, what stands in until it is there."""

from __future__ import annotations

import fcntl
import os
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID

from farline.config import Secret
from farline.runtime.tls.making import common_name, key_pem, new_key, unsigned
from farline.store.whole_file import replace_file

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from farline.config import TlsServerProfile

STAND_IN = "Farline stand-in"
_RENEW_AT = 2 / 3
"""Of its life; a CA's advice for certificates of any length."""
_SPREAD = 0.06
"""Of its life: the renewals of many are spread over this much, each always at the same moment."""


class AcmeError(RuntimeError):
    """No certificate was issued; the text says who said what."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What there is now."""

    until: datetime
    due: datetime
    """When it is to be renewed."""

    stand_in: bool
    names: frozenset[str]


def kept(profile: TlsServerProfile, base: Path) -> Kept | None:
    """The certificate that is there with its key; None when there is none that fits."""
    try:
        chain = x509.load_pem_x509_certificates((base / profile.certificate).read_bytes())
        key = serialization.load_pem_private_key((base / profile.key).read_bytes(), None)
    except (OSError, ValueError, TypeError):
        return None
    leaf = chain[0]
    if leaf.public_key() != key.public_key():
        return None
    try:
        found = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        names = frozenset(found.get_values_for_type(x509.DNSName))
    except x509.ExtensionNotFound:
        names = frozenset()
    stand_in = any(
        one.value == STAND_IN for one in leaf.issuer.get_attributes_for_oid(NameOID.COMMON_NAME)
    )
    since, until = leaf.not_valid_before_utc, leaf.not_valid_after_utc
    shift = (leaf.serial_number % 1000) / 1000 - 0.5
    due = since + (until - since) * (_RENEW_AT + shift * _SPREAD)
    return Kept(until, due, stand_in, names)


def stand_in(profile: TlsServerProfile, base: Path, now: datetime) -> bool:
    """Write a self-signed certificate for a day where there is none, so that ports can open.

    Nobody believes it. False: there is a certificate. Raises OSError.
    """
    if profile.acme is None or kept(profile, base) is not None:
        return False
    directory = (base / profile.certificate).parent
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    guard = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(guard, fcntl.LOCK_EX)  # several roles may start with the same profile
        if kept(profile, base) is not None:
            return False
        write(profile, base, *_self_signed(profile.acme.names, now))
    finally:
        os.close(guard)
    return True


def account_key(path: Path) -> Secret:
    """The account's key; made, mode 600, where there is none. Raises OSError."""
    try:
        return Secret(path.read_text(encoding="ascii"))
    except FileNotFoundError:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        made = key_pem(new_key())
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(made)
        return Secret(made.decode())


def write(profile: TlsServerProfile, base: Path, chain: bytes, key: bytes) -> None:
    """Put certificate and key in the place of those that are there. Raises OSError."""
    for path, data, mode in (
        (base / profile.key, key, 0o600),
        (base / profile.certificate, chain, 0o644),
    ):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_file(path, data, mode)


def _self_signed(names: tuple[str, ...], now: datetime) -> tuple[bytes, bytes]:
    key, name = new_key(), common_name(STAND_IN)
    since, until = now - timedelta(hours=1), now + timedelta(days=1)
    borne = x509.SubjectAlternativeName([x509.DNSName(one) for one in names])
    made = (
        unsigned(name, name, key.public_key(), since, until)
        .add_extension(borne, critical=False)
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM), key_pem(key)
