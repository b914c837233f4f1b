"""`farline run`: one process a role, started again when it dies, ended with the command.

Of the roles that calls hang on a spare waits beside the one that serves: it has imported everything
and read the deployment, and takes over as soon as the other is dead. Starting Python from nothing
would take most of a second, and several on a busy machine.
"""

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
STEADY_SECONDS = 1.0
"""A role that ran this long starts again at once; one that dies sooner after a growing pause."""
STOP_SECONDS = 5.0
RESTART_SECONDS = 20.0
"""A role that does not answer so long after a change is taken to have refused it."""
SPARED = frozenset({"media", "border"})
"""Roles with a spare."""
SPARE_SECONDS = 0.3
"""When the next spare is started: the one that takes over needs the machine first."""
LAST_WORDS = 4096
"""Bytes of a log's end that are looked at."""


def next_pause(pause: float, ran: float) -> float:
    """Seconds until a process that ran `ran` seconds is started again; `pause`: the last time's."""
    return 0.0 if ran > STEADY_SECONDS else min(max(pause * 2, FIRST_PAUSE), LONGEST_PAUSE)


def obituary(name: str, status: int, log_file: Path, pause: float) -> str:
    """A line for people: how a process ended, the last words of its log, what comes next.

    The last words are what people need first when it does not stay up.
    """
    with log_file.open("rb") as file:
        file.seek(max(0, log_file.stat().st_size - LAST_WORDS))
        lines = file.read().decode("utf-8", "replace").splitlines()
    words = printable(lines[-1]) if lines else f"{log_file} is empty"
    when = f"in {pause:.1f} s" if pause else "at once"
    return f"{name} ended with status {status} ({words}); starting it again {when}"


class Child:
    """One role's process. Its output goes to run_dir/log/<role>.log."""

    def __init__(self, role: str, command: Sequence[str], run_dir: Path) -> None:
        self.role = role
        self.command = tuple(command)
        self.run_dir = run_dir
        self.starts = 0
        self.process: asyncio.subprocess.Process | None = None
        self._spare: asyncio.subprocess.Process | None = None
        self._sparing: asyncio.Task[None] | None = None
        self._asked = False
        """It was ended to start again: no crash."""

        self._began = asyncio.Event()

    async def restart(self) -> None:
        """End the process; `run` starts the next one at once."""
        self._asked = self.process is not None and self.process.returncode is None
        self._began.clear()
        spare, self._spare = self._spare, None
        await _end(spare)  # it knows what was before the change
        await _end(self.process)
        await self._began.wait()

    async def run(self, notice: Callable[[str], None]) -> None:
        """Keep the role running until cancelled; then end it."""
        pause = 0.0
        try:
            while True:
                began = clock.monotonic()
                process = await self._start()
                self._prepare_spare()
                status = await process.wait()
                if self._asked:
                    self._asked = False
                    notice(f"{self.role} starts again")
                    continue
                pause = next_pause(pause, clock.monotonic() - began)
                notice(obituary(self.role, status, self.log_file, pause))
                await asyncio.sleep(pause)
        finally:
            if self._sparing is not None:
                self._sparing.cancel()
            for one in (self.process, self._spare):
                await _end(one)

    @property
    def log_file(self) -> Path:
        """Where its output goes."""
        return self.run_dir / "log" / f"{self.role}.log"

    async def _start(self) -> asyncio.subprocess.Process:
        """Let the spare serve, or a new process where there is none."""
        self.starts += 1
        spare, self._spare = self._spare, None
        if spare is not None and spare.returncode is None and spare.stdin is not None:
            spare.stdin.write(b"serve\n")
            spare.stdin.close()
            self.process = spare
        else:
            self.process = await self._spawn()
        self._began.set()
        return self.process

    def _prepare_spare(self) -> None:
        if self.role not in SPARED:
            return
        if self._sparing is not None:
            self._sparing.cancel()
        self._sparing = asyncio.ensure_future(self._make_spare())

    async def _make_spare(self) -> None:
        await asyncio.sleep(SPARE_SECONDS)
        self._spare = await self._spawn("--standby")

    async def _spawn(self, *more: str) -> asyncio.subprocess.Process:
        log_file = self.log_file
        log_file.parent.mkdir(parents=True, exist_ok=True)
        with log_file.open("ab") as output:
            return await asyncio.create_subprocess_exec(
                *self.command,
                *more,
                stdin=asyncio.subprocess.PIPE if more else asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**os.environ, "FARLINE_PARENT": str(os.getpid())},
                start_new_session=True,
            )


async def _end(process: asyncio.subprocess.Process | None) -> None:
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
