"""Servers of a lab that die are started again, as `farline run` starts its roles again."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from farline.lab.errors import LabError
from farline.runtime import clock
from farline.runtime.supervisor import next_pause, obituary

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from farline.lab.children import Child, Children

    Start = Callable[[], Awaitable[Child]]
    """Starts the process anew."""
    Wait = Callable[[Child], Awaitable[None]]
    """Waits until it answers; raises LabError when it ends before, or does not."""


class Revival:
    """Watches over processes; `stop` lets them be, so that they can be ended."""

    def __init__(self, children: Children, notice: Callable[[str], None]) -> None:
        self._children = children
        self._notice = notice
        self._watches: list[asyncio.Task[None]] = []

    def watch(self, child: Child, start: Start, wait: Wait) -> None:
        """From now on: when it ends it is started again, and said so."""
        self._watches.append(asyncio.ensure_future(self._watch(child, start, wait)))

    async def stop(self) -> None:
        """Start nothing any more."""
        for watch in self._watches:
            watch.cancel()
        await asyncio.gather(*self._watches, return_exceptions=True)
        self._watches.clear()

    async def _watch(self, child: Child, start: Start, wait: Wait) -> None:
        pause, began = 0.0, clock.monotonic()
        while True:
            status = await child.process.wait()
            pause = next_pause(pause, clock.monotonic() - began)
            self._notice(obituary(child.name, status, child.log, pause))
            await self._children.bury(child)
            await asyncio.sleep(pause)
            began = clock.monotonic()
            child = await start()
            try:
                await wait(child)
            except LabError:
                continue  # it has ended, or may answer yet: its end tells
            self._notice(f"{child.name} is ready")
