"""Session timers of one leg (RFC 4028): refresh when it is our turn, else wait."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline.sip import WireError, headers
from farline.sip.headers import Refresher, SessionExpires

if TYPE_CHECKING:
    from collections.abc import Callable

    from farline.office.stack import Headers
    from farline.sip import Message
    from farline.sip.schedule import Alarm, Schedule

MIN_SE = 90
"""The least interval in seconds (RFC 4028 section 4)."""


class IntervalTooSmall(Exception):
    """The request asked for less than `MIN_SE`."""


class SessionTimer:
    """Not running until one side asks for it."""

    def __init__(
        self,
        timers: Schedule,
        refresh: Callable[[float], None],
        expired: Callable[[float], None],
    ) -> None:
        self._timers = timers
        self._refresh = refresh
        self._expired = expired
        self._interval = 0
        self._ours = False
        self._running: Alarm | None = None

    @property
    def interval(self) -> int:
        """Seconds, 0 while no timer is agreed."""
        return self._interval

    def agree(self, request: Message, now: float) -> Headers:
        """Take the wish of a peer's INVITE or UPDATE; what our 2xx says about it.

        A peer that does not name the refresher is it. Raises IntervalTooSmall.
        """
        asked = wish(request)
        if asked is None:
            self.stop()
            return ()
        self._interval = asked.interval
        self._ours = asked.refresher is Refresher.UAS
        self.restart(now)
        said = SessionExpires(asked.interval, asked.refresher or Refresher.UAC)
        return [("Session-Expires", str(said)), ("Require", "timer")]

    def accept(self, response: Message, now: float) -> None:
        """Take what the peer's 2xx to our INVITE or UPDATE says."""
        try:
            said = headers.session_expires(response)
        except WireError:
            said = None
        if said is None:
            self.stop()
            return
        self._interval = max(said.interval, MIN_SE)
        self._ours = said.refresher is not Refresher.UAS
        self.restart(now)

    def ask(self) -> Headers:
        """What our requests inside the dialog say: the timer as it was agreed."""
        if not self._interval:
            return ()
        refresher = Refresher.UAC if self._ours else Refresher.UAS
        return [("Session-Expires", str(SessionExpires(self._interval, refresher)))]

    def restart(self, now: float) -> None:
        """The session was refreshed."""
        if self._running is not None:
            self._running.stop()
        if self._ours:
            half = now + self._interval / 2
            self._running = self._timers.start(half, "session-refresh", self._turn)
        else:
            early = min(32.0, self._interval / 3)
            end = now + self._interval - early
            self._running = self._timers.start(end, "session-expires", self._expired)

    def _turn(self, now: float) -> None:
        """Half the time is over: refresh, and wait for the end should nobody answer."""
        early = min(32.0, self._interval / 3)
        left = self._interval / 2 - early
        self._running = self._timers.start(now + left, "session-expires", self._expired)
        self._refresh(now)

    def stop(self) -> None:
        """No timer any more."""
        self._interval = 0
        if self._running is not None:
            self._running.stop()
            self._running = None


def wish(request: Message) -> SessionExpires | None:
    """The session interval that a request asks for. Raises IntervalTooSmall, WireError."""
    asked = headers.session_expires(request)
    if asked is None or "timer" not in headers.tokens(request, "Supported"):
        return None
    if asked.interval < MIN_SE:
        raise IntervalTooSmall
    return asked
