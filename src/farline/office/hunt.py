"""Ringing all the phones of a user: the first that answers wins, the others are cancelled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from farline.office.causes import Cause, cause_of, passed_on, preference
from farline.office.events import Answered, Ended, Refused, Ringing
from farline.office.forms import Party
from farline.office.leg import Leg

if TYPE_CHECKING:
    from farline.config import User
    from farline.office.bindings import Binding
    from farline.office.events import LegEvent
    from farline.office.stack import Stack
    from farline.sip.schedule import Alarm


class Hunter(Protocol):
    """Who wants the user."""

    def rings(self, leg: Leg, event: Ringing, now: float) -> None:
        """A phone rings."""

    def won(self, leg: Leg, event: Answered, now: float) -> None:
        """A phone was answered; the leg is the hunter's from here on."""

    def lost(self, status: int, cause: Cause, now: float) -> None:
        """Nobody answers."""


class Hunt:
    """One search for one user."""

    def __init__(self, stack: Stack, hunter: Hunter, user: User, caller: User) -> None:
        self._stack = stack
        self._hunter = hunter
        self._user = user
        self._party = Party(caller.extension, caller.display_name)
        self.legs: list[Leg] = []
        """The phones that still ring."""

        self._rejections: list[int] = []
        self._timer: Alarm | None = None
        self._over = False

    @property
    def alone(self) -> bool:
        """Whether one phone only is rung."""
        return len(self.legs) + len(self._rejections) == 1

    def start(
        self, phones: list[Binding], sdp: bytes | None, hops: int, seconds: float, now: float
    ) -> None:
        """Ring them for so many seconds. `hops`: Max-Forwards."""
        legs = [(Leg(self._stack, self, self._user, self._party), phone) for phone in phones]
        self.legs = [leg for leg, _ in legs]
        self._timer = self._stack.timers.start(now + seconds, "no-answer", self._unanswered)
        for leg, phone in legs:
            if not self._over:
                leg.call(phone, sdp, hops, now)

    def stop(self, cause: Cause | None, now: float) -> None:
        """Cancel what rings; `cause` None: answered elsewhere."""
        self._over = True
        if self._timer is not None:
            self._timer.stop()
        legs, self.legs = self.legs, []
        for leg in legs:
            leg.hang_up(cause, now)

    def on_event(self, leg: Leg, event: LegEvent, now: float) -> None:
        """What a ringing phone tells."""
        if leg not in self.legs:
            return
        match event:
            case Ringing():
                self._hunter.rings(leg, event, now)
            case Answered():
                self.legs.remove(leg)
                self.stop(None, now)
                self._hunter.won(leg, event, now)
            case Refused(status):
                self._refused(leg, status, now)
            case Ended():
                self._refused(leg, 480, now)

    def _refused(self, leg: Leg, status: int, now: float) -> None:
        self.legs.remove(leg)
        self._rejections.append(status)
        if status >= 600 or not self.legs:
            best = min(self._rejections, key=preference)
            self.stop(Cause.NORMAL, now)
            self._hunter.lost(passed_on(best), cause_of(best), now)

    def _unanswered(self, now: float) -> None:
        self.stop(Cause.NO_ANSWER, now)
        self._hunter.lost(480, Cause.NO_ANSWER, now)
