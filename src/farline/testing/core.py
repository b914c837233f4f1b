"""A core that only notes its inputs and gives out what a test tells it to."""

from __future__ import annotations

import asyncio
from typing import TypeVar

from farline.sip.effects import Deadline, Expired

E = TypeVar("E")
PATIENCE_SECONDS = 30.0
"""How long a busy machine may take for what must come."""


class NotingCore:
    """Puts inputs on a queue and gives out what the test put into `outputs`."""

    def __init__(self) -> None:
        self.inputs: asyncio.Queue[object] = asyncio.Queue()
        self.outputs: list[object] = []
        self.deadline: Deadline | None = None
        self.fail_on: type | None = None

    def handle(self, event: object, now: float) -> None:
        """Note it. Raises RuntimeError for an event of type `fail_on`."""
        if self.fail_on is not None and isinstance(event, self.fail_on):
            raise RuntimeError("a defect")
        if isinstance(event, Expired):
            self.deadline = None
        self.inputs.put_nowait(event)

    def poll(self) -> object | None:
        """The next of `outputs`."""
        return self.outputs.pop(0) if self.outputs else None

    def next_deadline(self) -> Deadline | None:
        """`deadline`."""
        return self.deadline

    async def next(self, kind: type[E]) -> E:
        """The next input. Raises AssertionError when it is of another kind."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            event = await self.inputs.get()
        if not isinstance(event, kind):
            raise AssertionError(event)
        return event
