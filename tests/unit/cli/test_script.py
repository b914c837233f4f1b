"""`farline script test`: what a script changes in recorded messages."""

import json
from pathlib import Path

from typer.testing import CliRunner

from farline.cli.main import make_app

ROOT = Path(__file__).parents[3]
INVITE = str(ROOT / "vectors" / "guide" / "09-invite-phone.sip")
REGISTER = str(ROOT / "vectors" / "guide" / "01-register-phone.sip")
SLOW = ("--time-limit", "2000")


def run(*argv):
    return CliRunner().invoke(make_app(), ["script", "test", *map(str, argv), *SLOW])


def test_the_example_marks_invites_only():
    result = run(ROOT / "examples" / "add-site.py", INVITE, REGISTER)
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert any(line.startswith("INVITE") and line.endswith(": changed") for line in lines)
    assert "  +X-Site: vienna" in lines
    assert any(line.startswith("REGISTER") and line.endswith(": as it was") for line in lines)


def test_a_script_that_fails(tmp_path):
    script = tmp_path / "bad.py"
    script.write_text("def manipulate(message, direction):\n    message.set('Call-ID', 'x')\n")
    result = run(script, INVITE, "--json")
    assert result.exit_code == 1
    (row,) = json.loads(result.stdout)["messages"]
    assert "it changed Call-ID" in row["error"]


def test_wrong_arguments(tmp_path):
    assert run(tmp_path / "none.py", INVITE).exit_code == 2
    assert run(ROOT / "examples" / "add-site.py", tmp_path / "none.sip").exit_code == 2
    assert run(ROOT / "examples" / "add-site.py", INVITE, "--direction", "up").exit_code == 2
