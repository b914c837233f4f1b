"""A deployment as the guide shows it: a list of forms, each with labelled fields. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from farline.config import Form, Secret

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class FilledForm:
    """One form with its values; `path` is the guide's menu path, `place` that of the file."""

    path: str
    place: str
    name: str
    fields: tuple[tuple[str, str], ...]


def filled_forms(deployment: Form) -> list[FilledForm]:
    """Every form of the deployment in the file's order. Secrets are shown as dots."""
    return list(_walk(deployment, ""))


def _walk(form: Form, place: str) -> Iterator[FilledForm]:
    fields: list[tuple[str, str]] = []
    inner: list[tuple[Form, str]] = []
    for key, info in type(form).model_fields.items():
        value = getattr(form, key)
        where = f"{place}.{key}" if place else key
        forms = _forms_in(value, where)
        if forms:
            inner += forms
        elif not (isinstance(value, tuple) and not value and info.title is None):
            fields.append((info.title or key, _shown(value)))
    if place and fields:
        yield FilledForm(type(form).form, place, str(getattr(form, "name", "")), tuple(fields))
    for child, where in inner:
        yield from _walk(child, where)


def _forms_in(value: object, where: str) -> list[tuple[Form, str]]:
    if isinstance(value, Form):
        return [(value, where)]
    if isinstance(value, tuple):
        return [
            (item, f"{where}[{index}]")
            for index, item in enumerate(value)
            if isinstance(item, Form)
        ]
    return []


def _shown(value: Any) -> str:  # noqa: ANN401 - whatever a form's field holds
    """As the guide's screens show it."""
    if value is None:
        return "None"
    if isinstance(value, bool):
        return "\u2611" if value else "\u2610"
    if isinstance(value, Secret):
        return "\u2022" * 8
    if isinstance(value, tuple):
        if len(value) == 2 and all(isinstance(part, int) for part in value):
            return f"{value[0]} - {value[1]}"
        return ", ".join(_shown(part) for part in value) or "-"
    return str(value)
