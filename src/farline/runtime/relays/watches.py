"""The times that a relayed connection is held to: of its login, of a request, of silence."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

    from farline.runtime.relays.pair import Pair


class Watches:
    """One connection's timers; each ends it with `Pair.abort` and the word that is counted."""

    __slots__ = ("_began", "_idle", "_login", "_missed", "_pair", "_request", "_whole")

    def __init__(self, pair: Pair) -> None:
        self._pair = pair
        self._idle: asyncio.TimerHandle | None = None
        self._request: asyncio.TimerHandle | None = None
        self._login: asyncio.TimerHandle | None = None
        self._began = 0.0
        """When what the client has not ended yet began."""
        self._whole = 0
        """How much of what it began had ended then."""
        self._missed = False
        """The last look found no phone registered from there."""

    def request(self) -> None:
        """What the client has begun must end within Request Timeout; the next has its own time."""
        pair, inspector = self._pair, self._pair.inspector
        if inspector is None or not inspector.waiting:
            if self._request is not None:
                self._request.cancel()
                self._request = None
        elif pair.ending is None and (self._request is None or inspector.whole != self._whole):
            self._began, self._whole = pair.loop.time(), inspector.whole
            if self._request is None:
                seconds = pair.relay.plan.request_seconds
                self._request = pair.loop.call_later(seconds, self._late)

    def _late(self) -> None:
        """A request's time may be over; while we read no more of the client it is not its fault."""
        pair = self._pair
        seconds = pair.relay.plan.request_seconds
        if pair.intake or pair.inside.full:
            self._began = pair.loop.time()
        left = self._began + seconds - pair.loop.time()
        if left <= 0:
            pair.abort("slow")
        else:
            self._request = pair.loop.call_later(left, self._late)

    def login(self, *, first: bool = False) -> None:
        """Whitelist Flows: a phone must be registered from there, not only now and then."""
        pair = self._pair
        whitelist = pair.relay.plan.whitelist
        if whitelist is None or pair.ending is not None or not pair.started:
            return
        known = pair.known if first else pair.relay.knows(pair.source)
        if not known and self._missed:
            pair.abort("no login")
            return
        self._missed = not known
        self._login = pair.loop.call_later(whitelist.login_seconds, self.login)

    def idle(self) -> None:
        """One timer a connection, looked at again only when it may have run out."""
        pair = self._pair
        until = pair.last_heard + pair.relay.plan.idle_seconds
        if pair.ending is not None or not pair.started:
            return
        if pair.loop.time() >= until:
            pair.abort("idle")
            return
        self._idle = pair.loop.call_at(until, self.idle)

    def stop(self) -> None:
        """The connection is over."""
        for timer in (self._idle, self._request, self._login):
            if timer is not None:
                timer.cancel()
