"""What the commands do: run the scenario, keep a lab up, take it down."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import time
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from farline.lab.errors import LabError
from farline.lab.lab import Lab
from farline.lab.prepare import LAB_LOG
from farline.lab.scenario import Scenario
from farline.lab.state import LabState, read_state, start_time
from farline.lab.verdict import STEPS, Step, Verdict

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence
    from pathlib import Path

    from farline.lab.prepare import Prepared
    from farline.lab.view import View

T = TypeVar("T")

DOWN_SECONDS = 60.0
"""A lab ends seven processes in order, each with time to clean up."""
UP_SECONDS = 180.0
POLL_SECONDS = 0.05


def run_to_end(main: Coroutine[object, object, T]) -> T | None:
    """Run `main`; Ctrl-C or SIGTERM cancels it, so that it cleans up: then the result is None."""
    os.umask(0o077)  # captures and logs are their owner's alone
    with asyncio.Runner() as runner:
        return runner.run(_until_signal(main))


async def _until_signal(main: Coroutine[object, object, T]) -> T | None:
    task = asyncio.ensure_future(main)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, task.cancel)
    try:
        return await task
    except asyncio.CancelledError:
        return None


async def run_scenario(
    prepared: Prepared, view: View, *, json_file: Path | None, serve: bool
) -> bool:
    """The scenario in a lab of its own; with `serve` the servers go on until cancelled.

    Gives whether every step held. Raises LabError when the lab cannot be built; the JSON file is
    written then, too.
    """
    try:
        async with Lab(prepared, view.notice) as lab:
            with view:
                outcome = await Scenario(lab, view).run()
            view.result(outcome, prepared)
            _write(json_file, outcome.verdict)
            if serve:
                view.notice("")
                for line in usage(prepared.run_dir, loopback=prepared.loopback):
                    view.notice(line)
                view.notice("Serving until Ctrl-C.")
                with suppress(asyncio.CancelledError):
                    await asyncio.get_running_loop().create_future()
            return outcome.verdict.ok
    except LabError as error:
        _write(json_file, Verdict(tuple(Step(name, False, 0.0, str(error)) for name in STEPS)))
        raise


def _write(path: Path | None, verdict: Verdict) -> None:
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(verdict.as_json(), indent=2) + "\n", encoding="utf-8")


async def hold(prepared: Prepared, view: View) -> bool:
    """A lab with its servers, until cancelled."""
    async with Lab(prepared, view.notice):
        await asyncio.get_running_loop().create_future()
    return True


def usage(run_dir: Path, *, loopback: bool) -> list[str]:
    """How to use a lab that is up."""
    lines = [f"farline show border --run-dir {run_dir}", f"farline trace --run-dir {run_dir}"]
    if loopback:
        return lines
    return [
        f"farline lab exec --run-dir {run_dir} mobile -- getent hosts ipo1xp.ipolab.com",
        *lines,
        f"farline lab down --run-dir {run_dir}",
    ]


def up(command: Sequence[str], run_dir: Path) -> LabState:
    """Start `command` (which holds a lab) in the background; gives its state once it is ready.

    Raises LabError with its last words when it ends before.
    """
    log = run_dir / LAB_LOG
    run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    until = time.monotonic() + UP_SECONDS
    while process.poll() is None and time.monotonic() < until:
        state = read_state(run_dir)
        if state is not None and state.ready and state.pid == process.pid:
            return state
        time.sleep(POLL_SECONDS)
    if process.poll() is None:
        process.terminate()
        process.wait()
    raise LabError(f"the lab did not come up:\n{log.read_text(errors='replace').strip()}")


def down(run_dir: Path) -> LabState:
    """End the lab of a run directory and wait until it is gone. Raises LabError without one."""
    state = read_state(run_dir)
    if state is None:
        raise LabError(f"no lab is running in {run_dir}")
    for number, seconds in ((signal.SIGTERM, DOWN_SECONDS), (signal.SIGKILL, 5.0)):
        with suppress(ProcessLookupError):
            os.kill(state.pid, number)
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if start_time(state.pid) != state.started:
                return state
            time.sleep(POLL_SECONDS)
    raise LabError(f"the lab (process {state.pid}) does not end")
