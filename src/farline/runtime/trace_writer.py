"""Writes the event stream of one role as JSON lines, away from the event loop's hot path."""

from __future__ import annotations

import asyncio
import logging
import os
from collections import deque
from typing import TYPE_CHECKING

from farline.runtime import clock
from farline.trace.codec import encode_event

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from farline.trace.events import Event

log = logging.getLogger(__name__)

FLUSH_SECONDS = 0.2
MAX_WAITING = 50_000
"""Events that may wait for the disk; beyond it they are dropped and counted, calls are not."""
MAX_FILE = 64 * 1024 * 1024
"""Bytes of a trace file before it becomes NAME.1 and a new one begins."""


class TraceWriter:
    """Call it with an event; `start` and `stop` around its life. The file has mode 600."""

    def __init__(
        self, path: Path, role: str, encode: Callable[[Event, float, str], str] = encode_event
    ) -> None:
        """`encode(event, wall-clock seconds, role)` gives what stands in the file, less its LF."""
        self.path = path
        self.role = role
        self._encode = encode
        self.dropped = 0
        self._waiting: deque[tuple[float, Event]] = deque()
        self._task: asyncio.Task[None] | None = None

    def __call__(self, event: Event) -> None:
        """Queue one event with the present wall-clock time."""
        if len(self._waiting) >= MAX_WAITING:
            self.dropped += 1
            return
        self._waiting.append((clock.wall(), event))

    async def start(self) -> None:
        """Begin to write."""
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Write what waits, and end."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self.flush()

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            if self._waiting:
                await asyncio.to_thread(self.flush)

    def flush(self) -> None:
        """Write all that waits; a full disk costs events, never a call."""
        batch: list[str] = []
        while self._waiting and len(batch) < MAX_WAITING:
            at, event = self._waiting.popleft()
            batch.append(self._encode(event, at, self.role))
        if not batch:
            return
        try:
            with open(self.path, "a", encoding="utf-8", opener=_private) as file:
                file.write("\n".join(batch) + "\n")
                full = file.tell() > MAX_FILE
            if full:
                self.path.replace(self.path.with_name(self.path.name + ".1"))
        except OSError as error:
            self.dropped += len(batch)
            log.warning("trace %s: %s (%d events dropped)", self.path, error, self.dropped)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
