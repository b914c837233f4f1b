"""Checks of a deployment that need its files: certificates, keys and authorities.

Files that are not there are warned about; what is there must be usable: the key is the
certificate's, it has not run out, and it bears the names that clients dial.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

from farline.config import Problem
from farline.config.subnets import literal
from farline.runtime.acme.files import kept
from farline.runtime.music import MusicError, read_music
from farline.runtime.tls.names import borne
from farline.sip import Transport

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from farline.config import Border, Deployment, Form, TlsClientProfile, TlsServerProfile
    from farline.config.tls import AcmeOrder

WARN_BEFORE = timedelta(days=30)
MAX_FILE = 1024 * 1024
"""Bytes read of a certificate file: a chain is a few thousand."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A name or address that a certificate must bear, and who dials it."""

    name: str
    why: str


def preflight(deployment: Deployment, base: Path, now: datetime) -> Iterator[Problem]:
    """Everything wrong with the TLS profiles' files; paths are relative to `base`."""
    wanted = wanted_names(deployment)
    for index, server in enumerate(deployment.tls_server_profiles):
        place = f"tls_server_profiles[{index}]"
        yield from _server(server, base, now, place, wanted.get(server.name, []))
        authorities = server.peer_certificate_authorities
        if authorities is not None and server.peer_verification != "none":
            yield from _authorities(
                server, authorities, base, now, f"{place}.peer_certificate_authorities"
            )
    for index, client in enumerate(deployment.tls_client_profiles):
        place = f"tls_client_profiles[{index}]"
        if client.peer_verification:
            path = client.peer_certificate_authorities
            yield from _authorities(
                client, path, base, now, f"{place}.peer_certificate_authorities"
            )
        if client.certificate is not None and client.key is not None:
            yield from _own(client, client.certificate, client.key, base, now, place)
    if deployment.border is not None:
        yield from _music(deployment.border, base)


def _music(border: Border, base: Path) -> Iterator[Problem]:
    """Files of hold music that cannot be played."""
    places = {one.name: f"border.media_rules[{at}]" for at, one in enumerate(border.media_rules)}
    groups = border.resolved_groups().items()
    used = {one.media.name: (one.media, group) for group, sets in groups for one in sets}
    for rule, group in used.values():
        if not rule.hold_music:
            continue
        place = places.get(rule.name, f"policy group {group}, media rule {rule.name}")
        try:
            read_music(base / rule.hold_music)
        except MusicError as error:
            text = f"{rule.hold_music}: {error}"
            yield Problem(
                f"{place}.hold_music", text, "name another file, or leave it empty", rule.form
            )


def wanted_names(deployment: Deployment) -> dict[str, list[Wanted]]:
    """What each server profile's certificate must bear, by profile."""
    found: dict[str, list[Wanted]] = {}

    def want(profile: str | None, name: str, why: str) -> None:
        if profile is not None and name:
            found.setdefault(profile, []).append(Wanted(name, why))

    office, portal, border = deployment.office, deployment.portal, deployment.border
    if portal is not None:
        want(portal.tls_profile, portal.server_name, "phones dial it for the portal's REST")
        im = portal.im_presence
        want(im.tls_profile, im.domain, "it is the XMPP domain that phones log in to")
        directory = office.directory if office is not None else None
        provider = portal.dsml_provider
        if office is not None and directory is not None and provider.address == office.ip:
            want(directory.tls_profile, provider.address, "the portal's DSML provider dials it")
    if border is None:
        return found
    domain = _sip_domain(deployment)
    outside = {flow.signaling_interface for flow in border.subscriber_flows}
    for interface in border.signaling_interfaces:
        if interface.name in outside and interface.uses_tls:
            want(interface.tls_profile, domain, f"phones dial it at {interface.name}")
    for server in border.server_profiles:
        for address in server.addresses:
            if office is not None and address.address in (office.ip, office.registrar.domain):
                profile = office.registrar.tls_profile if address.transport is _TLS else None
                want(profile, address.address, f"the border dials it as {server.name}")
    return found


_TLS = Transport.TLS


def _sip_domain(deployment: Deployment) -> str:
    if deployment.portal is not None:
        return deployment.portal.sip_info.domain
    return deployment.office.registrar.domain if deployment.office is not None else ""


def _server(
    profile: TlsServerProfile, base: Path, now: datetime, place: str, wanted: list[Wanted]
) -> Iterator[Problem]:
    certificate = _read(base / profile.certificate)
    key = _read(base / profile.key)
    if profile.acme is not None:
        yield from _ordered(profile.acme, wanted, f"{place}.acme.names")
        found = kept(profile, base)
        if found is None or found.stand_in:
            return  # it is ordered at the start
    for field, path, data in (
        ("certificate", profile.certificate, certificate),
        ("key", profile.key, key),
    ):
        if data is None:
            yield _absent(f"{place}.{field}", path, profile)
    if certificate is None:
        return
    try:
        chain = x509.load_pem_x509_certificates(certificate)
    except ValueError:
        yield _unusable(f"{place}.certificate", profile.certificate, "certificate", profile)
        return
    if profile.certificate_chain is not None:
        extra = _read(base / profile.certificate_chain)
        place_of = f"{place}.certificate_chain"
        if extra is None:
            yield _absent(place_of, profile.certificate_chain, profile)
        else:
            try:
                chain += x509.load_pem_x509_certificates(extra)
            except ValueError:
                yield _unusable(place_of, profile.certificate_chain, "certificate", profile)
    leaf = chain[0]
    yield from _chain(chain, f"{place}.certificate", profile)
    for one in chain:
        yield from _dates(one, now, f"{place}.certificate", profile)
    if key is not None:
        yield from _key(leaf, key, f"{place}.key", profile)
    yield from _names(leaf, wanted, f"{place}.certificate", profile)


