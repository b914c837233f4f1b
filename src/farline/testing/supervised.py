"""`farline run` as a process of a test: its roles answer, or it is said at once why they do not."""

from __future__ import annotations

import asyncio
import os
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

from farline.runtime import clock
from farline.runtime.control import ControlError
from farline.runtime.supervisor import wait_ready
from farline.testing.deployment import CLI

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

READY_SECONDS = 60.0
LOOK_SECONDS = 0.5
"""Between looks at whether it still runs."""
STOP_SECONDS = 60.0


class RunEndedError(RuntimeError):
    """`farline run` ended, or a role of it does not answer; the text has what it said."""


@contextmanager
def supervised(
    config: Path, roles: Sequence[str], run_dir: Path, *options: str, inside: Sequence[str] = ()
) -> Iterator[subprocess.Popen[bytes]]:
    """`farline run` of a deployment file for the time of the block, its roles ready.

    What it says goes to run_dir/log/run.log. `inside`: the beginning of the command, as nsenter and
    its options. Raises RunEndedError.
    """
    log = run_dir / "log" / "run.log"
    run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    log.parent.mkdir(mode=0o700, exist_ok=True)
    argv = [*inside, *CLI, "run", "--config", str(config), "--run-dir", str(run_dir), *options]
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own command
            argv,
            stdout=output,
            stderr=output,
            env={**os.environ, "FARLINE_PARENT": str(os.getpid())},
        )
    try:
        asyncio.run(until_ready(process, roles, run_dir, log))
        yield process
    finally:
        process.terminate()
        process.wait(STOP_SECONDS)


async def until_ready(
    process: subprocess.Popen[bytes], roles: Sequence[str], run_dir: Path, log: Path
) -> None:
    """Wait until the roles of a run answer; `log`: where it writes. Raises RunEndedError."""
    until = clock.monotonic() + READY_SECONDS
    for role in roles:
        while True:
            try:
                await wait_ready(role, run_dir, LOOK_SECONDS)
                break
            except ControlError as error:
                said = log.read_text(encoding="utf-8", errors="replace")
                if process.poll() is not None:
                    status = f"farline run ended with status {process.returncode}"
                    raise RunEndedError(f"{status}:\n{said}") from None
                if clock.monotonic() > until:
                    raise RunEndedError(f"{error}; it said:\n{said}") from None
