"""Writes what the pages under docs/ take from the code; `--check` only compares.

docs/reference/configuration.md comes from the forms in farline.config, commands.md from the command
line's own help, trace.md from farline.trace.events; in docs/concepts/transactions.md the tables
between the markers come from rust/transaction.
"""

from __future__ import annotations

import ast
import inspect
import itertools
import sys
import textwrap
import tomllib
from dataclasses import MISSING, fields
from enum import Enum
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import typer
from pydantic import AfterValidator
from pydantic_core import PydanticUndefined

from farline._core import transaction_tables
from farline.cli.main import make_app
from farline.config import Deployment, Form, Secret
from farline.config.base import IpText, Name, Only, Port, PortRange
from farline.config.office import Extension
from farline.trace import codec

ROOT = Path(__file__).parents[1]
MADE = "<!-- Written by scripts/reference.py; change the code, then run it again. -->"
ALIASES = (
    (IpText, "IP address"),
    (Port, "port"),
    (Name, "name"),
    (PortRange, "port range"),
    (Extension, "extension (digits, `*`, `#`)"),
)
SHIPPED = ("Global Profiles", "Domain Policies")


def pages() -> dict[Path, str]:
    """Each page that the code decides, with its text."""
    transactions = ROOT / "docs/concepts/transactions.md"
    return {
        ROOT / "docs/reference/configuration.md": configuration(),
        ROOT / "docs/reference/fields.md": field_tests(),
        ROOT / "docs/reference/commands.md": commands(),
        ROOT / "docs/reference/trace.md": events(),
        transactions: with_tables(transactions.read_text(encoding="utf-8")),
    }


# ---- configuration ----


def configuration() -> str:
    """Every form, in the order of the file."""
    text = [
        "# Configuration",
        MADE,
        "A deployment is one YAML file. Each section below is one form: its heading is the place "
        "in the file, the line under it the guide's menu path. `[]` marks a list. A field that is "
        "left out has its default; **needed** means that it has none. An unknown field is refused.",
        "Fields marked *one value* belong to the guide's form, but only the value shown is built. "
        "Any other value is refused by `farline check`, with the reason.",
        "Secrets are written `{secret: NAME}`; the value stands in the secrets file "
        "(`farline secret set NAME`). Paths are relative to the deployment file.",
    ]
    for place, form in walk(Deployment, ""):
        text += [f"## {place or 'The file'}", *form_section(form)]
    return "\n\n".join(text) + "\n"


def walk(form: type[Form], place: str) -> list[tuple[str, type[Form]]]:
    """The form and those inside it, with their places."""
    found = [(place, form)]
    for key, hint in get_type_hints(form, include_extras=True).items():
        if key not in form.model_fields:
            continue
        inner = inner_form(hint)
        if inner is not None:
            many = "[]" if tuple in origins(hint) else ""
            found += walk(inner, f"{place}.{key}{many}".lstrip("."))
    return found


def origins(hint: object) -> set[object]:
    """The generic types within a hint."""
    found = {get_origin(hint)}
    for part in get_args(hint):
        found |= origins(part)
    return found


def inner_form(hint: object) -> type[Form] | None:
    """The form that a field holds."""
    if isinstance(hint, type) and issubclass(hint, Form):
        return hint
    return next((found for part in get_args(hint) if (found := inner_form(part))), None)


def form_section(form: type[Form]) -> list[str]:
    """Menu path, meaning and fields of a form."""
    text = [f"*{form.form}.* {flat(inspect.getdoc(form) or '')}"]
    notes, hints = attribute_docs(form), get_type_hints(form, include_extras=True)
    rows = ["| field | label | value | default | meaning |", "| --- | --- | --- | --- | --- |"]
    for key, info in form.model_fields.items():
        if inner_form(hints[key]) is not None:
            continue
        one = only_of(hints[key])
        meaning = flat(notes.get(key, ""))
        if one is not None:
            meaning = f"*one value*: {one.why}. {meaning}".rstrip()
        kind = f"`{shown(one.value)}`" if one is not None else kind_of(hints[key], info.metadata)
        default = "**needed**" if info.is_required() else f"`{shown(info.default)}`"
        cells = (f"`{key}`", info.title or "", kind, default, meaning)
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return [*text, "\n".join(rows)] if len(rows) > 2 else text


def attribute_docs(owner: type) -> dict[str, str]:
    """The text that follows each field of a class, or of one that it is derived from."""
    if not owner.__module__.startswith("farline."):
        return {}
    found = {name: text for base in owner.__bases__ for name, text in attribute_docs(base).items()}
    body = ast.parse(textwrap.dedent(inspect.getsource(owner))).body[0].body  # type: ignore[attr-defined]
    for before, after in itertools.pairwise(body):
        if not isinstance(before, ast.AnnAssign) or not isinstance(before.target, ast.Name):
            continue
        if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
            found[before.target.id] = str(after.value.value)
    return found


