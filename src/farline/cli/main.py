"""`farline`: every verb in one place; each has --help with an example, and --json."""

from __future__ import annotations

import json
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

import typer

from farline.cli.failing import Verbs, wants_json

if TYPE_CHECKING:
    from types import ModuleType

VERBS: Final = {
    "run": "run",
    "check": "check",
    "order": "order",
    "apply": "apply",
    "rollback": "apply",
    "confirm": "apply",
    "versions": "apply",
    "explain": "explain",
    "replay": "replay",
    "show": "show",
    "trace": "trace",
    "mobile": "mobile",
    "phone": "phone",
    "media": "media",
}
"""The module of each verb, in which its function bears the verb's name."""
USAGE_ERROR: Final[Any] = typer.BadParameter.__mro__[1]
"""click's UsageError, which typer has of its own in some versions and not in others."""
GROUPS: Final = ("script", "shield", "secret", "tls", "lab")
"""Verbs with verbs of their own: a module each, with an `app`."""


def make_app(verb: str | None = None) -> typer.Typer:
    """The command with every verb, or with one: what the others need is then not imported.

    A start costs 0.2 s instead of one, and every phone and role of a lab is such a start.
    """
    app = typer.Typer(
        name="farline",
        cls=Verbs,
        help="Use the office extension from anywhere: border, office, portal, mobile client and "
        "lab.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        callback=_nothing,  # else a command with one verb would not want to be told it
    )
    for name, module in VERBS.items():
        if verb in (None, name):
            app.command(name)(getattr(_imported(module), name))
    for name in GROUPS:
        if verb in (None, name):
            app.add_typer(_imported(name).app, name=name)
    return app


def main() -> None:
    """Entry point."""
    asked = sys.argv[1] if len(sys.argv) > 1 else None
    app = make_app(asked if asked in VERBS or asked in GROUPS else None)
    if not wants_json(sys.argv[1:]):
        app()
    try:
        status = app(standalone_mode=False)
    except USAGE_ERROR as error:  # it is told as the answer was asked for
        typer.echo(json.dumps({"ok": False, "error": error.format_message()}))
        status = error.exit_code
    except typer.Abort:
        status = 1
    sys.exit(status)


def _imported(module: str) -> ModuleType:
    return import_module(f"farline.cli.{module}")


def _nothing() -> None:
    """Of the command without a verb: nothing but its help."""


if __name__ == "__main__":
    main()
