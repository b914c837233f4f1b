"""`farline tls`: the certificates of what runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from farline.cli.failing import REFUSED, ask, fail
from farline.trace.summary import printable

app = typer.Typer(help="Certificates of what runs.", no_args_is_help=True)
RunDir = Annotated[Path, typer.Option(help="Run directory of the deployment.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print it as JSON.")]
ROLES = ("border", "office", "portal")


@app.command()
def reload(run_dir: RunDir = Path("run"), as_json: AsJson = False) -> None:
    """Read certificates, keys and authorities again; connections that are there stay.

    Every role also looks for changed files by itself, every ten seconds. Ends with 1 when a
    profile cannot be used: its role then goes on with what it has.

    Example: farline tls reload --run-dir run
    """
    told = _ask(run_dir, "tls-reload")
    if as_json:
        typer.echo(json.dumps(told, indent=2))
    else:
        for role, profiles in told.items():
            for name, what in profiles.items():
                typer.echo(printable(f"{role}: {name}: {what}"))
    if any(what.startswith("not used") for one in told.values() for what in one.values()):
        raise typer.Exit(1)


@app.command()
def renew(
    profile: Annotated[str, typer.Argument(help="TLS server profile; without: all.")] = "",
    run_dir: RunDir = Path("run"),
    as_json: AsJson = False,
) -> None:
    """Order certificates by ACME now, whatever the calendar says, and wait for them.

    For a key that may be known to others, or an authority that refused and is mended. Ends with 1
    when one was not issued: what is there stays in use.

    Example: farline tls renew --run-dir run
    """
    told = _ask(run_dir, "tls-renew", profile=profile)
    found = [what for one in told.values() for what in one.values()]
    if not found:
        named = f"the profile {profile!r}" if profile else "a profile"
        fail(f"no role that runs orders {named} by ACME (TLS profile: acme)", REFUSED)
    if as_json:
        typer.echo(json.dumps(told, indent=2))
    else:
        for role, profiles in told.items():
            for name, what in profiles.items():
                typer.echo(printable(f"{role}: {name}: {what}"))
    if any(what != "issued" for what in found):
        raise typer.Exit(1)


@app.command()
def show(run_dir: RunDir = Path("run"), as_json: AsJson = False) -> None:
    """Show whose certificates are in use, how long they are good, and what ACME does next.

    Example: farline tls show --run-dir run
    """
    shown = _ask(run_dir, "show")
    kinds = ("certificates", "acme")
    found = {
        kind: [{"role": role, **one} for role in shown for one in shown[role][kind]]
        for kind in kinds
    }
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    for one in found["certificates"]:
        typer.echo(printable(
            f"{one['role']}: {one['profile']}: {one['names']}: until {one['until']},"
            f" {one['days left']} days"
        ))  # fmt: skip
    for one in found["acme"]:
        last = f"; failed {one['failures']} times: {one['failed']}" if one["failed"] else ""
        typer.echo(printable(
            f"{one['role']}: {one['profile']}: ACME {one['directory']}: {one['certificate']},"
            f" {one['state']}, next order {one['next']}{last}"
        ))  # fmt: skip


def _ask(run_dir: Path, command: str, profile: str | None = None) -> dict[str, Any]:
    """The answer of each role that is there; `profile`: what `tls-renew` is told."""
    there = [role for role in ROLES if (run_dir / "control" / f"{role}.sock").exists()]
    if profile is None:
        return {role: ask(run_dir, role, command) for role in there or ["border"]}
    return {role: ask(run_dir, role, command, profile=profile) for role in there or ["border"]}
