"""`farline lab`: what it says when it cannot do something, and certificates."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from farline.cli import lab as commands
from farline.lab.state import write_state

GUIDE = Path(__file__).parents[3] / "examples/guide.yaml"


def run(*arguments):
    return CliRunner().invoke(commands.app, [str(argument) for argument in arguments])


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("exec", "mobile", "--", "true"), 2, "no lab is running"),
        (("down",), 2, "no lab is running"),
        (("status",), 3, "no lab is running"),
    ],
)
def test_without_a_lab(tmp_path, arguments, status, said):
    result = run(arguments[0], "--run-dir", tmp_path, *arguments[1:])
    assert result.exit_code == status
    assert said in result.output


def test_without_root_the_remedy_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    for verb in ("run", "up"):
        result = run(verb, "--config", GUIDE, "--run-dir", tmp_path / "run")
        assert result.exit_code == 2
        assert "need root" in result.output
        assert "--loopback" in result.output
        assert not (tmp_path / "run").exists()


def test_a_second_lab_in_the_same_directory_is_refused(tmp_path):
    write_state(tmp_path, "loopback", {}, ready=True)
    result = run("run", "--loopback", "--config", GUIDE, "--run-dir", tmp_path)
    assert result.exit_code == 2
    assert "already" in result.output
    assert "no nodes" in run("exec", "--run-dir", tmp_path, "mobile", "--", "true").output


def test_status_as_json(tmp_path):
    assert json.loads(run("status", "--run-dir", tmp_path, "--json").stdout) is None
    write_state(tmp_path, "namespaces", {"mobile": 42}, ready=True)
    state = json.loads(run("status", "--run-dir", tmp_path, "--json").stdout)
    assert state["nodes"] == {"mobile": 42}
    assert "ready" in run("status", "--run-dir", tmp_path).stdout


def test_a_wrong_deployment_starts_nothing(tmp_path):
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text(GUIDE.read_text().replace("interface: B1}", "interface: C1}"))
    wrong.write_text(wrong.read_text().replace("network: IPOB1External", "network: Nowhere"))
    result = run("run", "--loopback", "--config", wrong, "--run-dir", tmp_path / "run")
    assert result.exit_code == 2
    assert "Nowhere" in result.output


def test_certificates(tmp_path):
    result = run("certificates", tmp_path / "tls", "--config", GUIDE, "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["office"] == ["ipo1xp.ipolab.com", "10.10.10.13"]
    assert {path.name for path in (tmp_path / "tls").iterdir()} == {
        f"{name}.{kind}" for name in ("ca", "border", "office", "portal") for kind in ("pem", "key")
    }


def test_every_verb_has_help_with_an_example():
    for verb in ("run", "up", "exec", "down", "status", "certificates"):
        assert "Example: " in run(verb, "--help").output