def only_of(hint: object) -> Only | None:
    """The one value that is built of a field, where it is so."""
    if get_origin(hint) is Annotated:
        for part in get_args(hint)[1:]:
            if isinstance(part, AfterValidator) and isinstance(part.func, Only):
                return part.func
    return None


def kind_of(hint: Any, metadata: list[Any]) -> str:  # noqa: ANN401 - a type hint may be anything
    """What may stand there, in words."""
    for alias, words in ALIASES:
        if hint == alias:
            return words
    if get_origin(hint) is Annotated:
        return kind_of(get_args(hint)[0], [*get_args(hint)[1:], *metadata])
    if get_origin(hint) in (Union, UnionType):
        return " or ".join(
            "null" if part is type(None) else kind_of(part, metadata) for part in get_args(hint)
        )
    if get_origin(hint) is tuple:
        return "list of " + kind_of(get_args(hint)[0], [])
    if get_origin(hint) is Literal:
        return ", ".join(f"`{value}`" for value in get_args(hint))
    if isinstance(hint, type) and issubclass(hint, Enum):
        return ", ".join(f"`{member.value}`" for member in hint)
    names = {
        bool: "`true`, `false`",
        int: "number",
        float: "number",
        str: "text",
        Path: "file",
        Secret: "secret",
    }
    return names[hint] + bounds(metadata)


def bounds(metadata: list[Any]) -> str:
    """Smallest and largest value, where they are limited."""
    limits = {name: getattr(part, name) for part in metadata
              for name in ("gt", "ge", "le", "multiple_of")
              if getattr(part, name, None) is not None}  # fmt: skip
    text = ""
    if "ge" in limits and "le" in limits:
        text = f" {limits['ge']} to {limits['le']}"
    elif "gt" in limits and "le" in limits:
        text = f" above {limits['gt']}, up to {limits['le']}"
    elif "ge" in limits:
        text = f" from {limits['ge']}"
    return text + (f", a multiple of {limits['multiple_of']}" if "multiple_of" in limits else "")


def shown(value: object) -> str:
    """A value as the file has it."""
    if value is None or value is PydanticUndefined:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        if len(value) == 2 and all(isinstance(part, int) for part in value):
            return f"{value[0]}-{value[1]}"
        return "[" + ", ".join(shown(part) for part in value) + "]"
    return str(value) if value != "" else '""'


# ---- fields and their tests ----


def field_forms() -> list[type[Form]]:
    """The border's forms and the TLS profiles, each once, in the order of the file."""
    found = {
        form: None
        for place, form in walk(Deployment, "")
        if place.startswith(("border", "tls_server_profiles", "tls_client_profiles"))
    }
    return list(found)


def needs_test(form: type[Form], field: str) -> bool:
    """Whether a field needs a test: it holds no other form, and more than one value is built."""
    hint = get_type_hints(form, include_extras=True)[field]
    return inner_form(hint) is None and only_of(hint) is None


def tests_of_fields() -> dict[str, Any]:
    """tests/fields.toml: by form and field FILE::FUNCTION."""
    found: dict[str, Any] = tomllib.loads((ROOT / "tests/fields.toml").read_text(encoding="utf-8"))
    return found


def field_tests() -> str:
    """Every field of the border's forms and of the TLS profiles with the test of its effect."""
    listed = tests_of_fields()
    text = [
        "# Fields and their tests",
        MADE,
        "Every field of the border's forms and of the TLS profiles, with the test that shows its "
        "effect. The list is `tests/fields.toml`; `tests/unit/docs/test_fields.py` compares it "
        "with the forms and looks for the tests. Fields that hold further forms have sections of "
        "their own.",
    ]
    for form in field_forms():
        hints = get_type_hints(form, include_extras=True)
        rows = ["| field | label | test |", "| --- | --- | --- |"]
        for key, info in form.model_fields.items():
            one = only_of(hints[key])
            test = listed.get(form.__name__, {}).get(key)
            if test is None and one is None and inner_form(hints[key]) is not None:
                continue
            shows = f"`{test}`" if one is None else f"*one value*: {one.why}"
            rows.append(f"| `{key}` | {info.title or ''} | {shows} |")
        if len(rows) > 2:
            text += [f"## {form.__name__}", f"*{form.form}*", "\n".join(rows)]
    return "\n\n".join(text) + "\n"


# ---- commands ----


def commands() -> str:
    """Every command with its options."""
    text = [
        "# Commands",
        MADE,
        "`farline` is `.venv/bin/farline`. `farline COMMAND --help` prints the same. What the exit "
        "statuses mean is in [exit-codes.md](exit-codes.md).",
    ]
    for name, command in leaves(typer.main.get_command(make_app()), "farline"):
        text += [f"## {name}", help_text(command), options(command)]
    return "\n\n".join(part for part in text if part) + "\n"


