"""Text for terminals."""

from __future__ import annotations

import json


def plain(value: object) -> str:
    """One line without control characters: what peers sent must not reach the terminal raw."""
    text = value if isinstance(value, str) else json.dumps(value)
    return "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in text)
