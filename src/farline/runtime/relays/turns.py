"""How much of the loop's time goes into looking at what clients of a relay say.

Looking at bytes costs far more than passing them on, and the loop that does it also serves SIP. So
a client's bytes are looked at a slice a turn, and all clients of a relay together wait after each
slice for as long as leaves the rest of the time to others.
"""

from __future__ import annotations

from collections import deque
from time import perf_counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from farline.runtime.relays.pair import Pair

SLICE = 4096
"""Bytes of one client that are looked at in one turn of the loop."""
REST = 3.0
"""Times as long as a slice took that nothing of the relay is looked at."""


class Turns:
    """The share of the loop's time that one relay's clients get. `clock`: seconds."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, clock: Callable[[], float] = perf_counter
    ) -> None:
        self._loop = loop
        self._clock = clock
        self._queue: deque[Intake] = deque()
        self._next: asyncio.TimerHandle | None = None
        self._free_at = 0.0

    def ask(self, intake: Intake) -> None:
        """Let a client have its turn: at once, or when all before it have had theirs."""
        if self._next is None and self._clock() >= self._free_at:
            self._give(intake)
        else:
            self._queue.append(intake)
        self._go_on()

    def _give(self, intake: Intake) -> None:
        began = self._clock()
        if intake.look():
            self._queue.append(intake)
        now = self._clock()
        self._free_at = now + (now - began) * REST

    def _go_on(self) -> None:
        if self._queue and self._next is None:
            wait = max(0.0, self._free_at - self._clock())
            self._next = self._loop.call_later(wait, self._due)

    def _due(self) -> None:
        self._next = None
        self._give(self._queue.popleft())
        self._go_on()


class Intake:
    """What one client has said and nobody has looked at yet: hardly more than one read."""

    def __init__(self, pair: Pair, turns: Turns) -> None:
        self._pair = pair
        self._turns = turns
        self._unread = bytearray()
        self._ended = False
        """The client says no more after this."""

    def __bool__(self) -> bool:
        return bool(self._unread)

    def take(self, data: bytes) -> None:
        """Bytes from the client."""
        waits = bool(self._unread)
        self._unread += data
        if not waits:
            self._turns.ask(self)
        if self._unread:
            self._pair.pause_client()

    def end(self) -> bool:
        """The client says no more. True: its relayed connection hears of it later."""
        self._ended = bool(self._unread)
        return self._ended

    def stop(self) -> None:
        """Nobody cares any more."""
        self._unread.clear()

    def look(self) -> bool:
        """Look at a slice; whether there is more."""
        if not self._unread:
            return False
        size = len(self._unread) if self._pair.opaque else SLICE
        part = bytes(self._unread[:size])
        del self._unread[:size]
        self._pair.look(part)
        if not self._unread:
            self._pair.all_looked_at(ended=self._ended)
        return bool(self._unread)
