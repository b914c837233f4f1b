"""`farline tls`: the certificates of a running border."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Annotated, Any

import typer

from farline.runtime.control import ControlError, call
from farline.trace.summary import printable

app = typer.Typer(help="Certificates of a running border.", no_args_is_help=True)
RunDir = Annotated[Path, typer.Option(help="Run directory of the deployment.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print it as JSON.")]


@app.command()
def reload(run_dir: RunDir = Path("run"), as_json: AsJson = False) -> None:
    """Read certificates, keys and authorities again; connections that are there stay.

    The border also looks for changed files by itself, every ten seconds. Ends with 1 when a
    profile cannot be used: it then goes on with what it has.

    Example: farline tls reload --run-dir run
    """
    told = _ask(run_dir, "tls-reload")
    if as_json:
        typer.echo(json.dumps(told, indent=2))
    else:
        for name, what in told.items():
            typer.echo(printable(f"{name}: {what}"))
    if any(what.startswith("not used") for what in told.values()):
        raise typer.Exit(1)


@app.command()
def show(run_dir: RunDir = Path("run"), as_json: AsJson = False) -> None:
    """Show whose certificates are in use and how long they are good.

    Example: farline tls show --run-dir run
    """
    found = _ask(run_dir, "show")["certificates"]
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    for one in found:
        line = f"{one['profile']}: {one['names']}: until {one['until']}, {one['days left']} days"
        typer.echo(printable(line))


def _ask(run_dir: Path, command: str) -> Any:  # noqa: ANN401 - JSON
    try:
        return asyncio.run(call(run_dir / "control" / "border.sock", command))
    except ControlError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
