"""Fills a run directory: random secrets, certificates, and the deployment as the roles read it.

DIR/deployment.yaml   DIR/secrets.yaml (mode 600)   DIR/tls/{ca,NAME}.{pem,key}
"""

from __future__ import annotations

import os
import secrets
import shutil
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from farline.config import Deployment, Secret, load_deployment, load_secrets
from farline.config.base import Form
from farline.lab.errors import LabError
from farline.lab.loopback import to_loopback
from farline.runtime.named_files import reason
from farline.runtime.tls.lab_authority import make_certificates

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_LABS = 16
"""On loopback at once."""
CLAIM = "farline-lab-loopback"
LAB_LOG = "lab.log"
"""In the run directory: what a lab in the background says."""
OF_A_RUN = ("audio", "calls", "control", "log", "monitor.txt", "state", "trace")
"""What the run before left: a verdict must not be drawn from it."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A run directory that roles can be started in."""

    run_dir: Path
    deployment: Deployment
    config: Path
    secrets: Path
    ca: Path
    loopback: bool
    secret_names: Mapping[str, str]
    """For each user of the office the name of the password in the secrets file."""
    claim: socket.socket | None = field(default=None, repr=False, compare=False)
    """On loopback: says that these addresses are taken, as long as this process lives."""


def prepare(config: Path, run_dir: Path, *, loopback: bool) -> Prepared:
    """Write the files for a run of the deployment in `config`.

    Secrets that an earlier run in the same directory drew are kept, so that phones which know them
    go on working. Raises LabError, and ConfigError for a deployment that cannot be used.
    """
    text = _text(config)
    _clear(run_dir)
    secrets_file = run_dir / "secrets.yaml"
    values = _draw_secrets(text, secrets_file)
    deployment = load_deployment(text, values)
    claim = None
    if loopback:
        variant, claim = _claim_variant()
        try:
            deployment = to_loopback(deployment, variant)
        except ValueError as error:
            claim.close()
            raise LabError(f"{config}: {error}") from error
    deployment = with_certificates(deployment, run_dir / "tls")
    target = run_dir / "deployment.yaml"
    target.write_text(dump_deployment(deployment, values), encoding="utf-8")
    load_deployment(target.read_text(encoding="utf-8"), values)  # what was written must be valid
    names = {value: name for name, value in values.items()}
    users = deployment.office.users if deployment.office is not None else ()
    passwords = {user.name: names[user.password.reveal()] for user in users}
    authority = run_dir / "tls/ca.pem"
    return Prepared(
        run_dir, deployment, target, secrets_file, authority, loopback, passwords, claim
    )


def _claim_variant() -> tuple[int, socket.socket]:
    """A set of loopback addresses that no other lab of this machine uses.

    The claim is an abstract Unix socket: the kernel gives a name to one process only, and frees it
    when that ends.
    """
    for variant in range(MAX_LABS):
        claim = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            claim.bind(f"\0{CLAIM}-{variant}")
        except OSError:
            claim.close()
        else:
            return variant, claim
    raise LabError(f"{MAX_LABS} labs run on loopback already; end one of them")


def with_certificates(deployment: Deployment, directory: Path) -> Deployment:
    """Make a certificate for each TLS server profile in `directory`, and name the files there.

    A file keeps its name (`tls/border.pem` becomes `border.pem` of the directory); the directory is
    taken to stand beside the deployment file.
    """
    make_certificates(directory, certificate_hosts(deployment))
    beside = Path(directory.name)
    servers = tuple(
        profile.model_copy(
            update={
                "certificate": beside / f"{profile.certificate.stem}.pem",
                "key": beside / f"{profile.certificate.stem}.key",
            }
        )
        for profile in deployment.tls_server_profiles
    )
    clients = tuple(
        profile.model_copy(update={"peer_certificate_authorities": beside / "ca.pem"})
        for profile in deployment.tls_client_profiles
    )
    update = {"tls_server_profiles": servers, "tls_client_profiles": clients}
    return deployment.model_copy(update=update)


def _text(config: Path) -> str:
    try:
        return config.read_text(encoding="utf-8")
    except OSError as error:
        remedy = "give a deployment file (--config)"
        raise LabError(f"{config} cannot be read: {reason(error)}; {remedy}") from error
    except UnicodeDecodeError:
        raise LabError(f"{config} is no text in UTF-8; give a deployment file") from None


