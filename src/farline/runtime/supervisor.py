"""`farline run`: one process a role, started again when it dies, ended with the command."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from typing import TYPE_CHECKING

from farline.runtime import clock
from farline.runtime.control import ControlError, call
from farline.trace.summary import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

log = logging.getLogger(__name__)

FIRST_PAUSE = 0.2
LONGEST_PAUSE = 10.0
STEADY_SECONDS = 30.0
"""A role that ran this long starts again with the shortest pause."""
STOP_SECONDS = 5.0
RESTART_SECONDS = 20.0
"""A role that does not answer so long after a change is taken to have refused it."""


class Child:
    """One role's process. Its output goes to run_dir/log/<role>.log."""

    def __init__(self, role: str, command: Sequence[str], run_dir: Path) -> None:
        self.role = role
        self.command = tuple(command)
        self.run_dir = run_dir
        self.starts = 0
        self.process: asyncio.subprocess.Process | None = None
        self._asked = False
        """It was ended to start again: no crash."""

        self._began = asyncio.Event()

    async def restart(self) -> None:
        """End the process; `run` starts the next one at once."""
        self._asked = self.process is not None and self.process.returncode is None
        self._began.clear()
        await self._end()
        await self._began.wait()

    async def run(self, notice: Callable[[str], None]) -> None:
        """Keep the role running until cancelled; then end it."""
        pause = FIRST_PAUSE
        try:
            while True:
                began = clock.monotonic()
                status = await self._once()
                if self._asked:
                    self._asked = False
                    notice(f"{self.role} starts again")
                    continue
                if clock.monotonic() - began > STEADY_SECONDS:
                    pause = FIRST_PAUSE
                notice(
                    f"{self.role} ended with status {status} ({self._last_words()}); "
                    f"starting it again in {pause:.1f} s"
                )
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
        finally:
            await self._end()

    @property
    def log_file(self) -> Path:
        """Where its output goes."""
        return self.run_dir / "log" / f"{self.role}.log"

    def _last_words(self) -> str:
        """The end of its log in a line: what people need first when it does not stay up."""
        lines = self.log_file.read_text(encoding="utf-8", errors="replace").splitlines()
        return printable(lines[-1]) if lines else f"{self.log_file} is empty"

    async def _once(self) -> int:
        log_file = self.log_file
        log_file.parent.mkdir(parents=True, exist_ok=True)
        with log_file.open("ab") as output:
            self.starts += 1
            self.process = await asyncio.create_subprocess_exec(
                *self.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**os.environ, "FARLINE_PARENT": str(os.getpid())},
                start_new_session=True,
            )
            self._began.set()
            return await self.process.wait()

    async def _end(self) -> None:
        process = self.process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), STOP_SECONDS)
        except TimeoutError:
            process.kill()
            await process.wait()


class Supervisor:
    """Starts the given roles in order and keeps them running."""

    def __init__(
        self,
        config: Path,
        run_dir: Path,
        notice: Callable[[str], None],
        *,
        traced: bool = True,
    ) -> None:
        self.notice = notice
        self.config = config
        self.run_dir = run_dir
        self.children: list[Child] = []
        self._more = () if traced else ("--no-trace",)

    async def run(self, roles: Sequence[str]) -> None:
        """Start the roles and serve until cancelled."""
        self.children = [
            Child(role, [*role_command(role, self.config, self.run_dir), *self._more], self.run_dir)
            for role in roles
        ]
        async with asyncio.TaskGroup() as group:
            for child in self.children:
                group.create_task(child.run(self.notice))
            for child in self.children:
                await wait_ready(child.role, self.run_dir)
                self.notice(f"{child.role} is ready")

    def roles(self) -> Sequence[str]:
        """Names of the roles, in the order of starting."""
        return [child.role for child in self.children]

    async def take_over(self, role: str) -> None:
        """Let a role read the deployment file and go by it. Raises ControlError."""
        await call(self.run_dir / "control" / f"{role}.sock", "apply")

    async def restart(self, role: str) -> None:
        """End a role's process and wait until the next one answers. Raises ControlError."""
        (child,) = (child for child in self.children if child.role == role)
        await child.restart()
        await wait_ready(role, self.run_dir, RESTART_SECONDS)


def role_command(role: str, config: Path, run_dir: Path) -> list[str]:
    """The command that runs one role alone."""
    options = ["--role", role, "--config", str(config), "--run-dir", str(run_dir)]
    return [sys.executable, "-m", "farline.cli.run", *options]


async def wait_ready(role: str, run_dir: Path, seconds: float = 60.0) -> None:
    """Wait until the role answers on its control socket. Raises ControlError after `seconds`."""
    until = clock.monotonic() + seconds
    while True:
        try:
            await call(run_dir / "control" / f"{role}.sock", "status")
        except ControlError:
            if clock.monotonic() > until:
                raise
            await asyncio.sleep(0.05)
        else:
            return
