"""The pages are whole: links, words of the glossary, what is written from the code."""

import importlib.util
import re
import tomllib
from pathlib import Path

import pytest
import typer

from farline.cli.main import make_app
from farline.testing.pages import blocks, commands, quotes

ROOT = Path(__file__).parents[3]
PAGES = sorted((ROOT / "README.md", *(ROOT / "docs").rglob("*.md")))
CONCEPTS = sorted((ROOT / "docs/concepts").glob("*.md"))
SOURCES = ROOT / "src/farline"
PLACES = [
    ROOT,
    ROOT / "rust/relay/src",
    SOURCES,
    *(one for one in SOURCES.rglob("*") if one.is_dir()),
]
"""Where a module's name in a page may begin."""

LANGUAGES = {"sh", "console", "text", "ini", "yaml", "json", "sip", "mermaid"}
WORDS = (
    "signaling interface", "media interface", "network", "subscriber flow", "server flow",
    "server profile", "routing profile", "topology hiding profile", "interworking profile",
    "end point policy group", "URI group", "application relay", "binding", "lease", "leg",
    "session", "anchor", "latch", "flow token",
)  # fmt: skip
"""The design's list of words."""


def name(page):
    return str(page.relative_to(ROOT))


def load(path):
    spec = importlib.util.spec_from_file_location("reference", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


reference = load(ROOT / "scripts/reference.py")


@pytest.mark.parametrize("page", reference.pages(), ids=name)
def test_a_page_says_what_the_code_says(page):
    assert page.read_text(encoding="utf-8") == reference.pages()[page], "run scripts/reference.py"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page):
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", [ROOT / "docs/glossary.md", *CONCEPTS], ids=name)
def test_modules_that_a_page_names_are_there(page):
    text = page.read_text(encoding="utf-8")
    for named in re.findall(r"`((?:[\w-]+/)*[\w-]+(?:\.py|\.rs|/))`", text):
        found = any(
            (place / named).exists() or (place / named.removesuffix(".py")).is_dir()
            for place in PLACES
        )
        assert found, named


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_block_has_a_language_that_tests_know(page):
    for block in blocks(page.read_text(encoding="utf-8")):
        assert block.language in LANGUAGES, f"line {block.line}"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_no_command_hides_in_an_indented_block(page):
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.S | re.M)
    assert not re.search(r"^    (sudo|farline|make|curl) ", text, re.M)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_quoted_messages_are_the_vectors(page):
    for block in blocks(page.read_text(encoding="utf-8")):
        if block.language == "sip":
            lines = (ROOT / block.note).read_text(encoding="utf-8").splitlines()
            for line in block.lines:
                if line != "...":
                    assert line in lines, f"line {block.line}: {line}"


@pytest.mark.parametrize("word", WORDS)
def test_a_word_of_the_design_is_in_the_glossary(word):
    glossary = (ROOT / "docs/glossary.md").read_text(encoding="utf-8")
    assert re.search(rf"^\| {re.escape(word)}( \([^|]*\))? \|", glossary, re.M)


def test_every_decision_is_in_the_index():
    index = (ROOT / "docs/decisions/README.md").read_text(encoding="utf-8")
    for page in (ROOT / "docs/decisions").glob("20*.md"):
        assert f"]({page.name})" in index


def test_dependencies_page_names_every_dependency():
    pages = (ROOT / "docs/decisions").glob("*-dependencies.md")
    page = "".join(one.read_text(encoding="utf-8") for one in pages).lower()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = project["dependencies"] + project["optional-dependencies"]["dev"]
    for requirement in needed:
        package = re.split(r"[<>=\[]", requirement)[0].removeprefix("pytest-")
        assert package in page, requirement


def test_every_command_has_an_example():
    for command, found in reference.leaves(typer.main.get_command(make_app()), "farline"):
        assert "Example: " in found.help, command


def test_exit_statuses_name_every_command():
    page = (ROOT / "docs/reference/exit-codes.md").read_text(encoding="utf-8")
    for command, _ in reference.leaves(typer.main.get_command(make_app()), "farline"):
        assert f"`{command}`" in page


def test_commands_and_quotes_are_read_from_a_page():
    page = "<!-- test: hidden -->\n<!-- exit 2 -->\n```console\n$ one  two\nsays 17 ...\n```\n"
    page += "```sh\nthree  # why\n\n# nothing\n```\n```text\nno command\n```\n"
    found = [(one.text, one.status, one.quoted) for one in commands(page)]
    assert found == [("hidden", 0, []), ("one  two", 2, ["says 17 ..."]), ("three", 0, [])]


@pytest.mark.parametrize(
    ("quoted", "output", "expected"),
    [
        ("took 7.3 ms", "x\ntook 11.25  ms\n", True),
        ("took 7.3 ms", "took long", False),
        ("... register", "│ name │ register │", True),
        ("register", "register failed", False),
        ("a.b", "axb", False),
    ],
)
def test_a_quoted_line_means_any_number(quoted, output, expected):
    assert quotes(quoted, output) is expected


def test_a_block_without_an_end_is_told():
    with pytest.raises(ValueError, match="line 1"):
        list(blocks("```sh\nls\n"))
