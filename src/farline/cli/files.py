"""Reading deployments and secrets from files, with errors that people can act on."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

import typer

from farline.config import (
    ConfigError,
    Deployment,
    Problem,
    load_secrets,
    load_with_warnings,
    with_lines,
)
from farline.config.load import MAX_TEXT
from farline.runtime.named_files import reason

MOST_BYTES = 4 * MAX_TEXT + 1
"""Of a file: beyond what is taken, and bounded (/dev/zero is a file too)."""
SECRETS_ENV = "FARLINE_SECRETS"


def secrets_path(config: Path, secrets: Path | None) -> Path:
    """As given, else $FARLINE_SECRETS, else secrets.yaml beside the deployment."""
    if secrets is not None:
        return secrets
    named = os.environ.get(SECRETS_ENV)
    return Path(named) if named else config.with_name("secrets.yaml")


def read_checked(
    config: Path, secrets: Path | None, run_dir: Path | None = None
) -> tuple[Deployment, tuple[Problem, ...]]:
    """Load and check a deployment and the files that it names; gives its warnings too.

    `run_dir`: the run directory, where it is known. Raises ConfigError, also for files that cannot
    be read.
    """
    return check_text(read_text(config), config, secrets, run_dir)


def check_text(
    text: str, config: Path, secrets: Path | None, run_dir: Path | None = None
) -> tuple[Deployment, tuple[Problem, ...]]:
    """`read_checked` for the text of what will stand in `config`."""
    # Here, because a role's process starts by `read_deployment` and needs no certificate parser.
    from farline.runtime.host_network import host_problems
    from farline.runtime.preflight import preflight

    deployment, warnings = load_with_warnings(text, read_secrets(config, secrets))
    there = list(preflight(deployment, config.resolve().parent, datetime.now(UTC), run_dir))
    if deployment.border is not None:
        there += host_problems(deployment.border)
    found = (*warnings, *with_lines(text, there))
    if any(problem.severity == "error" for problem in found):
        raise ConfigError(found)
    return deployment, found


def read_deployment(config: Path, secrets: Path | None) -> Deployment:
    """Load and check a deployment. Raises ConfigError, also for files that cannot be read."""
    return load_with_warnings(read_text(config), read_secrets(config, secrets))[0]


def read_text(config: Path) -> str:
    """The text of a deployment file. Raises ConfigError."""
    return _read(config, "file", "give a deployment file: examples/guide.yaml is one")


def read_secrets(config: Path, secrets: Path | None) -> dict[str, str]:
    """What the secrets file holds; empty where there is none and none was named. ConfigError."""
    path = secrets_path(config, secrets)
    named = secrets is not None or SECRETS_ENV in os.environ
    if not named and not path.exists():
        return {}
    text = _read(path, f"secrets file {path}", "make it with: farline secret set NAME --file FILE")
    if path.stat().st_mode & 0o077:
        remedy = f"chmod 600 {path}"
        raise ConfigError([Problem(str(path), "others may read the secrets", remedy)])
    try:
        return load_secrets(text)
    except ConfigError as error:
        # Its place is "file", which the reader would take for the deployment.
        raise ConfigError([_moved(one, path) for one in error.problems]) from None


def _moved(problem: Problem, path: Path) -> Problem:
    line = f", line {problem.line}" if problem.line is not None else ""
    return replace(problem, place=f"secrets file {path}{line}", line=None)


def _read(path: Path, place: str, remedy: str) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES)
        return data.decode()
    except OSError as error:
        raise ConfigError([Problem(place, f"cannot be read: {reason(error)}", remedy)]) from None
    except UnicodeDecodeError:
        text, remedy = "no text in UTF-8", "give a file of YAML"
        raise ConfigError([Problem(place, text, remedy)]) from None


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
