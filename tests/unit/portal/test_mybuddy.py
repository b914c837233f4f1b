"""What mybuddy answers."""

import pytest

from farline.portal.im.mybuddy import MAX_LISTED, STATUS_TEXT, answer


@pytest.mark.parametrize("text", ["help", "HELP", "  help me  "])
def test_help_lists_every_command(text):
    assert [line.partition(":")[0] for line in answer(text, []).splitlines()] == ["help", "who"]


def test_who_names_those_available():
    assert answer("who", ["Dora", "Ruel"]) == "Available: Dora, Ruel"
    assert answer("who", []) == "Nobody else is available."


def test_who_in_a_large_office_stays_short():
    text = answer("who", [f"user{n}" for n in range(MAX_LISTED + 7)])
    assert text.endswith("and 7 more")


@pytest.mark.parametrize("text", ["", "   ", "call Dora", "x" * 100_000, "\x00\n<b>"])
def test_anything_else_gets_the_hint(text):
    reply = answer(text, [])
    assert STATUS_TEXT in reply
    assert len(reply) < 300
