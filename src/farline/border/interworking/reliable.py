"""Reliable provisional answers to a caller who requires them of a server that has none (RFC 3262).

The server sends plain 18x; the border is the one that makes them reliable: RSeq, one at a time,
sent again until the caller's PRACK comes, which ends here. A 2xx waits for the PRACK of an answer
with SDP (section 3). An offer that the server makes goes in its 2xx only: the caller's answer would
come in PRACK, and the server waits for it in the ACK.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from farline.border.interworking.stage import RELIABLE
from farline.border.steps import Aborted
from farline.sip import WireError, headers
from farline.sip.transaction import Timers

if TYPE_CHECKING:
    from collections.abc import Callable

    from farline.border.calls.session import Session
    from farline.border.context import Context
    from farline.border.exchange import Side
    from farline.border.passage import Passage
    from farline.border.steps import Operation
    from farline.sip import Message
    from farline.sip.schedule import Alarm
    from farline.sip.transaction import ServerTransaction

MAX_WAITING = 8
"""Answers kept while the caller has not acknowledged the one before them; more are not sent."""

FORM = "RFC 3262"


class ReliableAnswers:
    """The 18x of one INVITE, as its caller gets them."""

    def __init__(
        self, context: Context, operation: Operation, tx: ServerTransaction, sender: Side
    ) -> None:
        self._context = context
        self._operation = operation
        self._tx = tx
        self.sender = sender
        """Who called: its PRACKs end here."""

        self._number = context.ids.number(30)
        self._waiting: deque[Message] = deque()
        self._unacknowledged: Message | None = None
        self._alarm: Alarm | None = None
        self._success: Callable[[], None] | None = None
        self._over = False

    def hides(self, response: Message) -> bool:
        """Whether the SDP of an 18x is an offer, which the caller reads in the 2xx only."""
        return response.status < 200 and not self._tx.request.body

    def serves(self, tx: ServerTransaction) -> bool:
        """Whether it is for this INVITE, not for an earlier one of the call."""
        return tx is self._tx

    def send(self, out: Message) -> None:
        """Give the caller an 18x; later, where it has not acknowledged the last one yet."""
        if self._over:
            return
        if not out.to_tag or out.get("Contact") is None:
            self._context.note("held back", f"{out.status} without To tag or Contact")
        elif len(self._waiting) >= MAX_WAITING:
            self._context.note("held back", f"{out.status}: {MAX_WAITING} wait for PRACK")
        else:
            self._waiting.append(out)
            self._next()

    def succeed(self, then: Callable[[], None]) -> None:
        """A 2xx came: `then` gives it to the caller, once SDP before it is acknowledged."""
        shown = self._unacknowledged
        if shown is not None and shown.body:
            self._success = then
        else:
            self.over()
            then()

    def over(self) -> None:
        """Send nothing again: the caller has, or is about to get, a final answer."""
        self._over = True
        self._success = None
        self._waiting.clear()
        if self._alarm is not None:
            self._alarm.stop()

    def acknowledged(self, prack: Message) -> int:
        """Take the caller's PRACK: the status of the answer to it."""
        try:
            rack = headers.rack(prack)
        except WireError:
            return 400
        shown = self._unacknowledged
        cseq = self._tx.request.cseq
        known = rack is not None and rack.method == "INVITE" and rack.cseq == cseq
        if rack is None or not known or shown is None or rack.rseq != self._number:
            return 481
        self._unacknowledged = None
        if self._alarm is not None:
            self._alarm.stop()
        # An answer in PRACK was asked for by nobody, and an offer could not go on to the server.
        return 488 if prack.body else 200

    def go_on(self) -> None:
        """Send what has waited for the PRACK that is answered now."""
        success = self._success
        if self._unacknowledged is None and success is not None:
            self.over()
            success()
        elif not self._over:
            self._next()

    def _next(self) -> None:
        if self._unacknowledged is not None or not self._waiting:
            return
        out = self._unacknowledged = self._waiting.popleft()
        self._number += 1
        out.set("RSeq", str(self._number))
        if RELIABLE not in headers.tokens(out, "Require"):
            out.add("Require", RELIABLE)
        timers = Timers()
        self._send(out, timers.t1, self._context.now + timers.transaction)

    def _send(self, out: Message, interval: float, until: float) -> None:
        """Send one, and again after `interval` s, doubled each time; give up at `until`."""
        context = self._context
        context.respond(self._tx, out)

        def again(now: float) -> None:
            if now + interval < until:
                self._send(out, 2 * interval, until)
            else:
                context.deliver(self._operation, Aborted(504, "no PRACK came"))

        self._alarm = context.schedule.start(context.now + interval, "PRACK", again)


def wanted(passage: Passage) -> bool:
    """Whether the INVITE requires 100rel and a server on its way has none by its profile."""
    outer = passage.outer_works
    if passage.works.profile.prack_support and (outer is None or outer.profile.prack_support):
        return False
    return RELIABLE in headers.tokens(passage.request, "Require")


def taken(context: Context, tx: ServerTransaction, session: Session | None, sender: Side) -> bool:
    """Whether a PRACK ends at the border, which has answered it."""
    answers = session.reliable if session is not None else None
    if tx.method != "PRACK" or answers is None or answers.sender is not sender:
        return False
    status = answers.acknowledged(tx.request)
    context.decided("PRACK", f"answered {status}", "the border has made the answers reliable", FORM)
    context.answer(tx, status)
    answers.go_on()
    return True
