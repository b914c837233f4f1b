"""`farline check`: is this deployment file right?"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Annotated

import typer

from farline.cli.files import fail_config, problem_rows, read_checked, say_warnings
from farline.config import ConfigError
from farline.runtime.probe import probe as next_hops


def check(
    config: Annotated[Path, typer.Argument(help="The deployment file.")],
    secrets: Annotated[
        Path | None, typer.Option(help="Secrets file; default: secrets.yaml beside the deployment.")
    ] = None,
    probe: Annotated[
        bool,
        typer.Option("--probe", help="Also look next hops up and connect to each (2 s)."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Check a whole deployment file; says every problem with line, form, field and remedy.

    Names and values, ports that two want, next hops that lead back to us, flows that can never
    match (with a request that an earlier one takes), certificates where the files are there. A
    warning is said and refuses nothing (status 0); an error refuses the deployment (status 2).

    With --probe it goes to the network: names of next hops are looked up, every address is tried,
    and those that do not answer are named, as warnings; so are rtpengine nodes that do not answer,
    or are to record and do not.

    Example: farline check examples/guide.yaml
    """
    try:
        deployment, warnings = read_checked(config, secrets)
    except ConfigError as error:
        fail_config(error, config, as_json)
    if probe:
        warnings = (*warnings, *asyncio.run(next_hops(deployment, config.parent)))
    parts = [
        name for name in ("border", "office", "portal", "ems", "lab") if getattr(deployment, name)
    ]
    if as_json:
        rows = problem_rows(warnings)
        typer.echo(json.dumps({"ok": True, "file": str(config), "parts": parts, **rows}))
    else:
        say_warnings(warnings, config)
        typer.echo(f"{config}: right ({', '.join(parts)})")