def _ordered(form: AcmeOrder, wanted: list[Wanted], place: str) -> Iterator[Problem]:
    """The names that are ordered must be those that clients dial."""
    for want in wanted:
        if want.name.lower().rstrip(".") in form.names:
            continue
        text, remedy = f"{want.name} is not ordered: {want.why}", "add it"
        if literal(want.name):
            remedy = "ACME orders names only: have a name dialled, or put a certificate there"
        yield Problem(place, text, remedy, form.form, severity="warning")


def _own(
    profile: TlsClientProfile, path: Path, key: Path, base: Path, now: datetime, place: str
) -> Iterator[Problem]:
    """The certificate that we show to servers."""
    data, secret = _read(base / path), _read(base / key)
    for field, name, found in (("certificate", path, data), ("key", key, secret)):
        if found is None:
            yield _absent(f"{place}.{field}", name, profile)
    if data is None:
        return
    try:
        chain = x509.load_pem_x509_certificates(data)
    except ValueError:
        yield _unusable(f"{place}.certificate", path, "certificate", profile)
        return
    for one in chain:
        yield from _dates(one, now, f"{place}.certificate", profile)
    if secret is not None:
        yield from _key(chain[0], secret, f"{place}.key", profile)


def _authorities(
    profile: TlsClientProfile | TlsServerProfile,
    path: Path,
    base: Path,
    now: datetime,
    place: str,
) -> Iterator[Problem]:
    data = _read(base / path)
    if data is None:
        yield _absent(place, path, profile)
        return
    try:
        authorities = x509.load_pem_x509_certificates(data)
    except ValueError:
        yield _unusable(place, path, "certificate", profile)
        return
    # Of many authorities some may have run out: only when none is left nobody can be verified.
    problems = [list(_dates(one, now, place, profile)) for one in authorities]
    if all(problems):
        yield from problems[0]


def _key(leaf: x509.Certificate, data: bytes, place: str, profile: Form) -> Iterator[Problem]:
    try:
        key = serialization.load_pem_private_key(data, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        remedy = "give a PEM key without a passphrase"
        yield Problem(place, "is no private key that can be read", remedy, profile.form)
        return
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    mine, its = key.public_key(), leaf.public_key()
    encoding = serialization.Encoding.DER
    if mine.public_bytes(encoding, form) != its.public_bytes(encoding, form):
        remedy = "name the key that the certificate was made for"
        yield Problem(place, "is not the key of the certificate", remedy, profile.form)


def _dates(one: x509.Certificate, now: datetime, place: str, profile: Form) -> Iterator[Problem]:
    until, since = one.not_valid_after_utc, one.not_valid_before_utc
    severity: Literal["error", "warning"] = "error"
    if until <= now:
        text = f"ran out on {until:%Y-%m-%d}"
    elif since > now:
        text = f"is valid from {since:%Y-%m-%d} only"
    elif until - now < WARN_BEFORE:
        text, severity = f"runs out on {until:%Y-%m-%d}, in {(until - now).days} days", "warning"
    else:
        return
    yield Problem(place, text, "renew it", profile.form, severity=severity)


def _names(
    leaf: x509.Certificate, wanted: list[Wanted], place: str, profile: Form
) -> Iterator[Problem]:
    names = borne(leaf)
    for want in wanted:
        if names.dialled(want.name):
            continue
        kind = "address" if literal(want.name) else "name"
        yield Problem(
            place,
            f"does not bear the {kind} {want.name}: {want.why}",
            f"it bears: {names}; have it issued anew",
            profile.form,
            severity="warning",
        )


def _chain(chain: list[x509.Certificate], place: str, profile: Form) -> Iterator[Problem]:
    """Each certificate of the file is that of the issuer of the one before it."""
    for number, (one, issuer) in enumerate(pairwise(chain), 1):
        try:
            one.verify_directly_issued_by(issuer)
        except (ValueError, TypeError, InvalidSignature):
            text = f"certificate {number + 1} of the file did not issue certificate {number}"
            yield Problem(place, text, "put the issuers behind it, in order", profile.form)
            return


def _read(path: Path) -> bytes | None:
    """The file's beginning, None when it is not there; b"" when it may not be read."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_FILE)
    except FileNotFoundError:
        return None
    except OSError:
        return b""


def _absent(place: str, path: Path, profile: Form) -> Problem:
    remedy = "put it there before `farline run`"
    return Problem(place, f"{path} is not there", remedy, profile.form, severity="warning")


def _unusable(place: str, path: Path, what: str, profile: Form) -> Problem:
    return Problem(place, f"{path} holds no {what} that can be read", "give PEM", profile.form)
