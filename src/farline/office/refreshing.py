"""Keeping a leg's session alive (RFC 4028): our refreshes, and the end when nobody refreshed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline.office.causes import Cause, cause_of
from farline.office.events import Ended
from farline.office.session_timer import SessionTimer

if TYPE_CHECKING:
    from farline.office.inviting import Inviting
    from farline.office.leg import Leg
    from farline.sip import Message


class Refreshing:
    """The session timer of one leg, and what is sent because of it."""

    def __init__(self, leg: Leg) -> None:
        self._leg = leg
        self.timer = SessionTimer(leg.stack.timers, self._refresh, self._expired)
        self._invite: Inviting | None = None
        """A refresh under way that the call is not told of."""

    def done(self, inviting: Inviting) -> bool:
        """Whether this INVITE of ours, now answered, was a refresh."""
        ours = self._invite is inviting
        if ours:
            self._invite = None
        return ours

    def _refresh(self, now: float) -> None:
        """It is our turn: UPDATE where the phone knows it, else the last description again."""
        leg = self._leg
        if leg.busy:
            return  # the offer under way refreshes it
        if "update" in leg.allows:
            leg.ask("UPDATE", self.timer.ask(), b"", now, self._updated)
        elif leg.own.last:
            leg.offer(leg.own.last, now)
            self._invite = leg.inviting

    def _updated(self, status: int, message: Message | None, now: float) -> None:
        if 200 <= status < 300 and message is not None:
            self.timer.accept(message, now)
        elif status in (408, 481):
            self._leg.over(Ended(cause_of(status)), now)

    def _expired(self, now: float) -> None:
        """Nobody refreshed the session: it is over, and the phone is told."""
        leg = self._leg
        if leg.dialog is not None:
            leg.dismiss(leg.dialog, now, Cause.TIMER_EXPIRY)
        leg.over(Ended(Cause.TIMER_EXPIRY), now)
