"""TLS contexts from the profiles of a deployment (`tls_context` has what they do)."""

from __future__ import annotations

import os
import ssl
from typing import TYPE_CHECKING

from cryptography import x509

from farline.runtime.named_files import about, reason
from farline.runtime.tls.contexts import Context, PeerRules
from farline.runtime.tls.names import borne

if TYPE_CHECKING:
    from pathlib import Path

    from farline.config import Deployment, TlsClientProfile, TlsServerProfile
    from farline.runtime.tls.contexts import Identity

    Profile = TlsServerProfile | TlsClientProfile

GIVE_PEM = "give PEM (farline check says more)"
_VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
_DEMANDS = {
    "none": ssl.CERT_NONE,
    "optional": ssl.CERT_OPTIONAL,
    "required": ssl.CERT_REQUIRED,
}


class TlsError(RuntimeError):
    """A certificate or key that cannot be used; the text names profile, field, file and remedy."""


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
    _load(context, own, base)
    context.verify_mode = _DEMANDS[profile.peer_verification]
    if profile.peer_certificate_authorities is not None and context.verify_mode:
        _believe(context, profile, "peer_certificate_authorities", base)
        context.judge(PeerRules(profile.verification_depth, "none"))
    return context


def _client(profile: TlsClientProfile, base: Path, *, sip: bool) -> Context:
    context = Context(ssl.PROTOCOL_TLS_CLIENT)
    _common(context, profile, base)
    if profile.certificate is not None and profile.key is not None:
        _load(context, profile, base)
    context.sni = profile.sni
    context.check_hostname = False  # `PeerRules` does: also for names that SNI does not say
    if not profile.peer_verification:
        context.verify_mode = ssl.CERT_NONE
        return context
    _believe(context, profile, "peer_certificate_authorities", base)
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
    if profile.peer_certificate_revocation_lists is not None:
        _believe(context, profile, "peer_certificate_revocation_lists", base)
        context.verify_flags |= ssl.VERIFY_CRL_CHECK_CHAIN


def _believe(context: Context, profile: Profile, field: str, base: Path) -> None:
    """Authorities and revocation lists."""
    path = base / getattr(profile, field)
    _readable(profile, field, path)
    try:
        context.load_verify_locations(path)
    except (OSError, ssl.SSLError):
        raise TlsError(about(profile, field, path, "holds nothing in PEM", GIVE_PEM)) from None


def _load(context: Context, profile: Profile, base: Path) -> None:
    """The certificate that is shown, its chain and its key."""
    fields = ("certificate", "certificate_chain", "key")
    named = {field: getattr(profile, field, None) for field in fields}
    files = {field: base / path for field, path in named.items() if path is not None}
    for field, path in files.items():
        _readable(profile, field, path)
    certificate, key, extra = files["certificate"], files["key"], files.get("certificate_chain")
    try:
        if extra is None:
            context.load_cert_chain(certificate, key)
            return
        with os.fdopen(os.memfd_create("chain"), "wb") as whole:
            whole.write(certificate.read_bytes() + b"\n" + extra.read_bytes())
            whole.flush()
            context.load_cert_chain(f"/proc/self/fd/{whole.fileno()}", key)
    except (OSError, ssl.SSLError) as error:
        # OpenSSL does not say which file it means.
        why = f"it and its key {key} cannot be used: {reason(error)}"
        raise TlsError(about(profile, "certificate", certificate, why, GIVE_PEM)) from error


def _readable(profile: Profile, field: str, path: Path) -> None:
    """Say which file is missing: OpenSSL says only that one is."""
    try:
        path.open("rb").close()
    except OSError as error:
        raise TlsError(about(profile, field, path, reason(error))) from error


def _leaf(profile: TlsServerProfile, base: Path) -> x509.Certificate:
    path = base / profile.certificate
    _readable(profile, "certificate", path)
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except ValueError:
        text = about(profile, "certificate", path, "holds no certificate", GIVE_PEM)
        raise TlsError(text) from None