def leaves(command: Any, name: str) -> list[tuple[str, Any]]:  # noqa: ANN401 - typer's own classes
    """The commands that do something, in the order of the help; hidden ones are left out."""
    inner = getattr(command, "commands", None)
    if inner is None:
        return [(name, command)]
    return [
        leaf
        for key, one in inner.items()
        if not one.hidden
        for leaf in leaves(one, f"{name} {key}")
    ]


def help_text(command: Any) -> str:  # noqa: ANN401
    """Its help, the example as code."""
    before, _, example = inspect.cleandoc(command.help or "").partition("Example: ")
    paragraphs = [flat(part) for part in before.split("\n\n") if part.strip()]
    if example:
        paragraphs.append(f"Example: `{flat(example)}`")
    return "\n\n".join(paragraphs)


def options(command: Any) -> str:  # noqa: ANN401
    """Arguments and options."""
    rows = ["| option | default | meaning |", "| --- | --- | --- |"]
    for param in command.params:
        if param.name == "help":
            continue
        spelt = param.name.upper() if param.param_type_name == "argument" else ", ".join(
            [*param.opts, *param.secondary_opts]
        )  # fmt: skip
        default = "needed" if param.required else default_of(param)
        meaning = (param.help or "").replace("|", "\\|")
        rows.append(f"| `{spelt}` | {default} | {meaning} |")
    return "\n".join(rows) if len(rows) > 2 else ""


def default_of(param: Any) -> str:  # noqa: ANN401
    """What holds when the option is not given."""
    value = param.default
    if value is None or value is False or value == "" or callable(value):
        return ""
    if value is True:
        return f"`{param.opts[0]}`"
    return f"`{value}`"


# ---- events ----


def events() -> str:
    """The lines of DIR/trace/ROLE.jsonl."""
    text = [
        "# Events of the trace",
        MADE,
        "Each role writes `DIR/trace/ROLE.jsonl`, one JSON object a line, file mode 600. At 64 MiB "
        "the file becomes `ROLE.jsonl.1` and a new one begins. `farline trace --json` prints the "
        "same lines of all roles in order of time.",
        "Every line has `time` (seconds since 1970), `role` and `event`; the other members are "
        "those of its kind. Members are text. In `data` bytes that are not UTF-8 are lone "
        "surrogates U+DC80 to U+DCFF. Digest responses, other credentials and SDP keys are "
        "replaced by as many asterisks before a line is written.",
    ]
    for name, kind in codec._KINDS.items():
        notes = attribute_docs(kind)
        rows = ["| member | meaning |", "| --- | --- |"]
        for field in fields(kind):
            often = "" if field.default is MISSING else " Empty where there is none."
            hint = get_type_hints(kind)[field.name]
            values = ", ".join(f"`{value}`" for value in get_args(hint))
            rows.append(f"| `{field.name}` | {flat(notes.get(field.name, '')) or values}{often} |")
        text += [f"## {name}", flat(inspect.getdoc(kind) or ""), "\n".join(rows)]
    return "\n\n".join(text) + "\n"


# ---- transactions ----


def with_tables(page: str) -> str:
    """The page with the tables between its markers drawn anew."""
    for name, table in transaction_tables():
        start, end = f"<!-- {name} -->", "<!-- end -->"
        before, _, rest = page.partition(start)
        _, found, after = rest.partition(end)
        if not found:
            raise SystemExit(f"docs/concepts/transactions.md has no {start} ... {end}")
        page = f"{before}{start}\n\n{machine(table)}\n\n{end}{after}"
    return page


def machine(table: list[tuple[str, str, str, list[str]]]) -> str:
    """One machine as a diagram and as a table."""
    ways: dict[tuple[str, str], list[str]] = {}
    rows = ["| state | input | next state | actions |", "| --- | --- | --- | --- |"]
    for state, given, after, actions in table:
        ways.setdefault((state, after), []).append(given)
        rows.append(f"| {state} | {given} | {after} | {', '.join(actions) or '-'} |")
    lines = [f"    {one} --> {two}: {', '.join(names)}" for (one, two), names in ways.items()]
    return "\n".join(["```mermaid", "stateDiagram-v2", *lines, "```", "", *rows])


def flat(text: str) -> str:
    """One line."""
    return " ".join(text.split())


def main() -> None:
    """Write the pages, or say which are not what the code says."""
    stale = []
    for path, text in pages().items():
        if "--check" in sys.argv:
            if not path.exists() or path.read_text(encoding="utf-8") != text:
                stale.append(str(path.relative_to(ROOT)))
        else:
            path.write_text(text, encoding="utf-8")
    if stale:
        raise SystemExit(f"not what the code says: {', '.join(stale)}; run scripts/reference.py")


if __name__ == "__main__":
    main()
