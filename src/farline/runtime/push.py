"""Push: a POST to the push service of a subscriber flow, which wakes a phone (RFC 8599)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import aiohttp

from farline.border.registrations.push import Push
from farline.trace.events import Note

if TYPE_CHECKING:
    from collections.abc import Callable

    from farline.trace.events import Event

SECONDS = 5.0
"""How long the service may take; a call waits meanwhile."""

AT_ONCE = 32
"""Requests under way."""

MAX_WAITING = 1000
"""Further ones; what does not fit is dropped and counted."""


class PushSender:
    """Sends JSON: pn-provider, pn-prid, pn-param, aor, method. Answers are only looked at."""

    def __init__(self, trace: Callable[[Event], None]) -> None:
        self._trace = trace
        self._turn = asyncio.Semaphore(AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()
        self._session: aiohttp.ClientSession | None = None
        self.sent = self.failed = self.dropped = 0

    def take(self, output: object) -> None:
        """Send a push; any other output is not for us."""
        if not isinstance(output, Push):
            return
        if len(self._tasks) >= AT_ONCE + MAX_WAITING:
            self.dropped += 1
            return
        task = asyncio.get_running_loop().create_task(self._send(output))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def show(self) -> dict[str, int]:
        """Counts, for people."""
        return {"sent": self.sent, "failed": self.failed, "dropped": self.dropped}

    async def stop(self) -> None:
        """Give up what is under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    async def _send(self, push: Push) -> None:
        body = {**dict(push.params), "aor": push.aor, "method": push.method}
        async with self._turn:
            try:
                status = await self._post(push.url, body)
            except (aiohttp.ClientError, TimeoutError) as error:
                self._failed(push, str(error) or type(error).__name__)
                return
        if status < 300:
            self.sent += 1
        else:
            self._failed(push, f"the push service answers {status}")

    async def _post(self, url: str, body: dict[str, str]) -> int:
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=SECONDS)
            self._session = aiohttp.ClientSession(timeout=timeout)
        async with self._session.post(url, json=body, allow_redirects=False) as response:
            return response.status

    def _failed(self, push: Push, why: str) -> None:
        self.failed += 1
        self._trace(Note("push failed", f"{push.aor}: {why}"))
