"""From YAML text to a checked `Deployment`, or to every problem found, with its line.

The text is given and the values come back: reading files is the caller's. Secrets stand in a file
of their own, so that a deployment can be shown, compared and kept in version control.
"""

from __future__ import annotations

import re
from dataclasses import replace
from io import StringIO
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from farline.config.base import Form, Problem
from farline.config.check import check
from farline.config.deployment import Deployment

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MAX_TEXT = 4 * 1024 * 1024
"""Characters of a deployment file: a thousand flows are a tenth of it."""


class ConfigError(ValueError):
    """A deployment that cannot be used; `problems` says all that is wrong with it."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


def load_deployment(text: str, secrets: Mapping[str, str]) -> Deployment:
    """Parse, validate and cross-check. Raises ConfigError with every problem."""
    return load_with_warnings(text, secrets)[0]


def load_with_warnings(
    text: str, secrets: Mapping[str, str]
) -> tuple[Deployment, tuple[Problem, ...]]:
    """A deployment that can run, and its warnings. Raises ConfigError with every problem."""
    tree = parse(text)
    try:
        deployment = Deployment.model_validate(tree, context={"secrets": secrets})
    except ValidationError as error:
        told = [_problem(tree, one) for one in error.errors() if not _follows(tree, one)]
        raise ConfigError(told) from None
    problems = tuple(_with_line(tree, problem) for problem in check(deployment))
    if any(problem.severity == "error" for problem in problems):
        raise ConfigError(problems)
    return deployment, problems


def with_lines(text: str, problems: Sequence[Problem]) -> tuple[Problem, ...]:
    """Problems that were found beside the text, each with the line that its place has in it."""
    if not problems:
        return ()
    tree = parse(text)
    return tuple(_with_line(tree, problem) for problem in problems)


def load_secrets(text: str) -> dict[str, str]:
    """The secrets file: one `name: value` a line. Raises ConfigError."""
    tree = parse(text)
    return {str(name): str(value) for name, value in tree.items()}


def parse(text: str) -> CommentedMap:
    """The mapping that a file of YAML is, with its lines and comments. Raises ConfigError."""
    if len(text) > MAX_TEXT:
        raise ConfigError([Problem("file", f"longer than {MAX_TEXT} characters")])
    try:
        tree = YAML(typ="rt", pure=True).load(StringIO(text))
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise ConfigError([Problem("file", f"not YAML: {error.problem}", line=line)]) from None
    except YAMLError as error:
        said = " ".join(str(error).split())  # a binary file's first odd character
        raise ConfigError([Problem("file", f"not YAML: {said}")]) from None
    except RecursionError:
        raise ConfigError(
            [Problem("file", "not YAML that is read here: nested too deep")]
        ) from None
    if tree is None:
        return CommentedMap()
    if not isinstance(tree, CommentedMap):
        raise ConfigError([Problem("file", "not a mapping of names to values", "see examples/")])
    return tree


def _follows(tree: CommentedMap, entry: Any) -> bool:  # noqa: ANN401 - pydantic's ErrorDetails
    """Whether an error only counts the lines of a list that have errors of their own."""
    if entry["type"] != "too_short":
        return False
    node: Any = tree
    for key in _known_path(tree, entry["loc"]):
        node = node[key]
    return isinstance(node, CommentedSeq) and len(node) >= entry["ctx"]["min_length"]


def _problem(tree: CommentedMap, entry: Any) -> Problem:  # noqa: ANN401 - pydantic's ErrorDetails
    # Union members and validators add names to the location that are no keys of the file.
    path = _known_path(tree, entry["loc"])
    text = str(entry["msg"]).removeprefix("Value error, ")
    remedy = ""
    if entry["type"] == "extra_forbidden":
        text = "no such field"
        remedy = f"fields here: {', '.join(sorted(_form_at(path[:-1]).model_fields))}"
    elif entry["type"] == "missing":
        text = "missing"
    form = _form_at(path[:-1])
    label = (
        form.model_fields[str(path[-1])].title if path and path[-1] in form.model_fields else None
    )
    shown = f"{form.form} > {label}" if form.form and label else form.form
    return Problem(_place(path), text, remedy, shown, _line(tree, path))


def _has(node: object, key: str | int) -> bool:
    if isinstance(node, CommentedMap):
        return key in node
    return isinstance(node, CommentedSeq) and isinstance(key, int) and key < len(node)


def _known_path(tree: CommentedMap, location: Sequence[str | int]) -> tuple[str | int, ...]:
    node: object = tree
    path: list[str | int] = []
    for position, key in enumerate(location):
        if _has(node, key):
            node = node[key]  # type: ignore[index]  # `_has` looked
        elif position == len(location) - 1 and isinstance(node, CommentedMap):
            path.append(key)
            break
        else:
            continue
        path.append(key)
    return tuple(path)


def _form_at(path: Sequence[str | int]) -> type[Form]:
    """The form class that the path leads to."""
    form: type[Form] = Deployment
    for key in path:
        if isinstance(key, int):
            continue
        field = form.model_fields.get(key)
        if field is None:
            return form
        inner = _form_in(field.annotation)
        if inner is None:
            return form
        form = inner
    return form


def _form_in(annotation: object) -> type[Form] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation if issubclass(annotation, Form) else None
    for argument in getattr(annotation, "__args__", ()):
        found = _form_in(argument)
        if found is not None:
            return found
    return None


def _place(path: Sequence[str | int]) -> str:
    text = ""
    for key in path:
        text += f"[{key}]" if isinstance(key, int) else f".{key}" if text else str(key)
    return text or "file"


def _line(tree: CommentedMap, path: Sequence[str | int]) -> int | None:
    """The line of the key, or of the nearest one above it that the file has."""
    node: object = tree
    line: int | None = None
    for key in path:
        if isinstance(node, CommentedMap) and key in node:
            line = node.lc.key(key)[0] + 1
            node = node[key]
        elif isinstance(node, CommentedSeq) and isinstance(key, int) and key < len(node):
            line = node.lc.item(key)[0] + 1
            node = node[key]
        else:
            break
    return line


def _with_line(tree: CommentedMap, problem: Problem) -> Problem:
    path = [
        int(part) if part.isdecimal() else part for part in re.findall(r"[^.\[\]]+", problem.place)
    ]
    return replace(problem, line=_line(tree, path))
