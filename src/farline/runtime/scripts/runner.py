"""Runs signaling manipulation scripts, each in a sandboxed process of its own.

A process that does not answer within the script's time limit is killed and started again for the
next message. Nothing here raises into the border.
"""

from __future__ import annotations

import asyncio
import logging
import os
import struct
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from farline.border.interworking.scripts import Manipulate, Manipulated
from farline.runtime import clock
from farline.runtime.named_files import read_named

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from farline.config.scripts import SignalingScript

log = logging.getLogger(__name__)

START_SECONDS = 10.0
"""For the interpreter to start; only the first message after a start may wait for it."""

MAX_QUEUE = 1000
"""Messages that may wait for one script."""

REST_SECONDS = 1.0
"""After a script that could not be started, until it is tried again."""


class ScriptError(RuntimeError):
    """A script that cannot be started; the text says why."""


class Script:
    """One script and its process."""

    def __init__(self, form: SignalingScript, base: Path) -> None:
        """Raises NamedFileError when the file cannot be read."""
        self.form = form
        self._source = read_named(form, "file", base / form.file)
        self._process: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()
        self._waiting = 0
        self._rest_until = 0.0
        self.sandbox = ""
        self.runs = self.failures = self.kills = 0

    async def run(self, data: bytes, direction: str) -> tuple[bytes, str]:
        """(the message as the script leaves it, ""), or (b"", why not)."""
        if self._waiting >= MAX_QUEUE:
            return b"", f"{MAX_QUEUE} messages wait for it"
        self._waiting += 1
        try:
            async with self._turn:
                result = await self._run(data, direction)
        finally:
            self._waiting -= 1
        self.runs += 1
        self.failures += bool(result[1])
        return result

    async def start(self) -> None:
        """Start the process if it does not run. Raises ScriptError."""
        if self._process is not None and self._process.returncode is None:
            return
        if clock.monotonic() < self._rest_until:
            raise ScriptError("it could not be started a moment ago")
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "farline.runtime.scripts.sandbox", str(self.form.memory_mb),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            env={"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PATH": os.defpath},
        )  # fmt: skip
        try:
            async with asyncio.timeout(START_SECONDS):
                failed, said = await self._exchange(self._source)
        except (TimeoutError, OSError, asyncio.IncompleteReadError) as error:
            failed, said = True, f"it does not start: {type(error).__name__}"
        if failed:
            await self.stop()
            self._rest_until = clock.monotonic() + REST_SECONDS
            raise ScriptError(said)
        self.sandbox = said

    async def stop(self) -> None:
        """Kill the process, and wait until it is gone."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
        if process.stdin is not None:
            process.stdin.close()
        await process.wait()

    def is_same(self, other: Script) -> bool:
        """Whether another one would do the same."""
        return (self.form, self._source) == (other.form, other._source)

    async def retire(self) -> None:
        """Stop behind the messages that wait; nobody may ask for more."""
        async with self._turn:
            await self.stop()

    def show(self) -> dict[str, object]:
        """Figures for people."""
        return {
            "script": self.form.name, "closed": self.sandbox, "runs": self.runs,
            "failures": self.failures, "killed": self.kills,
        }  # fmt: skip

    async def _run(self, data: bytes, direction: str) -> tuple[bytes, str]:
        try:
            await self.start()
        except ScriptError as error:
            return b"", str(error)
        try:
            async with asyncio.timeout(self.form.time_limit_ms / 1000):
                failed, said = await self._exchange(direction.encode() + b"\n" + data)
        except TimeoutError:
            await self.stop()
            self.kills += 1
            return b"", f"it took longer than {self.form.time_limit_ms} ms and was killed"
        except (OSError, asyncio.IncompleteReadError):
            await self.stop()
            return b"", "its process died"
        return (b"", said) if failed else (self._answer, "")

    async def _exchange(self, frame: bytes) -> tuple[bool, str]:
        """Send a frame and read the answer: whether it failed, and its text (else `_answer`)."""
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            raise BrokenPipeError("the script has no process")
        process.stdin.write(struct.pack(">I", len(frame)) + frame)
        await process.stdin.drain()
        failed, size = struct.unpack(">BI", await process.stdout.readexactly(5))
        self._answer = await process.stdout.readexactly(min(size, 1 << 20))
        return bool(failed), self._answer.decode("utf-8", "replace")


class Scripts:
    """Every script of a border."""

    def __init__(
        self, forms: Sequence[SignalingScript], base: Path, done: Callable[[object], None]
    ) -> None:
        """`done` is given each `Manipulated`. Raises NamedFileError."""
        self._scripts = {form.name: Script(form, base) for form in forms}
        self._done = done
        self._tasks: set[asyncio.Task[None]] = set()

    async def adopt(self, forms: Sequence[SignalingScript], base: Path) -> None:
        """Go by other forms and files; messages that wait for a script that goes are served by it.

        Raises NamedFileError for a file that cannot be read, and then nothing has changed.
        """
        fresh = {form.name: Script(form, base) for form in forms}
        for name, script in self._scripts.items():
            if name in fresh and fresh[name].is_same(script):
                fresh[name] = script
        gone = [one for name, one in self._scripts.items() if fresh.get(name) is not one]
        self._scripts = fresh
        await self.start()
        for script in gone:
            await script.retire()

    async def start(self) -> None:
        """Start every script; one that cannot be is logged, and tried again when it is needed."""
        for script in self._scripts.values():
            try:
                await script.start()
            except ScriptError as error:
                log.warning("script %s: %s", script.form.name, error)

    async def stop(self) -> None:
        """Kill every process."""
        for task in self._tasks:
            task.cancel()
        for script in self._scripts.values():
            await script.stop()

    def take(self, output: object) -> None:
        """An output of the core that the driver does not know."""
        if isinstance(output, Manipulate):
            task = asyncio.ensure_future(self._manipulate(output))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def show(self) -> list[dict[str, object]]:
        """Figures for people."""
        return [script.show() for script in self._scripts.values()]

    async def _manipulate(self, order: Manipulate) -> None:
        script = self._scripts.get(order.script)
        if script is None:
            self._done(Manipulated(order.ticket, error="no such script"))
            return
        data, error = await script.run(order.data, order.direction)
        self._done(Manipulated(order.ticket, data, error))
