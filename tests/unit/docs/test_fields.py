"""tests/fields.toml names, for every field of the border, the test that shows its effect."""

import ast
import importlib.util
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[3]
SPEC = importlib.util.spec_from_file_location("reference", ROOT / "scripts/reference.py")
reference = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(reference)
LISTED = reference.tests_of_fields()
TESTED = {(form, field): test for form, rows in LISTED.items() for field, test in rows.items()}
FORMS = {form.__name__: form for form in reference.field_forms()}


@cache
def functions(file):
    """The tests of a file."""
    path = ROOT / file
    tree = ast.parse(path.read_text(encoding="utf-8")) if path.is_file() else ast.Module([], [])
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {one.name for one in ast.walk(tree) if isinstance(one, kinds)}


def test_every_field_is_listed():
    needed = [
        (name, field)
        for name, form in FORMS.items()
        for field in form.model_fields
        if reference.needs_test(form, field)
    ]
    missing = [
        f'{field} = "tests/...py::test_..." under [{name}]'
        for name, field in needed
        if (name, field) not in TESTED
    ]
    assert not missing, "add to tests/fields.toml:\n" + "\n".join(missing)


def test_every_entry_is_a_field_whose_test_is_wanted():
    wrong = [
        f"{name}.{field}"
        for name, field in TESTED
        if name not in FORMS or field not in FORMS[name].model_fields
    ]
    assert not wrong, f"no such field; take it out of tests/fields.toml: {wrong}"


def test_every_named_test_is_there():
    gone = []
    for (name, field), test in TESTED.items():
        file, _, function = test.partition("::")
        if function not in functions(file):
            gone.append(f"[{name}] {field}: {test}")
    assert not gone, "no such test; correct tests/fields.toml:\n" + "\n".join(gone)
