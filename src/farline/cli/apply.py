"""`farline apply`, `rollback`, `confirm` and `versions`: safe change of what runs."""

from __future__ import annotations

import getpass
import json
import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from farline.cli.failing import ask
from farline.cli.files import check_text, fail_config, read_text, say_warnings
from farline.config import ConfigError
from farline.trace.summary import printable

RunDir = Annotated[Path, typer.Option(help="Run directory of the deployment.")]
Author = Annotated[
    str | None, typer.Option(help="Who changes it; default: $SUDO_USER, or the user.")
]
Reason = Annotated[str, typer.Option(help="Why; kept with the version.")]
Restart = Annotated[
    bool, typer.Option("--restart", help="Start roles again where a change needs it.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]

SUPERVISOR = "farline"
_UNITS = {"s": 1, "m": 60, "h": 3600}


def apply(
    config: Annotated[Path, typer.Argument(help="The deployment file as it shall be.")],
    run_dir: RunDir = Path("run"),
    reason: Reason = "",
    author: Author = None,
    confirm_within: Annotated[
        str | None,
        typer.Option(help="Goes back by itself unless `farline confirm` comes in time: 90s, 5m."),
    ] = None,
    on: Annotated[
        int | None,
        typer.Option(help="Only if this version still runs: nobody's change between is undone."),
    ] = None,
    restart: Restart = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show the differences.")] = False,
    secrets: Annotated[
        Path | None, typer.Option(help="Secrets file; default: secrets.yaml beside the deployment.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Bring a deployment file to run: checked whole, shown as differences, taken over live.

    Flows, profiles, policy groups, topology hiding, ports, relays and scripts change without
    touching calls: what begins goes by them. What needs a role to start again is refused without
    --restart. The file that `farline run` was started with is rewritten, and every version is kept.

    Example: farline apply deployment.yaml --reason "second office" --confirm-within 5m
    """
    seconds = None if confirm_within is None else _seconds(confirm_within)
    try:
        text = read_text(config)
        _, warnings = check_text(text, config, secrets, run_dir)
    except ConfigError as error:
        fail_config(error, config, as_json)
    if not as_json:
        say_warnings(warnings, config)
    result = ask(
        run_dir,
        SUPERVISOR,
        "apply",
        text=text,
        author=_author(author),
        reason=reason,
        confirm_within=seconds,
        restart=restart,
        dry_run=dry_run,
        on=on,
    )
    _tell(result, as_json)


def rollback(
    number: Annotated[
        int | None, typer.Argument(help="Version to go back to; default: the one before.")
    ] = None,
    run_dir: RunDir = Path("run"),
    reason: Reason = "",
    author: Author = None,
    restart: Restart = False,
    as_json: AsJson = False,
) -> None:
    """Bring an older version to run again. It becomes the newest version; nothing is lost.

    Example: farline rollback 3 --reason "calls to the branch failed"
    """
    result = ask(
        run_dir,
        SUPERVISOR,
        "rollback",
        number=number,
        author=_author(author),
        reason=reason,
        restart=restart,
    )
    _tell(result, as_json)


def confirm(run_dir: RunDir = Path("run"), as_json: AsJson = False) -> None:
    """Let the running version stay that was applied with --confirm-within.

    Example: farline confirm --run-dir run
    """
    result = ask(run_dir, SUPERVISOR, "confirm")
    typer.echo(json.dumps(result) if as_json else f"version {result['version']} stays")


def versions(
    show: Annotated[int | None, typer.Option(help="Print this version's file.")] = None,
    limit: Annotated[int, typer.Option(help="How many to list.")] = 20,
    run_dir: RunDir = Path("run"),
    as_json: AsJson = False,
) -> None:
    """List the versions of the running deployment, newest first, with author and reason.

    Example: farline versions --show 3
    """
    if show is not None:
        text = ask(run_dir, SUPERVISOR, "text", number=show)
        typer.echo(json.dumps({"version": show, "text": text}) if as_json else text, nl=as_json)
        return
    found = ask(run_dir, SUPERVISOR, "versions", limit=limit)
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    pending = found["pending"]
    for one in found["versions"]:
        waits = pending is not None and pending["number"] == one["number"]
        state = f"until {_clock(pending['until'])}" if waits else one["state"]
        words = printable(f"{one['author']}: {one['reason'] or '-'}")
        typer.echo(f"{one['number']:>4}  {_clock(one['at'])}  {state:<9}  {words}")


def _tell(result: dict[str, Any], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(result, indent=2))
        return
    for change in result["changes"]:
        by = ", ".join(change["by"])
        typer.echo(f"{printable(change['text'])}  [{by}]")
    if not result["changes"]:
        typer.echo("nothing differs but comments and order of keys")
    if result["version"] is None:
        roles = ", ".join(result["restart"])
        typer.echo(f"not applied (--dry-run); to start again: {roles or 'nothing'}")
        return
    typer.echo(f"version {result['version']} runs (before: {result['was']})")
    if result.get("confirm_until") is not None:
        typer.echo(f"goes back at {_clock(result['confirm_until'])} unless: farline confirm")


def _author(given: str | None) -> str:
    if given is not None:
        return given
    try:
        return os.environ.get("SUDO_USER") or getpass.getuser()
    except OSError:  # a user id without a name
        return str(os.getuid())


def _seconds(text: str) -> float:
    found = re.fullmatch(r"(\d{1,6})([smh])", text)
    if found is None:
        raise typer.BadParameter(f"{text!r} is no time; write 90s, 5m or 1h")
    return float(int(found[1]) * _UNITS[found[2]])


def _clock(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")
