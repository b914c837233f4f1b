"""The command with one verb does for it what the command with all does, and imports less."""

import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

from farline.cli.main import GROUPS, VERBS, main, make_app


@pytest.mark.parametrize("verb", [*VERBS, *GROUPS])
def test_one_verb_is_as_among_all(verb):
    alone, among = (typer.main.get_command(one) for one in (make_app(verb), make_app()))
    assert list(alone.commands) == [verb]
    told = [CliRunner().invoke(one, [verb, "--help"]) for one in (make_app(verb), make_app())]
    assert told[0].exit_code == told[1].exit_code == 0
    assert told[0].output == told[1].output
    assert type(alone.commands[verb]) is type(among.commands[verb])


def test_all_are_shown_where_none_is_asked_for():
    shown = CliRunner().invoke(make_app(), ["--help"]).output
    for verb in (*VERBS, *GROUPS):
        assert f" {verb} " in shown


@pytest.mark.parametrize(("argv", "status"), [(["nonsense"], 2), ([], 2), (["--help"], 0)])
def test_what_is_no_verb_is_answered_by_the_whole_command(argv, status, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["farline", *argv])
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr()
    assert ended.value.code == status, said
    assert " show " in said.out or "nonsense" in said.err


@pytest.mark.parametrize(
    ("verb", "not_needed"), [("show", "farline.config"), ("phone", "aiohttp"), ("run", "numpy")]
)
def test_a_verb_does_not_pay_for_the_others(verb, not_needed):
    code = (
        "import sys; from farline.cli.main import make_app; "
        f"make_app({verb!r}); sys.exit({not_needed!r} in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
