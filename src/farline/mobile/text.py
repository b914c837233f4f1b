"""Text of peers made fit for people's eyes."""

from __future__ import annotations


def printable(text: str, limit: int = 120) -> str:
    """A peer's text fit for a log line: one line, no control characters, bounded."""
    return "".join(c if c.isprintable() else "?" for c in text[:limit])
