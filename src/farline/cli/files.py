"""Reading deployments and secrets from files, with errors that people can act on."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import NoReturn

import typer

from farline.config import ConfigError, Deployment, Problem, load_deployment, load_secrets

SECRETS_ENV = "FARLINE_SECRETS"


def secrets_path(config: Path, secrets: Path | None) -> Path:
    """As given, else $FARLINE_SECRETS, else secrets.yaml beside the deployment."""
    if secrets is not None:
        return secrets
    named = os.environ.get(SECRETS_ENV)
    return Path(named) if named else config.with_name("secrets.yaml")


def read_deployment(config: Path, secrets: Path | None) -> Deployment:
    """Load and check a deployment. Raises ConfigError, also for files that cannot be read."""
    try:
        text = config.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([Problem(str(config), f"cannot be read: {error}")]) from error
    path = secrets_path(config, secrets)
    values: dict[str, str] = {}
    if path.exists():
        if path.stat().st_mode & 0o077:
            remedy = f"chmod 600 {path}"
            raise ConfigError([Problem(str(path), "others may read the secrets", remedy)])
        values = load_secrets(path.read_text(encoding="utf-8"))
    return load_deployment(text, values)


def fail_config(error: ConfigError, config: Path, as_json: bool) -> NoReturn:
    """Print every problem and end with status 2."""
    if as_json:
        rows = [
            {"place": p.place, "line": p.line, "text": p.text, "remedy": p.remedy, "form": p.form}
            for p in error.problems
        ]
        typer.echo(json.dumps({"ok": False, "file": str(config), "problems": rows}, indent=2))
    else:
        for problem in error.problems:
            typer.echo(f"{config}: {problem}", err=True)
        typer.echo(f"{len(error.problems)} problem(s); nothing was started or changed.", err=True)
    raise typer.Exit(2)
