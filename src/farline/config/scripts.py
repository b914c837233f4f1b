"""Global Profiles > Signaling Manipulation: scripts that change messages."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from pydantic import Field

from farline.config.base import Form, Name


class SignalingScript(Form):
    """A Python file with `def manipulate(message, direction)`; it runs in a process of its own."""

    form: ClassVar[str] = "Global Profiles > Signaling Manipulation"
    name: Name = Field(title="Title")
    file: Path = Field(title="Script")
    """Relative to the configuration file."""
    time_limit_ms: int = Field(100, ge=5, le=2000, title="Time Limit")
    """For one message; a script that takes longer is killed, and the message goes as it was."""
    memory_mb: int = Field(64, ge=16, le=1024, title="Memory Limit")
    """Beyond what the interpreter has at the start."""
