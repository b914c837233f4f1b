"""Checks of a deployment that need its files: those of TLS profiles, and `preflight_files`.

Files of TLS profiles that are not there are warned about; what is there must be usable: the key is
the certificate's, it has not run out, and it bears the names that clients dial.
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
from farline.runtime.named_files import reason
from farline.runtime.preflight_files import border_files
from farline.runtime.tls.names import borne
from farline.sip import Transport

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from datetime import datetime
    from pathlib import Path

    from farline.config import Deployment, Form, TlsClientProfile, TlsServerProfile
    from farline.config.tls import AcmeOrder

WARN_BEFORE = timedelta(days=30)
MAX_FILE = 1024 * 1024
"""Bytes read of a certificate file: a chain is a few thousand."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A name or address that a certificate must bear, and who dials it."""

    name: str
    why: str


def preflight(
    deployment: Deployment, base: Path, now: datetime, run_dir: Path | None = None
) -> Iterator[Problem]:
    """Everything wrong with the files that forms name; their paths are relative to `base`.

    `run_dir`: the run directory, where it is known.
    """
    wanted = wanted_names(deployment)
    for index, server in enumerate(deployment.tls_server_profiles):
        place = f"tls_server_profiles[{index}]"
        yield from _server(server, base, now, place, wanted.get(server.name, []))
        if server.peer_verification != "none":
            yield from _peers(server, base, now, place)
        acme = server.acme
        if acme is not None and acme.directory_authorities is not None:
            there = f"{place}.acme.directory_authorities"
            yield from _authorities(acme, acme.directory_authorities, base, now, there)
    for index, client in enumerate(deployment.tls_client_profiles):
        place = f"tls_client_profiles[{index}]"
        if client.peer_verification:
            yield from _peers(client, base, now, place)
        if client.certificate is not None and client.key is not None:
            yield from _own(client, client.certificate, client.key, base, now, place)
    if deployment.border is not None:
        yield from border_files(deployment.border, base, run_dir)


def _peers(
    profile: TlsServerProfile | TlsClientProfile, base: Path, now: datetime, place: str
) -> Iterator[Problem]:
    """What peers' certificates are judged by."""
    path = profile.peer_certificate_authorities
    if path is not None:
        yield from _authorities(profile, path, base, now, f"{place}.peer_certificate_authorities")
    lists = profile.peer_certificate_revocation_lists
    if lists is None:
        return
    place += ".peer_certificate_revocation_lists"
    data = yield from _read(profile, lists, base, place)
    if data is None:
        return
    try:
        x509.load_pem_x509_crl(data)
    except ValueError:
        yield _unusable(place, lists, "revocation list", profile)


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
    if profile.acme is not None:
        yield from _ordered(profile.acme, wanted, f"{place}.acme.names")
        found = kept(profile, base)
        if found is None or found.stand_in:
            return  # it is ordered at the start
    chain = yield from _certificates(profile, profile.certificate, base, f"{place}.certificate")
    key = yield from _read(profile, profile.key, base, f"{place}.key")
    if chain is None:
        return
    if profile.certificate_chain is not None:
        extra = yield from _certificates(
            profile, profile.certificate_chain, base, f"{place}.certificate_chain"
        )
        chain += extra or []
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
    chain = yield from _certificates(profile, path, base, f"{place}.certificate")
    secret = yield from _read(profile, key, base, f"{place}.key")
    if chain is None:
        return
    for one in chain:
        yield from _dates(one, now, f"{place}.certificate", profile)
    if secret is not None:
        yield from _key(chain[0], secret, f"{place}.key", profile)


def _authorities(
    profile: Form, path: Path, base: Path, now: datetime, place: str
) -> Iterator[Problem]:
    authorities = yield from _certificates(profile, path, base, place)
    if authorities is None:
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


def _certificates(
    form: Form, path: Path, base: Path, place: str
) -> Generator[Problem, None, list[x509.Certificate] | None]:
    """Those of a PEM file; None: it was said why there are none."""
    data = yield from _read(form, path, base, place)
    if data is None:
        return None
    try:
        return x509.load_pem_x509_certificates(data)
    except ValueError:
        yield _unusable(place, path, "certificate", form)
        return None


def _read(form: Form, path: Path, base: Path, place: str) -> Generator[Problem, None, bytes | None]:
    """The file's beginning; None: it was said why there is none."""
    try:
        with (base / path).open("rb") as file:
            return file.read(MAX_FILE)
    except FileNotFoundError:
        remedy = "put it there before `farline run`"
        yield Problem(place, f"{path} is not there", remedy, form.form, severity="warning")
    except OSError as error:
        remedy = "name a file that the user of `farline run` may read"
        yield Problem(place, f"{path} cannot be read: {reason(error)}", remedy, form.form)
    return None


def _unusable(place: str, path: Path, what: str, form: Form) -> Problem:
    return Problem(place, f"{path} holds no {what} that can be read", "give PEM", form.form)
