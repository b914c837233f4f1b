"""What the roles share: their part of the deployment, their run directory, trace and control."""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from farline.runtime.control import ControlServer
from farline.runtime.trace_writer import TraceWriter

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from pathlib import Path

    from farline.config import Deployment
    from farline.trace.events import Event

ROLES = ("media", "office-media", "office", "portal", "border", "ems")
"""In the order of starting: who is needed first."""


@dataclass(frozen=True)
class RoleContext:
    """One process of a deployment."""

    role: str
    deployment: Deployment
    base: Path
    """Directory of the deployment file: relative paths in it start here."""
    run_dir: Path
    traced: bool = True
    reload: Callable[[], Deployment] | None = None
    """Reads the deployment file again, and raises ConfigError; None: there is no file."""

    @property
    def control_path(self) -> Path:
        """Where this role's control socket is."""
        return self.run_dir / "control" / f"{self.role}.sock"

    @property
    def media_path(self) -> Path:
        """Where this box's media engine listens: the office has one of its own."""
        name = "office-media" if self.role.startswith("office") else "media"
        return self.run_dir / "control" / f"{name}-engine.sock"

    @asynccontextmanager
    async def trace(self) -> AsyncIterator[Callable[[Event], None]]:
        """The role's trace file, open for the time of the block; a sink where it is off."""
        if not self.traced:
            yield lambda _event: None
            return
        writer = TraceWriter(self.run_dir / "trace" / f"{self.role}.jsonl", self.role)
        await writer.start()
        try:
            yield writer
        finally:
            await writer.stop()

    @asynccontextmanager
    async def control(self, commands: Mapping[str, Callable[..., Any]]) -> AsyncIterator[None]:
        """The role's control socket; `status` is always there and means ready."""
        status = {"role": self.role, "ready": True, "pid": os.getpid()}
        server = ControlServer(self.control_path, {"status": lambda: status, **commands})
        await server.start()
        try:
            yield
        finally:
            await server.stop()


def roles_of(deployment: Deployment) -> tuple[str, ...]:
    """The roles that a deployment file configures."""
    border = deployment.border
    present = {
        "border": border is not None,
        "office": deployment.office is not None,
        "portal": deployment.portal is not None,
        "ems": deployment.ems is not None,
        "media": border is not None and border.media_engine.engine == "relay",
        "office-media": deployment.office is not None,
    }
    return tuple(role for role in ROLES if present[role])
