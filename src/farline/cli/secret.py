"""`farline secret`: the secrets file, which alone holds passwords."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated

import typer
from ruamel.yaml import YAML

from farline.cli.failing import fail
from farline.config import ConfigError, load_secrets
from farline.runtime.named_files import reason

app = typer.Typer(help="Passwords and keys, kept in a file of mode 600.", no_args_is_help=True)

FileOption = Annotated[
    Path, typer.Option("--file", envvar="FARLINE_SECRETS", help="The secrets file.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


@app.command("set")
def set_secret(
    name: Annotated[str, typer.Argument(help="The name that the deployment file refers to.")],
    file: FileOption = Path("secrets.yaml"),
    from_stdin: Annotated[bool, typer.Option(help="Read the value from standard input.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Set one secret; asks for the value twice unless it comes from standard input.

    Example: farline secret set ruel --file secrets.yaml
    """
    if from_stdin:
        value = typer.get_text_stream("stdin").readline().rstrip("\n")
    else:
        value = typer.prompt("Value", hide_input=True, confirmation_prompt=True)
    if not value:
        raise typer.BadParameter("an empty secret is refused")
    values = _read(file)
    values[name] = value
    try:
        write_secrets(file, values)
    except OSError as error:
        fail(f"{file} cannot be written: {reason(error)}")
    typer.echo(
        json.dumps({"set": name, "file": str(file)}) if as_json else f"{name} is set in {file}"
    )


@app.command("list")
def list_secrets(file: FileOption = Path("secrets.yaml"), as_json: JsonOption = False) -> None:
    """List the names (never the values).

    Example: farline secret list --file secrets.yaml
    """
    names = sorted(_read(file))
    typer.echo(json.dumps(names) if as_json else "\n".join(names))


def _read(file: Path) -> dict[str, str]:
    """What the file holds; nothing where there is none yet."""
    try:
        return load_secrets(file.read_text(encoding="utf-8")) if file.exists() else {}
    except OSError as error:
        fail(f"{file} cannot be read: {reason(error)}")
    except UnicodeDecodeError:
        fail(f"{file} is no text in UTF-8; a secrets file is made by farline secret set")
    except ConfigError as error:
        fail(f"{file}: {error}")


def write_secrets(file: Path, values: dict[str, str]) -> None:
    """Write the whole file anew, readable by its owner alone, never half."""
    fresh = file.with_name(file.name + ".new")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        YAML().dump(values, out)
    fresh.replace(file)
