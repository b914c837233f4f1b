"""TLS contexts from the profiles of a deployment (`tls_context` has what they do)."""

from __future__ import annotations

import os
import ssl
from typing import TYPE_CHECKING

from cryptography import x509

from farline.runtime.tls.contexts import Context, PeerRules
from farline.runtime.tls.names import borne

if TYPE_CHECKING:
    from pathlib import Path

    from farline.config import Deployment, TlsClientProfile, TlsServerProfile
    from farline.runtime.tls.contexts import Identity

    Profile = TlsServerProfile | TlsClientProfile

_VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
_DEMANDS = {
    "none": ssl.CERT_NONE,
    "optional": ssl.CERT_OPTIONAL,
    "required": ssl.CERT_REQUIRED,
}


class TlsError(RuntimeError):
    """A certificate or key that cannot be used; the text names the profile and the file."""


def server_context(deployment: Deployment, name: str, base: Path) -> Context:
    """The context of the server profile `name`; file names are relative to `base`."""
    profiles = {entry.name: entry for entry in deployment.tls_server_profiles}
    profile = profiles[name]
    context = _server(profile, base)
    if profile.sni_profiles:
        by_names = [
            (borne(_leaf(profiles[other], base)), _server(profile, base, profiles[other]))
            for other in profile.sni_profiles
        ]

        def choose(peer: ssl.SSLObject, dialled: str | None, _given: ssl.SSLContext) -> None:
            for names, other in by_names:
                if dialled is not None and names.dialled(dialled):
                    peer.context = other
                    return

        context.sni_callback = choose
    return context


def client_context(deployment: Deployment, name: str, base: Path, *, sip: bool = False) -> Context:
    """The context of the client profile `name`.

    `sip`: the peer is a SIP server, whose certificate is judged by RFC 5922 instead of by the rules
    for hosts (RFC 9525).
    """
    profile = next(entry for entry in deployment.tls_client_profiles if entry.name == name)
    return _client(profile, base, sip=sip)


def _server(
    profile: TlsServerProfile, base: Path, shown: TlsServerProfile | None = None
) -> Context:
    """`shown`: whose certificate it shows, where that is another profile's (SNI Options)."""
    context = Context(ssl.PROTOCOL_TLS_SERVER)
    _common(context, profile, base)
    own = shown or profile
    extra = base / own.certificate_chain if own.certificate_chain is not None else None
    _load(context, own.name, base / own.certificate, base / own.key, extra)
    context.verify_mode = _DEMANDS[profile.peer_verification]
    if profile.peer_certificate_authorities is not None and context.verify_mode:
        _believe(context, profile, base / profile.peer_certificate_authorities)
        context.judge(PeerRules(profile.verification_depth, "none"))
    return context


def _client(profile: TlsClientProfile, base: Path, *, sip: bool) -> Context:
    context = Context(ssl.PROTOCOL_TLS_CLIENT)
    _common(context, profile, base)
    if profile.certificate is not None and profile.key is not None:
        _load(context, profile.name, base / profile.certificate, base / profile.key, None)
    context.sni = profile.sni
    context.check_hostname = False  # `PeerRules` does: also for names that SNI does not say
    if not profile.peer_verification:
        context.verify_mode = ssl.CERT_NONE
        return context
    _believe(context, profile, base / profile.peer_certificate_authorities)
    identity: Identity = "sip" if sip else "host"
    if not profile.extended_hostname_verification:
        identity = "none"
    context.judge(PeerRules(profile.verification_depth, identity, profile.server_hostname))
    return context


def _common(context: Context, profile: Profile, base: Path) -> None:
    versions = sorted(_VERSIONS[one] for one in profile.versions)
    context.minimum_version, context.maximum_version = versions[0], versions[-1]
    if profile.ciphers:
        try:
            context.set_ciphers(profile.ciphers)
        except ssl.SSLError as error:
            raise TlsError(f"TLS profile {profile.name!r}: Ciphers: {error}") from error
    lists = profile.peer_certificate_revocation_lists
    if lists is not None:
        _believe(context, profile, base / lists)
        context.verify_flags |= ssl.VERIFY_CRL_CHECK_CHAIN


def _believe(context: Context, profile: Profile, path: Path) -> None:
    """Authorities and revocation lists."""
    try:
        context.load_verify_locations(path)
    except (OSError, ssl.SSLError) as error:
        raise TlsError(f"TLS profile {profile.name!r}: {path}: {error}") from error


def _load(context: Context, name: str, certificate: Path, key: Path, extra: Path | None) -> None:
    try:
        if extra is None:
            context.load_cert_chain(certificate, key)
            return
        with os.fdopen(os.memfd_create("chain"), "wb") as whole:
            whole.write(certificate.read_bytes() + b"\n" + extra.read_bytes())
            whole.flush()
            context.load_cert_chain(f"/proc/self/fd/{whole.fileno()}", key)
    except (OSError, ssl.SSLError) as error:
        raise TlsError(f"TLS profile {name!r}: {certificate} and {key}: {error}") from error


def _leaf(profile: TlsServerProfile, base: Path) -> x509.Certificate:
    path = base / profile.certificate
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError) as error:
        raise TlsError(f"TLS profile {profile.name!r}: {path}: {error}") from error
