"""`farline order`: show and change the order of a list in a deployment file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from farline.cli.files import check_text, fail_config, read_text, say_warnings
from farline.config import ConfigError, Problem
from farline.config.order import OrderError, moved, names
from farline.runtime.named_files import reason
from farline.store.whole_file import replace_file
from farline.trace.summary import printable


def order(
    config: Annotated[Path, typer.Argument(help="The deployment file; it is rewritten.")],
    place: Annotated[
        str, typer.Argument(help="The list: border.subscriber_flows, or as apply names it.")
    ],
    item: Annotated[
        str | None, typer.Argument(help="What moves: a name, or a number from 1. None: only show.")
    ] = None,
    before: Annotated[str, typer.Option(help="Move it before this one.")] = "",
    after: Annotated[str, typer.Option(help="Move it behind this one.")] = "",
    secrets: Annotated[
        Path | None, typer.Option(help="Secrets file; default: secrets.yaml beside the deployment.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the order as JSON.")] = False,
) -> None:
    """Move one item of a list whose order counts: flows, rules, next hops, sets, lines.

    Comments and layout of the file stay. What can never match in the new order is said, as by
    `farline check`. The file is written only when it is good, and `farline apply` brings it to run.

    Example: farline order deployment.yaml border.subscriber_flows Guests --before Everybody
    """
    if item is not None and bool(before) == bool(after):
        raise typer.BadParameter("give --before or --after")
    try:
        text = read_text(config)
        if item is not None:
            text = moved(text, place, item, before=before, after=after)
            _, warnings = check_text(text, config, secrets)
            replace_file(config, text.encode())
            if not as_json:
                say_warnings(warnings, config)
        shown = names(text, place)
    except OrderError as error:
        fail_config(ConfigError([Problem(place, str(error))]), config, as_json)
    except OSError as error:
        remedy = "give its directory the right to be written in"
        unread = ConfigError([Problem("file", f"cannot be written: {reason(error)}", remedy)])
        fail_config(unread, config, as_json)
    except ConfigError as error:
        fail_config(error, config, as_json)
    if as_json:
        typer.echo(json.dumps({"place": place, "order": shown}))
        return
    for number, name in enumerate(shown, 1):
        typer.echo(f"{number:>4}  {printable(name)}")
