"""Ignore each field of the forms in turn, and say which of the tests named for them do not notice.

    python scripts/ignored_fields.py              every field; an hour on two cores
    python scripts/ignored_fields.py Shield       the fields of a form
    python scripts/ignored_fields.py Shield.deny  one field

A field is ignored by reading as its default, or as something else where it has none. Status 1 when
a test passes all the same: either the test is weak, or it shows the field at its default. Tests in
tests/lab, tests/interop and tests/scenarios are left out: they run the product in processes of
their own.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest
import reference

ROOT = Path(__file__).parents[1]
ELSEWHERE = ("tests/lab", "tests/interop", "tests/scenarios")


def main() -> None:
    """Print every field whose test does not notice."""
    os.chdir(ROOT)
    sys.path.insert(0, str(ROOT))
    wanted = set(sys.argv[1:])
    forms = {form.__name__: form for form in reference.field_forms()}
    unnoticed = 0
    for name, rows in reference.tests_of_fields().items():
        for field, test in rows.items():
            if wanted and not {name, f"{name}.{field}"} & wanted:
                continue
            if not test.startswith(ELSEWHERE) and passes(forms[name], field, test):
                print(f"{name}.{field}: {test} passes though it is ignored", flush=True)
                unnoticed += 1
    raise SystemExit(unnoticed > 0)


def passes(form: type[Any], field: str, test: str) -> bool:
    """Whether a test passes in a process in which a field of a form is ignored."""
    child = os.fork()
    if child == 0:
        silent = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silent, 1)
        os.dup2(silent, 2)
        ignore(form, field)
        os._exit(int(pytest.main(["-q", "-x", test, "-p", "no:cacheprovider"])))
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def ignore(form: type[Any], field: str) -> None:
    """Have a field read as if nobody had filled it in."""
    info = form.model_fields[field]
    if info.is_required():
        read = property(lambda self: another(self.__dict__[field]))
    else:
        default = info.get_default(call_default_factory=True)
        read = property(lambda _: default)
    setattr(form, field, read)


def another(value: object) -> object:
    """A value of the same kind."""
    if isinstance(value, bool):
        return not value
    kinds: tuple[tuple[type, object], ...] = (
        (int, 17), (str, "ignored"), (Path, Path("/ignored")), (tuple, ()),
    )  # fmt: skip
    return next((other for kind, other in kinds if isinstance(value, kind)), value)


if __name__ == "__main__":
    main()
