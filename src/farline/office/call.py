"""A call: events of one leg become actions on the other (a B2BUA).

caller's leg  Offered -> media Offer  -> ring every phone of the called user
a phone       Ringing -> progress on the caller's leg
first phone   Answered -> media Answer -> answer on the caller's leg, the other phones cancelled
either leg    Offered -> media Offer -> offer on the other -> Answered -> media Answer -> answer
either leg    Ended -> hang up the other, one call record
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline.office.causes import Cause, cause_of
from farline.office.events import (
    Acknowledged,
    Answered,
    Ended,
    Informed,
    Offered,
    Refused,
    TransferAsked,
)
from farline.office.hunt import Hunt
from farline.office.info import pass_on
from farline.office.session import Exchange, MediaSession
from farline.trace.events import CallChanged

if TYPE_CHECKING:
    from farline.config import User
    from farline.office.bindings import Binding
    from farline.office.events import LegEvent, Ringing
    from farline.office.leg import Leg
    from farline.office.stack import Stack
    from farline.office.switchboard import Switchboard
    from farline.office.transfer import Transfer


class Call:
    """One caller, one called user, the phones that ring, then two legs that talk."""

    def __init__(
        self, stack: Stack, switchboard: Switchboard, caller: User, called: User, now: float
    ) -> None:
        self._stack = stack
        self.switchboard = switchboard
        self.caller = caller
        self.called = called
        self.started = now
        self.answered: float | None = None
        self.over = False
        self.name = ""
        """Call-ID of the caller's leg."""

        self.a: Leg | None = None
        self.b: Leg | None = None
        self.media: MediaSession | None = None
        self.transfer: Transfer | None = None
        """The transfer under way."""

        self._hunt: Hunt | None = None
        self._exchange: Exchange | None = None

    # ---- two beginnings ----

    def start(
        self,
        leg: Leg,
        offer: bytes | None,
        phones: list[Binding],
        *,
        hops: int,
        seconds: float,
        now: float,
    ) -> None:
        """Ring `phones` for so many seconds for the caller at `leg`. `hops`: Max-Forwards."""
        self.a = leg
        self.name = leg.call_id
        media = self.media = MediaSession(self._stack, leg)
        hunt = self._hunt = Hunt(self._stack, self, self.called, self.caller)
        self._changed("started", f"{self.caller.extension} calls {self.called.extension}")
        if offer is None:
            hunt.start(phones, None, hops, seconds, now)
            return

        def ready(sdp: bytes | None, status: int, now: float) -> None:
            if self.over:
                return
            if sdp is None:
                self.lost(status, cause_of(status), now)
            else:
                hunt.start(phones, sdp, hops, seconds, now)

        media.offer(leg, phones[0].kept.source_host, offer, ready, now)

    def join(self, first: Leg, second: Leg, offer: bytes, now: float) -> None:
        """Connect a leg that talks already with one that has answered with a late offer."""
        self.a, self.b = first, second
        self.name = second.call_id
        first.listener = second.listener = self
        media = self.media = MediaSession(self._stack, first)
        self.answered = now
        self._exchange = Exchange(second, first)
        self._changed("started", f"{self.caller.extension} to {self.called.extension}, transferred")

        def ready(sdp: bytes | None, status: int, now: float) -> None:
            if sdp is None:
                self.end(cause_of(status), now)
            else:
                first.offer(sdp, now)

        media.offer(second, first, offer, ready, now)

    # ---- while it rings (Hunter) ----

    def rings(self, leg: Leg, event: Ringing, now: float) -> None:
        """Ringing; early media only from a single phone, for there is one early answer."""
        caller = self.a
        if caller is None or self.over:
            return
        self._changed("ringing", self.called.extension)
        alone = self._hunt is not None and self._hunt.alone
        offered = leg.inviting is not None and leg.inviting.sdp is not None
        if event.sdp is None or not alone or not offered or self.media is None:
            caller.progress(180, None, now)
            return

        def ready(sdp: bytes | None, _status: int, now: float) -> None:
            if self.answered is None:
                caller.progress(event.status, sdp, now)

        self.media.answer(leg, caller, event.sdp, ready, now)

    def won(self, leg: Leg, event: Answered, now: float) -> None:
        """The first phone that answers."""
        if self.a is None or self.over:
            leg.hang_up(Cause.NORMAL, now)
            return
        self.b = leg
        leg.listener = self
        self._exchange = Exchange(self.a, leg, late=event.late)
        self._accepted(leg, event, now)

    def lost(self, status: int, cause: Cause, now: float) -> None:
        """The call never came to be."""
        if self.a is not None:
            self.a.refuse(status, cause, now)
        self.end(cause, now)

    # ---- what the two legs tell ----

    def on_event(self, leg: Leg, event: LegEvent, now: float) -> None:
        """One event; a leg that is no part of the call (any more) is not heard."""
        if self.over or (leg is not self.a and leg is not self.b):
            return
        match event:
            case Refused(status):
                self._refused(leg, status, now)
            case Answered():
                self._accepted(leg, event, now)
            case Offered(sdp):
                self._offered(leg, sdp, now)
            case Acknowledged(sdp):
                self._acknowledged(leg, sdp, now)
            case Ended(cause):
                self._left(leg, cause, now)
            case Informed():
                pass_on(leg, self.partner(leg), event, now)
            case TransferAsked(tx, message):
                self.switchboard.transfer(self, leg, tx, message, now)

    def partner(self, leg: Leg) -> Leg | None:
        """The other leg."""
        return self.b if leg is self.a else self.a

    def _offered(self, leg: Leg, sdp: bytes | None, now: float) -> None:
        """A leg changes the session: the other one is asked."""
        other = self.partner(leg)
        if other is None or self.media is None or self._exchange is not None or other.busy:
            leg.refuse(491, Cause.NORMAL, now)
            return
        self._exchange = Exchange(leg, other, late=sdp is None)
        if sdp is None:
            other.offer(None, now)
            return

        def ready(sdp: bytes | None, status: int, now: float) -> None:
            if sdp is None:
                self._exchange = None
                leg.refuse(status, cause_of(status), now)
            else:
                other.offer(sdp, now)

        self.media.offer(leg, other, sdp, ready, now)

    def _accepted(self, leg: Leg, event: Answered, now: float) -> None:
        exchange = self._exchange
        if exchange is None or exchange.giver is not leg or self.media is None:
            return
        if event.sdp is None:
            self._give(None, 488, now)
        elif event.late:
            self.media.offer(leg, exchange.asker, event.sdp, self._give, now)
        else:
            self.media.answer(leg, exchange.asker, event.sdp, self._give, now)

    def _give(self, sdp: bytes | None, status: int, now: float) -> None:
        """The giver's description is ready for the asker; without one there is no call."""
        exchange = self._exchange
        if self.over or exchange is None:
            return
        if sdp is None:
            if self.answered is None:
                self.lost(status, cause_of(status), now)
            else:
                self.end(cause_of(status), now)
            return
        if not exchange.late:
            self._exchange = None
        if exchange.asker.inviting is not None and exchange.asker.inviting.waits:
            exchange.asker.acknowledge(sdp, now)
        else:
            exchange.asker.answer(sdp, now)
        if self.answered is None:
            self.answered = now
            self._changed("answered", self.called.extension)

    def _acknowledged(self, leg: Leg, sdp: bytes | None, now: float) -> None:
        """The ACK to a late offer brings the answer."""
        exchange = self._exchange
        if exchange is None or not exchange.late or exchange.asker is not leg:
            return
        self._exchange = None
        if sdp is None or self.media is None:
            self.end(Cause.INCOMPATIBLE, now)
            return

        def ready(sdp: bytes | None, status: int, now: float) -> None:
            if sdp is None:
                self.end(cause_of(status), now)
            else:
                exchange.giver.acknowledge(sdp, now)

        self.media.answer(leg, exchange.giver, sdp, ready, now)

    def _refused(self, leg: Leg, status: int, now: float) -> None:
        """The other leg does not take the change: the session stays as it was."""
        exchange, self._exchange = self._exchange, None
        if exchange is None or exchange.giver is not leg:
            return
        if exchange.asker.inviting is not None and exchange.asker.inviting.waits:
            self.end(cause_of(status), now)
        else:
            known = status if status in (488, 491, 606) else 488
            exchange.asker.refuse(known, cause_of(known), now)

    # ---- the end ----

    def _left(self, leg: Leg, cause: Cause, now: float) -> None:
        if self.transfer is not None and self.transfer.left(leg, now):
            self.release(leg)
        else:
            self.end(cause, now)

    def release(self, leg: Leg) -> None:
        """`leg` is no part of the call any more."""
        if leg is self.a:
            self.a = None
        elif leg is self.b:
            self.b = None

    def end(self, cause: Cause, now: float) -> None:
        """Hang up whoever is still there."""
        if self.over:
            return
        self.over = True
        if self._hunt is not None:
            self._hunt.stop(cause, now)
        if self.transfer is not None:
            self.transfer.stop(cause, now)
        for leg in (self.a, self.b):
            if leg is not None:
                leg.hang_up(cause, now)
        if self.media is not None:
            self.media.close(cause.text)
        self._changed("ended" if self.answered is not None else "failed", cause.text)
        self.switchboard.ended(self, cause, now)

    def _changed(self, state: str, detail: str) -> None:
        legs = (leg.call_id for leg in (self.a, self.b) if leg is not None)
        other = next((call_id for call_id in legs if call_id != self.name), "")
        self._stack.trace(CallChanged(self.name, state, detail, other))
