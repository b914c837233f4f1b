"""`farline show`: what a running role knows."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from farline.cli.failing import REFUSED, START, fail
from farline.cli.plain import plain
from farline.cli.rows import print_rows
from farline.cli.show_media import WIDEST, print_media
from farline.runtime.control import ControlError, NotRunningError, call
from farline.runtime.role import ROLES

MEDIA_ROLES = ("media", "office-media")
ELSEWHERE = ": rtpengine relays here, `farline show border` has its nodes"


def show(
    role: Annotated[str, typer.Argument(help=f"One of {', '.join(ROLES)}.")],
    call_name: Annotated[
        str, typer.Argument(metavar="[CALL]", help="With media: a Call-ID, or a media session.")
    ] = "",
    run_dir: Annotated[Path, typer.Option(help="Run directory of the deployment.")] = Path("run"),
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Show bindings, calls, streams, relays and counters of a running role.

    Example: farline show border --run-dir run

    Example: farline show media --run-dir run
    """
    if call_name and role not in MEDIA_ROLES:
        raise typer.BadParameter(f"only {' and '.join(MEDIA_ROLES)} show one call by its name")
    if role not in ROLES:
        raise typer.BadParameter(f"{role!r} is none of {', '.join(ROLES)}")
    try:
        narrowed = {"call": asyncio.run(_media_name(run_dir, call_name))} if call_name else {}
        state = asyncio.run(call(run_dir / "control" / f"{role}.sock", "show", **narrowed))
    except ControlError as error:
        elsewhere = role == "media" and asyncio.run(_other_engine(run_dir))
        remedy = f"; {START}" if isinstance(error, NotRunningError) else ""
        fail(f"{error}{ELSEWHERE if elsewhere else remedy}", REFUSED)
    if as_json:
        typer.echo(json.dumps(state, indent=2))
    elif role in MEDIA_ROLES:
        print_media(_wide_console(), state, call_name)
    else:
        _print(Console(), state)


def _wide_console() -> Console:
    """The terminal; what reads a pipe gets lines as wide as the table of `print_media`."""
    console = Console()
    return console if console.is_terminal else Console(width=max(console.width, WIDEST))


async def _other_engine(run_dir: Path) -> bool:
    """Whether the border that runs there has its media relayed by rtpengine."""
    try:
        return "media nodes" in await call(run_dir / "control" / "border.sock", "show")
    except ControlError:
        return False


async def _media_name(run_dir: Path, name: str) -> str:
    """The media session of a Call-ID that begins so, where the border runs and knows it."""
    try:
        border = await call(run_dir / "control" / "border.sock", "show")
    except ControlError:
        return name
    named = (one["media"] for one in border["sessions"] if one["call"].startswith(name))
    return next(filter(None, named), name)


def _print(console: Console, state: dict[str, Any]) -> None:
    for name, value in state.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            print_rows(console, f"{name} ({len(value)})", value)
        elif isinstance(value, dict):
            inner = Table(title=name, title_justify="left", show_header=False)
            for key, cell in value.items():
                inner.add_row(Text(str(key)), Text(plain(cell)))
            console.print(inner)
        else:
            console.print(Text(f"{name}: {plain(value)}"))
