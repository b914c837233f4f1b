"""TLS contexts from the profiles of a deployment."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from farline.config import Deployment, TlsClientProfile, TlsServerProfile


class TlsError(RuntimeError):
    """A certificate or key that cannot be used; the text names the profile and the file."""


def server_context(deployment: Deployment, name: str, base: Path) -> ssl.SSLContext:
    """The context of the server profile `name`; file names are relative to `base`."""
    profile = next(entry for entry in deployment.tls_server_profiles if entry.name == name)
    return _server(profile, base)


def client_context(deployment: Deployment, name: str, base: Path) -> ssl.SSLContext:
    """The context of the client profile `name`."""
    profile = next(entry for entry in deployment.tls_client_profiles if entry.name == name)
    return _client(profile, base)


def _server(profile: TlsServerProfile, base: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    certificate, key = base / profile.certificate, base / profile.key
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        raise TlsError(f"TLS profile {profile.name!r}: {certificate} and {key}: {error}") from error
    return context


def _client(profile: TlsClientProfile, base: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if not profile.peer_verification:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    authorities = base / profile.peer_certificate_authorities
    try:
        context.load_verify_locations(authorities)
    except (OSError, ssl.SSLError) as error:
        raise TlsError(f"TLS client profile {profile.name!r}: {authorities}: {error}") from error
    return context
