"""How a command says that it cannot be done: one line, or with --json an object, and a status."""

from __future__ import annotations

import asyncio
import json
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NoReturn

import typer
from typer.core import TyperGroup

from farline.runtime.control import ControlError, NotRunningError, call

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

WRONG = 2
"""Exit status of what was asked wrongly: a file that is not there, an option that cannot be."""
REFUSED = 1
"""Exit status of what a role that runs, or should run, did not do."""
START = "start it with farline run, or give --run-dir of what runs"


_AS_JSON = ContextVar("as_json", default=False)


class Verbs(TyperGroup):
    """The command: it notes whether the answer is wanted as JSON before anything is done."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - typer's Context
        """Read the command line."""
        _AS_JSON.set(wants_json(args))
        return super().parse_args(ctx, args)


def wants_json(args: Sequence[str]) -> bool:
    """Whether a command line asks for JSON; `farline lab run --json` names a file.

    What is behind -- is another program's.
    """
    ours = list(args[: args.index("--")] if "--" in args else args)
    return "--json" in ours and ours[:2] != ["lab", "run"]


def fail(text: str, status: int = WRONG) -> NoReturn:
    """Say why not, and end; as JSON where the command was asked for that."""
    if _AS_JSON.get():
        typer.echo(json.dumps({"ok": False, "error": text}))
    else:
        typer.echo(text, err=True)
    raise typer.Exit(status)


def ask(
    run_dir: Path, role: str, command: str, *, status: int = REFUSED, **arguments: object
) -> Any:  # noqa: ANN401 - JSON
    """The answer of a role, or of the supervisor ("farline"); a refusal ends us with `status`."""
    try:
        return asyncio.run(call(run_dir / "control" / f"{role}.sock", command, **arguments))
    except NotRunningError as error:
        fail(f"{error}; {START}", status)
    except ControlError as error:
        fail(str(error), status)
