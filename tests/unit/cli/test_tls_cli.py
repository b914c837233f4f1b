"""`farline tls renew`: what the roles say, and the exit status."""

import json

import pytest
from typer.testing import CliRunner

from farline.cli import failing, tls


@pytest.fixture
def roles(tmp_path, monkeypatch):
    """Roles that are there, and what each answers."""
    answers = {"border": {"S": "issued"}, "portal": {}}
    asked = []
    (tmp_path / "control").mkdir()
    for role in answers:
        (tmp_path / "control" / f"{role}.sock").touch()

    async def call(path, command, **arguments):
        asked.append((path.stem, command, arguments))
        return answers[path.stem]

    monkeypatch.setattr(failing, "call", call)
    return answers, asked, tmp_path


def renew(roles, *arguments):
    return CliRunner().invoke(tls.app, ["renew", *arguments, "--run-dir", str(roles[2])])


def test_every_role_is_asked_and_says_what_came_of_it(roles):
    done = renew(roles, "S")
    assert (done.exit_code, done.output) == (0, "border: S: issued\n")
    assert roles[1] == [
        ("border", "tls-renew", {"profile": "S"}), ("portal", "tls-renew", {"profile": "S"}),
    ]  # fmt: skip
    assert json.loads(renew(roles, "--json").output) == roles[0]


def test_a_certificate_that_was_not_issued_is_said(roles):
    roles[0]["border"]["S"] = "not issued: too many orders"
    done = renew(roles)
    assert (done.exit_code, "too many orders" in done.output) == (1, True)


def test_a_profile_that_nobody_orders_is_said(roles):
    roles[0]["border"].clear()
    done = renew(roles, "Other")
    assert done.exit_code == 1
    assert "no role that runs orders the profile 'Other' by ACME" in done.output
