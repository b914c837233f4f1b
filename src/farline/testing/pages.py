"""The commands in the pages under docs/, for the tests that run them.

A block ```sh holds commands; ```console holds `$ command` lines, each followed by lines that its
output must have. `<!-- test: COMMAND -->` is run too and not shown to readers; `<!-- exit N -->` is
the exit status of the commands in the next block (else 0).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_FENCE = re.compile(r"^```(\S*)(.*)$")
_COMMENT = re.compile(r"^<!-- (test:|exit) (.*?) ?-->$")


@dataclass(slots=True)
class Command:
    """One command, and what the page says about it."""

    text: str
    line: int
    status: int = 0
    quoted: list[str] = field(default_factory=list)
    """Lines of its output; numbers in them mean any number, `...` means anything."""


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block."""

    language: str
    note: str
    line: int
    lines: tuple[str, ...]


def blocks(page: str) -> Iterator[Block]:
    """Every fenced block. Raises ValueError for one without an end."""
    opened: tuple[str, str, int] | None = None
    inside: list[str] = []
    for number, line in enumerate(page.splitlines(), 1):
        fence = _FENCE.match(line)
        if opened is None and fence is not None:
            opened, inside = (fence[1], fence[2].strip(), number), []
        elif opened is not None and line == "```":
            yield Block(opened[0], opened[1], opened[2], tuple(inside))
            opened = None
        elif opened is not None:
            inside.append(line)
    if opened is not None:
        raise ValueError(f"line {opened[2]}: a block without an end")


def commands(page: str) -> list[Command]:
    """Every command of a page, hidden ones too, in order."""
    found: list[Command] = []
    status = 0
    by_line = {block.line: block for block in blocks(page)}
    for number, line in enumerate(page.splitlines(), 1):
        comment = _COMMENT.match(line)
        if comment is not None and comment[1] == "test:":
            found.append(Command(comment[2], number))
        elif comment is not None:
            status = int(comment[2])
        elif number in by_line:
            found += _of_block(by_line[number], status)
            status = 0
    return found


def _of_block(block: Block, status: int) -> Iterator[Command]:
    if block.language == "sh":
        for number, line in enumerate(block.lines, block.line + 1):
            text = re.sub(r"\s+# .*", "", line)
            if text.strip() and not text.startswith("#"):
                yield Command(text, number, status)
    elif block.language == "console":
        command: Command | None = None
        for number, line in enumerate(block.lines, block.line + 1):
            if line.startswith("$ "):
                if command is not None:
                    yield command
                command = Command(line[2:], number, status)
            elif command is None:
                raise ValueError(f"line {number}: output without a command")
            elif line.strip():
                command.quoted.append(line)
        if command is not None:
            yield command


def quotes(quoted: str, output: str) -> bool:
    """Whether a line of the output is the quoted one: other numbers, `...` for anything."""
    parts = (re.escape(part) for part in _plain(quoted).split("..."))
    pattern = r".*".join(parts)
    pattern = re.sub(r"(\\ )+", r"\\s+", pattern)
    pattern = re.sub(r"\d+", r"\\d+", pattern)
    return any(re.fullmatch(pattern, _plain(line)) for line in output.splitlines())


def _plain(line: str) -> str:
    """Without the borders of a table."""
    return re.sub(r"[│┃]", " ", line).strip()
