"""Patterns in RE2, searched in time linear in the text: what people write."""

from __future__ import annotations

from typing import Protocol

import re2

MAX_PATTERN = 512
"""Characters of a pattern that a form may hold."""


class Found(Protocol):
    """A match."""

    def group(self, number: int = 0, /) -> str:
        """The text of a group."""


class Pattern(Protocol):
    """A compiled pattern for text."""

    def search(self, text: str, /) -> Found | None:
        """The first match anywhere."""

    def fullmatch(self, text: str, /) -> Found | None:
        """A match of the whole text."""


def compile_pattern(pattern: str, *, most: int = MAX_PATTERN) -> Pattern:
    """A pattern of a form. Raises ValueError with what RE2 says of it."""
    if len(pattern) > most:
        raise ValueError(f"a pattern has at most {most} characters")
    options = re2.Options()
    options.log_errors = False
    options.max_mem = 64 * 1024 * 1024
    try:
        compiled: Pattern = re2.compile(pattern, options)
    except re2.error as error:
        said = error.args[0] if error.args else "not a pattern"
        reason = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
        raise ValueError(f"{pattern!r}: {reason} (the syntax is RE2's)") from None
    return compiled
