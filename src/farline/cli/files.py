"""Reading deployments and secrets from files, with errors that people can act on."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

import typer

from farline.config import ConfigError, Deployment, Problem, load_secrets, load_with_warnings

SECRETS_ENV = "FARLINE_SECRETS"


def secrets_path(config: Path, secrets: Path | None) -> Path:
    """As given, else $FARLINE_SECRETS, else secrets.yaml beside the deployment."""
    if secrets is not None:
        return secrets
    named = os.environ.get(SECRETS_ENV)
    return Path(named) if named else config.with_name("secrets.yaml")


def read_checked(config: Path, secrets: Path | None) -> tuple[Deployment, tuple[Problem, ...]]:
    """Load and check a deployment and the files that it names; gives its warnings too.

    Raises ConfigError, also for files that cannot be read.
    """
    return check_text(_text(config), config, secrets)


def check_text(
    text: str, config: Path, secrets: Path | None
) -> tuple[Deployment, tuple[Problem, ...]]:
    """`read_checked` for the text of what will stand in `config`."""
    # Here, because a role's process starts by `read_deployment` and needs no certificate parser.
    from farline.runtime.host_network import host_problems
    from farline.runtime.preflight import preflight

    deployment, warnings = load_with_warnings(text, _secrets(config, secrets))
    found = (*warnings, *preflight(deployment, config.resolve().parent, datetime.now(UTC)))
    if deployment.border is not None:
        found += tuple(host_problems(deployment.border))
    if any(problem.severity == "error" for problem in found):
        raise ConfigError(found)
    return deployment, found


def read_deployment(config: Path, secrets: Path | None) -> Deployment:
    """Load and check a deployment. Raises ConfigError, also for files that cannot be read."""
    return load_with_warnings(_text(config), _secrets(config, secrets))[0]


def _text(config: Path) -> str:
    try:
        return config.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([Problem(str(config), f"cannot be read: {error}")]) from error


def _secrets(config: Path, secrets: Path | None) -> dict[str, str]:
    path = secrets_path(config, secrets)
    if not path.exists():
        return {}
    if path.stat().st_mode & 0o077:
        remedy = f"chmod 600 {path}"
        raise ConfigError([Problem(str(path), "others may read the secrets", remedy)])
    return load_secrets(path.read_text(encoding="utf-8"))


def fail_config(error: ConfigError, config: Path, as_json: bool) -> NoReturn:
    """Print every problem and end with status 2."""
    if as_json:
        result = {"ok": False, "file": str(config), **problem_rows(error.problems)}
        typer.echo(json.dumps(result, indent=2))
    else:
        say_warnings([p for p in error.problems if p.severity == "warning"], config)
        errors = [p for p in error.problems if p.severity == "error"]
        for problem in errors:
            typer.echo(f"{config}: {problem}", err=True)
        typer.echo(f"{len(errors)} problem(s); nothing was started or changed.", err=True)
    raise typer.Exit(2)


def say_warnings(warnings: Iterable[Problem], config: Path) -> None:
    """What is odd but not refused, on standard error."""
    for warning in warnings:
        typer.echo(f"{config}: warning: {warning}", err=True)


def problem_rows(problems: Iterable[Problem]) -> dict[str, list[dict[str, object]]]:
    """Errors ("problems") and "warnings" as JSON has them."""
    rows: dict[str, list[dict[str, object]]] = {"problems": [], "warnings": []}
    for p in problems:
        row: dict[str, object] = {"place": p.place, "line": p.line, "text": p.text}
        row |= {"remedy": p.remedy, "form": p.form}
        rows["problems" if p.severity == "error" else "warnings"].append(row)
    return rows