def read_for_certificates(config: Path) -> Deployment:
    """A deployment whose secrets do not matter. Raises LabError, ConfigError."""
    text = _text(config)
    return load_deployment(text, _with_drawn(text, {}))


def certificate_hosts(deployment: Deployment) -> dict[str, list[str]]:
    """For each certificate file (without its suffix) the names and addresses that it bears."""
    by_profile = _subjects(deployment)
    hosts: dict[str, list[str]] = {}
    for profile in deployment.tls_server_profiles:
        subjects = hosts.setdefault(profile.certificate.stem, [])
        subjects += [name for name in by_profile[profile.name] if name not in subjects]
    return hosts


def _subjects(deployment: Deployment) -> dict[str, dict[str, None]]:
    """Names and addresses that the certificate of each profile bears, by profile name."""
    names: dict[str, None] = {}
    used: list[tuple[str | None, str]] = []
    if deployment.portal is not None:
        portal = deployment.portal
        names |= dict.fromkeys((portal.server_name, portal.im_presence.domain))
        used += [(portal.tls_profile, portal.ip), (portal.im_presence.tls_profile, portal.ip)]
    if deployment.office is not None:
        office = deployment.office
        names |= dict.fromkeys((office.registrar.domain,))
        used.append((office.registrar.tls_profile, office.ip))
        if office.directory is not None:
            used.append((office.directory.tls_profile, office.ip))
    if deployment.border is not None:
        border = deployment.border
        used += [(entry.tls_profile, entry.ip) for entry in border.signaling_interfaces]
        devices = (relay.device for relay in border.application_relays)
        used += [(device.tls_profile, device.listen_ip) for device in devices]
    subjects = {profile.name: dict(names) for profile in deployment.tls_server_profiles}
    for profile, ip in used:
        if profile in subjects:
            subjects[profile][ip] = None
    return {name: found or {"localhost": None} for name, found in subjects.items()}


def dump_deployment(deployment: Deployment, values: Mapping[str, str]) -> str:
    """The deployment as YAML that `load_deployment` reads; secrets by their names in `values`."""
    by_value = {value: name for name, value in values.items()}
    text = StringIO()
    yaml = YAML(typ="rt", pure=True)  # "safe" would sort the fields
    yaml.default_flow_style = False
    yaml.dump(_plain("", deployment, by_value), text)
    return text.getvalue()


def _plain(name: str, value: object, by_value: Mapping[str, str]) -> object:
    match value:
        case Secret():
            return {"secret": by_value[value.reveal()]}
        case Form():
            return {key: _plain(key, entry, by_value) for key, entry in value}
        case tuple() if name.endswith("port_range"):
            return f"{value[0]}-{value[1]}"
        case tuple():
            return [_plain(name, entry, by_value) for entry in value]
    return value if value is None or isinstance(value, int) else str(value)


def _draw_secrets(text: str, path: Path) -> dict[str, str]:
    known = load_secrets(path.read_text(encoding="utf-8")) if path.exists() else {}
    values = _with_drawn(text, known)
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        yaml = YAML(typ="safe", pure=True)
        yaml.default_flow_style = False  # a line a secret: people read it, too
        yaml.dump(values, file)
    return values


def _with_drawn(text: str, known: Mapping[str, str]) -> dict[str, str]:
    """The known secrets, and random ones for all others that a deployment names."""
    try:
        tree = YAML(typ="safe", pure=True).load(text)
    except YAMLError:
        return dict(known)  # load_deployment says what is wrong with it
    return {name: secrets.token_urlsafe(15) for name in _secret_names(tree)} | dict(known)


def _secret_names(tree: object) -> Iterator[str]:
    if isinstance(tree, Mapping):
        if set(tree) == {"secret"}:
            yield str(tree["secret"])
        for value in tree.values():
            yield from _secret_names(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from _secret_names(value)


def _clear(run_dir: Path) -> None:
    """An empty run directory, or one of ours without what its last run left."""
    if run_dir.exists() and not run_dir.is_dir():
        raise LabError(f"{run_dir} is no directory")
    present = {path.name for path in run_dir.iterdir()} if run_dir.exists() else set()
    if present - {LAB_LOG} and "secrets.yaml" not in present:
        raise LabError(f"{run_dir} is not empty and no run directory; choose another --run-dir")
    run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in OF_A_RUN:
        path = run_dir / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    for name in ("audio", "calls", "log", "trace"):
        (run_dir / name).mkdir(mode=0o700)
