"""A client that has closed its TLS connection while what it said last waits for the server.

TLS of asyncio has no half-close: the client's connection is gone with its end. What it sent before
(for which a connection is still being made, or which nobody has looked at) goes to the server all
the same, in bounded time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

    from farline.runtime.relays.pair import Pair

LINGER_SECONDS = 5.0
"""For what was said last, once there is a connection; and for a client to take its refusal."""


class Leaving:
    """The end of one client; true while its last bytes are under way."""

    __slots__ = ("_limit", "_pair")

    def __init__(self, pair: Pair) -> None:
        self._pair = pair
        self._limit: asyncio.TimerHandle | None = None

    def __bool__(self) -> bool:
        return self._limit is not None

    def begin(self) -> bool:
        """The client is gone. Whether something that it said still waits."""
        pair = self._pair
        said = bool(pair.intake or pair.early) and pair.ending in (None, "closed")
        if said:
            seconds = pair.relay.plan.connect_seconds + LINGER_SECONDS
            self._limit = pair.loop.call_later(seconds, pair.abort, "closed")
        return said

    def go_on(self) -> None:
        """Something of it was looked at, or there is a connection: close that after all of it."""
        pair = self._pair
        if pair.intake or pair.early:
            return
        inside = pair.inside.transport
        if inside is None:
            pair.abort("closed")  # nothing of it was for the server
        elif not inside.is_closing():
            inside.close()

    def stop(self) -> None:
        """Nothing is waited for any more."""
        if self._limit is not None:
            self._limit.cancel()
            self._limit = None
