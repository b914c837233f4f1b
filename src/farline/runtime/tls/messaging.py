"""TLS of the messaging server: what Prosody is told of a profile, and whom mybuddy believes."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from farline.portal.im.prosody_files import ProsodyTls
from farline.runtime.named_files import NamedFileError, about, read_named

if TYPE_CHECKING:
    from pathlib import Path

    from farline.config import Deployment, TlsServerProfile

_PROTOCOLS = {frozenset({"1.2"}): "tlsv1_2", frozenset({"1.3"}): "tlsv1_3"}
_BEGIN, _END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"


def prosody_tls(deployment: Deployment, name: str, base: Path) -> ProsodyTls:
    """The server profile `name` in Prosody's words; `check` refuses what Prosody cannot do."""
    profile = _profile(deployment, name)
    chain = profile.certificate_chain
    return ProsodyTls(
        certificate=(base / profile.certificate).resolve(),
        key=(base / profile.key).resolve(),
        chain=(base / chain).resolve() if chain is not None else None,
        protocol=_PROTOCOLS.get(frozenset[str](profile.versions), "tlsv1_2+"),
        ciphers=profile.ciphers,
    )


def pinned(deployment: Deployment, name: str, base: Path) -> ssl.SSLContext:
    """For mybuddy: exactly our own server's certificate, whoever issued it and for which names.

    Raises NamedFileError when it cannot be read, ssl.SSLError when it is no certificate.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    profile = _profile(deployment, name)
    path = base / profile.certificate
    try:
        text = read_named(profile, "certificate", path).decode("ascii")
        leaf = text[text.index(_BEGIN) : text.index(_END) + len(_END)]
        context.load_verify_locations(cadata=leaf + "\n")
    except ValueError:
        why, remedy = "holds no certificate", "give PEM"
        raise NamedFileError(about(profile, "certificate", path, why, remedy)) from None
    return context


def _profile(deployment: Deployment, name: str) -> TlsServerProfile:
    return next(one for one in deployment.tls_server_profiles if one.name == name)
