"""`farline mobile` and `farline phone`: help, options that cannot be used, exit statuses."""

from __future__ import annotations

import json
import re

import pytest
import typer
from typer.testing import CliRunner

from farline.cli import mobile, phone
from farline.cli.calling import Printer

app = typer.Typer()
app.command("mobile")(mobile.mobile)
app.command("phone")(phone.phone)
runner = CliRunner()

MOBILE = ["mobile", "--server", "127.0.0.1", "--username", "Ruel", "--insecure"]
PHONE = ["phone", "--registrar", "127.0.0.1:9", "--domain", "d.lab", "--extension", "3003"]


def run(*arguments):
    result = runner.invoke(app, [*arguments], env={"COLUMNS": "200", "TERM": "dumb"})
    return result.exit_code, re.sub(r"\x1b\[[0-9;]*m", "", result.output)


@pytest.fixture
def password(tmp_path):
    path = tmp_path / "password"
    path.write_text("ruelpwd\n")
    path.chmod(0o600)
    return str(path)


@pytest.mark.parametrize("command", ["mobile", "phone"])
def test_help_has_an_example(command):
    status, output = run(command, "--help")
    assert status == 0
    assert f"Example: farline {command}" in output


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--transport", "sctp"], "tcp, udp or tls"),
        (["--hangup", "later"], "after or never"),
        (["--dns", "127.0.0.1"], "not IP:PORT"),
        (["--dns", "127.0.0.1:99999"], "not IP:PORT"),
        (["--play", "/nowhere.wav"], "/nowhere.wav"),
        (["--ca", "/nowhere.pem"], "/nowhere.pem"),
    ],
)
def test_options_that_cannot_be_used_are_named(password, options, says):
    status, output = run(*MOBILE, "--password-file", password, *options)
    assert status == 2
    assert says in output


def test_a_password_is_wanted_once(password, tmp_path):
    assert run(*MOBILE)[0] == 2
    both = ["--password-file", password, "--secrets", password, "ruel"]
    assert "give either" in run(*MOBILE, *both)[1]


def test_a_password_that_others_may_read_is_refused(tmp_path):
    path = tmp_path / "open"
    path.write_text("ruelpwd")
    path.chmod(0o644)
    status, output = run(*MOBILE, "--password-file", str(path))
    assert status == 2
    assert "chmod 600" in output
    assert "ruelpwd" not in output


def test_an_unknown_secret_is_named_without_the_others(tmp_path):
    path = tmp_path / "secrets.yaml"
    path.write_text("ruel: ruelpwd\n")
    path.chmod(0o600)
    status, output = run(*MOBILE, "--secrets", str(path), "dora")
    assert status == 2
    assert "'dora'" in output
    assert "ruelpwd" not in output


def test_a_login_that_fails_ends_with_1_and_says_the_door(password):
    status, output = run(*MOBILE, "--port", "1", "--password-file", password, "--json")
    assert status == 1
    steps = [json.loads(line) for line in output.splitlines()]
    assert [(step["name"], step["ok"]) for step in steps] == [("dns", True), ("im-info", False)]
    assert steps[-1]["detail"].startswith("REST: ")


def test_a_phone_without_registrar_ends_with_1(password):
    status, output = run(*PHONE, "--password-file", password, "--transport", "tcp")
    assert status == 1
    assert "SIP: cannot connect to 127.0.0.1:9" in output


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (
            {"event": "step", "name": "dns", "ok": True, "ms": 2.5, "detail": "found"},
            "ok   dns             2.5 ms  found",
        ),
        (
            {"event": "registration", "state": "registered", "detail": "lease 180 s"},
            "registration registered: lease 180 s",
        ),
        (
            {"event": "call", "call": "out-1", "state": "ended", "peer": "Dora", "detail": "bye"},
            "call out-1 ended: Dora bye",
        ),
        ({"event": "digit", "call": "in-1", "key": "5"}, "digit   key 5"),
    ],
)
def test_events_are_lines_for_people(capsys, event, line):
    Printer(as_json=False)(event)
    assert capsys.readouterr().out == line + "\n"
