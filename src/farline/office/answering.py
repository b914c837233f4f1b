"""One INVITE or UPDATE of the peer, from its arrival to the ACK."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline.office.body import description
from farline.office.causes import Cause
from farline.office.events import Acknowledged, Ended
from farline.sip import WireError

if TYPE_CHECKING:
    from farline.office.leg import Leg
    from farline.office.stack import Headers
    from farline.sip import Message
    from farline.sip.schedule import Alarm
    from farline.sip.transaction import ServerTransaction

T1 = 0.5
T2 = 4.0
GIVE_UP = 64 * T1
"""Seconds without ACK after which a 2xx counts as lost (RFC 3261 section 13.3.1.4)."""


class Answering:
    """Progress, one final answer, and for INVITE the 2xx again and again until the ACK."""

    def __init__(
        self, leg: Leg, tx: ServerTransaction, offer: bytes | None, *, first: bool
    ) -> None:
        self.leg = leg
        self.tx = tx
        self.offer = offer
        self.first = first
        self.answered = False
        """The final answer was given."""

        self.waits_for_ack = False
        self._timer: Alarm | None = None

    @property
    def is_invite(self) -> bool:
        """Else it is UPDATE, which has no ACK and no provisional answers."""
        return self.tx.method == "INVITE"

    def progress(self, status: int, sdp: bytes | None, now: float) -> None:
        """180 or 183, with early media or without."""
        if not self.answered and self.is_invite:
            self._reply(status, now, self.leg.identity(self.tx.flow), sdp)

    def accept(self, sdp: bytes, now: float) -> None:
        """200 with our description (already in our form)."""
        leg = self.leg
        self.answered = True
        timer = leg.timer.agree(self.tx.request, now)
        response = self._reply(200, now, [*leg.identity(self.tx.flow), *timer], sdp)
        if leg.dialog is not None:
            leg.dialog.confirm()
        if self.is_invite:
            self.waits_for_ack = True
            self._wait(response, T1, now + GIVE_UP, now)

    def refuse(self, status: int, now: float, fields: Headers = ()) -> None:
        """A final answer other than 2xx."""
        if not self.answered:
            self.answered = True
            self._reply(status, now, fields, None)

    def acknowledge(self, message: Message, now: float) -> None:
        """An ACK came in the dialog; only the first one of our 2xx is news."""
        if not self.waits_for_ack or message.cseq != self.tx.request.cseq:
            return
        self.stop()
        try:
            sdp = description(message)
        except WireError:
            sdp = None
        self.leg.acknowledged(Acknowledged(sdp), now)

    def cancelled(self, now: float) -> None:
        """CANCEL: 487, and a first INVITE ends the leg."""
        if self.answered:
            return
        self.refuse(487, now)
        if self.first:
            self.leg.over(Ended(Cause.NORMAL), now)

    def stop(self) -> None:
        """No more repeats."""
        self.waits_for_ack = False
        if self._timer is not None:
            self._timer.stop()

    def _reply(self, status: int, now: float, fields: Headers, sdp: bytes | None) -> Message:
        return self.leg.stack.reply(
            self.tx, status, now, headers=fields, body=sdp or b"", to_tag=self.leg.tag
        )

    def _wait(self, response: Message, interval: float, until: float, now: float) -> None:
        """Repeat the 2xx whatever the transport (section 13.3.1.4), then give the call up."""

        def again(now: float) -> None:
            if now >= until:
                self.stop()
                self.leg.unacknowledged(now)
                return
            self.leg.stack.layer.respond(self.tx, response, now)
            self._wait(response, min(2 * interval, T2), until, now)

        self._timer = self.leg.stack.timers.start(min(now + interval, until), "2xx", again)
