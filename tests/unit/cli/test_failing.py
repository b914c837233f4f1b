"""What every verb says of files, directories and roles that are not what they should be."""

import json
import os
import sys

import pytest

from farline.cli.failing import wants_json
from farline.cli.main import main
from farline.config import load_with_warnings

NOBODY = "is not running (no answer at nowhere/control/"
START = "; start it with farline run, or give --run-dir of what runs"
MISSING = "No such file or directory"
PHONE = ["phone", "--registrar", "127.0.0.1:9", "--domain", "d.lab", "--extension", "3003"]
AT = ["--config", "good.yaml"]


@pytest.fixture(autouse=True)
def files(tmp_path, monkeypatch):
    """Everything that a file can be but what is wanted; the command runs beside them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FARLINE_SECRETS", raising=False)
    (tmp_path / "dir").mkdir()
    (tmp_path / "binary").write_bytes(bytes(range(256)))
    (tmp_path / "nul").write_bytes(bytes(10))
    (tmp_path / "bad.yaml").write_text("border: [1, 2\n")
    (tmp_path / "empty").write_text("")
    (tmp_path / "good.yaml").write_text("version: 1\nborder: {}\n")
    for name in ("bad.yaml", "binary"):
        (tmp_path / name).chmod(0o600)
    assert load_with_warnings((tmp_path / "good.yaml").read_text(), {})


def farline(monkeypatch, capsys, *argv):
    """Status, standard output and error of the command as people call it."""
    monkeypatch.setattr(sys, "argv", ["farline", *argv])
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr()
    return ended.value.code, said.out, said.err


FILES = [
    ("none", f"file: cannot be read: {MISSING}; give a deployment file"),
    ("dir", "file: cannot be read: Is a directory; give a deployment file"),
    ("binary", "file: no text in UTF-8; give a file of YAML"),
    ("nul", "file: not YAML: unacceptable character #x0000"),
    ("bad.yaml", "line 2: file: not YAML: expected ',' or ']'"),
    ("empty", "file: there is nothing to run: it has none of the sections border, office"),
]


@pytest.mark.parametrize(("file", "says"), FILES)
def test_a_deployment_file_that_is_none(monkeypatch, capsys, file, says):
    status, out, err = farline(monkeypatch, capsys, "check", file)
    assert (status, out) == (2, "")
    assert err.startswith(f"{file}: {says}")
    assert err.count("\n") == 2, "the problem, and how many there are"
    status, out, err = farline(monkeypatch, capsys, "check", file, "--json")
    told = json.loads(out)
    (problem,) = told["problems"]
    assert (status, err, told["ok"]) == (2, "", False)
    assert problem["place"] == "file" and problem["line"] == (2 if "line 2" in says else None)
    assert problem["text"][:15] == says.partition("file: ")[2][:15]


OTHER_VERBS = [
    ["order", "FILE", "border.networks"],
    ["apply", "FILE"],
    ["run", "--run-dir", "r", "--config", "FILE"],
    ["run", "--run-dir", "r", "--role", "border", "--config", "FILE"],
    ["explain", "binary", "--config", "FILE"],
    ["replay", "binary", "--config", "FILE"],
]


@pytest.mark.parametrize("argv", OTHER_VERBS)
@pytest.mark.parametrize("file", ["none", "dir", "binary", "bad.yaml"])
def test_each_verb_says_so(monkeypatch, capsys, argv, file):
    argv = [file if word == "FILE" else word for word in argv]
    status, out, err = farline(monkeypatch, capsys, *argv)
    assert (status, out, err.count("\n")) == (2, "", 2), err
    assert dict(FILES)[file][:20] in err
    status, out, err = farline(monkeypatch, capsys, *argv, "--json")
    assert (status, json.loads(out)["ok"], err) == (2, False, "")


ONE_LINE = [
    (["show", "border", "--run-dir", "nowhere"], 1, f"border {NOBODY}border.sock){START}"),
    (["apply", "good.yaml", "--run-dir", "nowhere"], 1, f"farline {NOBODY}farline.sock){START}"),
    (["versions", "--run-dir", "nowhere"], 1, f"farline {NOBODY}farline.sock){START}"),
    (["confirm", "--run-dir", "nowhere"], 1, f"farline {NOBODY}farline.sock){START}"),
    (["rollback", "--run-dir", "nowhere"], 1, f"farline {NOBODY}farline.sock){START}"),
    (["shield", "bans", "--run-dir", "nowhere"], 1, f"border {NOBODY}border.sock){START}"),
    (["tls", "show", "--run-dir", "nowhere"], 1, f"border {NOBODY}border.sock){START}"),
    (["trace", "--run-dir", "nowhere"], 2, "nowhere: no such run directory; give --run-dir"),
    (["trace", "--run-dir", "empty"], 2, "empty: no such run directory; give --run-dir"),
    (["trace", "--run-dir", "dir"], 2, "dir: nothing has been traced there; give --run-dir"),
    (["run", "--run-dir", "empty", *AT], 2, "empty cannot be a run directory: File exists"),
    (["run", "--run-dir", "r", "--role", "office", *AT], 2, "good.yaml has no section 'office'"),
    (["explain", "none", *AT], 2, f"none cannot be read: {MISSING}"),
    (["replay", "dir", *AT], 2, "dir cannot be read: Is a directory"),
    (["replay", "binary", *AT], 2, "binary: neither pcap nor pcapng"),
    (["replay", "--run-dir", "nowhere", *AT], 2, "nowhere: no message of a border has been"),
    (["script", "test", "none", "binary"], 2, f"none cannot be read: {MISSING}"),
    (["script", "test", "empty", "dir"], 2, "dir cannot be read: Is a directory"),
    (["secret", "list", "--file", "dir"], 2, "dir cannot be read: Is a directory"),
    (["secret", "list", "--file", "binary"], 2, "binary is no text in UTF-8"),
    (["secret", "list", "--file", "bad.yaml"], 2, "bad.yaml: line 2: file: not YAML"),
    ([*PHONE, "--password-file", "none"], 2, f"none cannot be read: {MISSING}"),
    ([*PHONE, "--secrets", "dir", "x"], 2, "dir cannot be read: Is a directory"),
    ([*PHONE, "--secrets", "binary", "x"], 2, "binary is no text in UTF-8"),
    ([*PHONE, "--secrets", "bad.yaml", "x"], 2, "bad.yaml: line 2: file: not YAML"),
    (["lab", "down", "--run-dir", "nowhere"], 2, "no lab is running in nowhere"),
    (["lab", "certificates", "c", "--config", "none"], 2, f"none cannot be read: {MISSING}"),
    (["lab", "certificates", "empty", *AT], 2, "empty: no file can be made there: File exists"),
]  # fmt: skip


@pytest.mark.parametrize(("argv", "status", "says"), ONE_LINE)
def test_one_line_with_place_and_reason(monkeypatch, capsys, argv, status, says):
    found, out, err = farline(monkeypatch, capsys, *argv)
    lines = [line for line in err.splitlines() if "warning:" not in line]
    assert (found, out, len(lines)) == (status, "", 1), err
    assert lines[0].startswith(says)
    found, out, err = farline(monkeypatch, capsys, *argv, "--json")
    assert (found, json.loads(out)["ok"], err) == (status, False, "")
    assert json.loads(out)["error"] == lines[0]


@pytest.mark.parametrize("option", ["--ca", "--play"])
@pytest.mark.parametrize("file", ["none", "dir", "binary"])
def test_files_of_a_phone(monkeypatch, capsys, option, file):
    """--insecure changes nothing: the file that is named is read."""
    with open(os.open("password", os.O_WRONLY | os.O_CREAT, 0o600), "w") as password:
        password.write("x\n")
    for verb in (PHONE, ["mobile", "--server", "127.0.0.1", "--username", "Ruel"]):
        argv = [*verb, "--password-file", "password", "--local-ip", "127.0.0.1", option, file]
        status, out, err = farline(monkeypatch, capsys, *argv, "--json")
        assert (status, err) == (2, "")
        assert file in json.loads(out)["error"] and "Errno" not in out


def test_an_option_that_cannot_be_is_json_where_that_is_wanted(monkeypatch, capsys):
    status, out, err = farline(monkeypatch, capsys, "show", "nonsense", "--json")
    assert (status, err) == (2, "")
    assert "'nonsense' is none of media" in json.loads(out)["error"]
    status, out, err = farline(monkeypatch, capsys, "show", "nonsense")
    assert (status, out) == (2, "") and "'nonsense' is none of" in err


def test_help_is_help_also_with_json(monkeypatch, capsys):
    status, out, _ = farline(monkeypatch, capsys, "show", "--json", "--help")
    assert status in (0, None) and "Example: farline show" in out


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("show border --json", True),
        ("show border", False),
        ("lab run --json verdict.json", False),
        ("lab up --json", True),
        ("lab exec mobile -- tool --json", False),
    ],
)
def test_who_wants_json(line, wanted):
    assert wants_json(line.split()) is wanted


def test_a_secrets_file_that_is_named_must_be_there(monkeypatch, capsys):
    for file, says in (("none", MISSING), ("dir", "Is a directory"), ("binary", "no text in")):
        status, _, err = farline(monkeypatch, capsys, "check", "good.yaml", "--secrets", file)
        assert status == 2
        assert err.startswith(f"good.yaml: secrets file {file}: ") and says in err
    status, _, err = farline(monkeypatch, capsys, "check", "good.yaml", "--secrets", "bad.yaml")
    assert err.startswith("good.yaml: secrets file bad.yaml, line 2: not YAML")
    assert farline(monkeypatch, capsys, "check", "good.yaml")[0] in (0, None), "none is needed"
