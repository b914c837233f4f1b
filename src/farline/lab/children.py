"""Processes of the lab: started in a session of their own, ended by their own group, in order."""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from farline.lab.errors import LabError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

STOP_SECONDS = 8.0
KILL_SECONDS = 3.0
LINE_LIMIT = 1024 * 1024
TAIL_LINES = 5


@dataclass(slots=True)
class Child:
    """A running process; its standard error (and output unless read) goes to `log`."""

    name: str
    process: asyncio.subprocess.Process
    log: Path
    inside: bool = False
    """It runs in a node: the process here is an nsenter that waits for it."""

    async def line(self) -> bytes:
        """The next line of its output, b"" at the end."""
        if self.process.stdout is None:
            raise LabError(f"{self.name}: its output is not read")
        try:
            return await self.process.stdout.readline()
        except ValueError:  # a line longer than LINE_LIMIT
            return b"\n"

    def tail(self) -> str:
        """The last lines of its log, for an error message."""
        try:
            lines = self.log.read_text(errors="replace").splitlines()
        except OSError:
            return ""
        return "\n".join(f"  {line}" for line in lines[-TAIL_LINES:])

    async def end(self) -> None:
        """SIGTERM to the process, which ends its own children; then SIGKILL to all of its group."""
        if self.process.returncode is None:
            with suppress(ProcessLookupError):
                os.kill(self._main(), signal.SIGTERM)
        try:
            await asyncio.wait_for(self.process.wait(), STOP_SECONDS)
        except TimeoutError:
            self._kill_group()
            await asyncio.wait_for(self.process.wait(), KILL_SECONDS)
        self._kill_group()  # what it started and did not end

    def _kill_group(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def _main(self) -> int:
        """The process to tell: nsenter would die of SIGTERM without passing it on."""
        pid = self.process.pid
        if self.inside:
            with suppress(OSError):
                children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
                return int(children[0]) if children else pid
        return pid


class Children:
    """All that a lab started; `end` ends them, the last first."""

    def __init__(self, environment: Mapping[str, str], *, inside: bool = False) -> None:
        self.environment = environment
        self.inside = inside
        self._running: list[Child] = []

    async def start(
        self, name: str, command: Sequence[str], log: Path, *, read: bool = False
    ) -> Child:
        """Start a process. With `read` its standard output comes through `Child.line`."""
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as errors:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE if read else errors,
                stderr=errors,
                env={**os.environ, **self.environment},
                start_new_session=True,
                limit=LINE_LIMIT,
            )
        child = Child(name, process, log, self.inside)
        self._running.append(child)
        return child

    async def bury(self, child: Child) -> None:
        """Of a process that has ended: what it started and left ends too."""
        await child.end()
        self._running.remove(child)

    async def end(self) -> None:
        """End every process, also when this is cancelled meanwhile."""
        ending = asyncio.ensure_future(self._end_all())
        try:
            await asyncio.shield(ending)
        except asyncio.CancelledError:
            await ending
            raise

    async def _end_all(self) -> None:
        while self._running:
            child = self._running.pop()
            with suppress(TimeoutError):
                await child.end()
