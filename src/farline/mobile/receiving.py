"""A call that we receive: ringing, answering, refusing, CANCEL (RFC 3261 section 13.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline.mobile.call import NORMAL, Phase, reason_of, who
from farline.mobile.commands import CallState
from farline.mobile.incall import InCall
from farline.mobile.offer import OfferError, make_answer, make_offer
from farline.mobile.text import printable
from farline.sip import WireError
from farline.sip.dialog import Dialog

if TYPE_CHECKING:
    from farline.mobile.line import Line
    from farline.mobile.offer import MediaPlan
    from farline.sip import Address, Message
    from farline.sip.headers import Reason
    from farline.sip.transaction import Cause, ClientTransaction, ServerTransaction


class ReceivedCall(InCall):
    """Incoming."""

    def __init__(
        self, line: Line, name: str, tx: ServerTransaction, replaced: InCall | None = None
    ) -> None:
        """`replaced`: the call that this one takes the place of (RFC 3891); answered at once."""
        super().__init__(line, name, who(tx.request))
        self.call_id = tx.request.call_id
        self._tx = tx
        self._tag = line.ids.token()
        self._replaced = replaced
        self._body = b""
        self._plan: MediaPlan | None = None

    def media_ready(self, address: Address, now: float) -> None:
        """The ports are open: answer the offer in mind, and ring."""
        if self.phase is not Phase.PREPARING:
            return
        self.local = address
        offer = self._tx.request.body
        try:
            if offer:
                self._body, self._plan = make_answer(self.describe(), offer)
            else:
                self._body = make_offer(self.describe())
            ringing = self.response(self._tx, 180)
            dialog = Dialog.as_uas(self._tx.request, ringing)
            dialog.ack()  # raises when its route set cannot be used: better now than at the BYE
            self.dialog = dialog
        except OfferError as error:
            self._refuse(488, f"no common ground: {error}", now)
            return
        except WireError as error:
            self._refuse(400, error.reason, now)
            return
        self.phase = Phase.INCOMING
        self.line.answer(self._tx, ringing, now)
        self.news(CallState.INCOMING)
        after = 0.0 if self._replaced is not None else self.line.account.answer_after
        if after is not None:
            self.line.start_timer(f"auto-answer {self.name}", now + after)

    def media_failed(self, reason: str, now: float) -> None:
        """No ports."""
        if self.phase is Phase.PREPARING:
            self._refuse(500, f"no media ports: {reason}", now)

    def pick(self, now: float) -> None:
        """Answer."""
        if self.phase is not Phase.INCOMING:
            return
        self.line.stop_timer(f"auto-answer {self.name}")
        self.phase = Phase.ANSWERING
        self.accept(self._tx, self._body, now, offered=self._plan is None)
        if self.dialog is not None:
            self.dialog.confirm()
        detail = ""
        if self._plan is not None:
            self.settled(self._plan)
            detail = f"{self._plan.codec} to {self._plan.remote}"
        self.news(CallState.ANSWERED, detail, status=200)
        if self._replaced is not None:
            self._replaced.hang_up(now)

    def reject(self, status: int, now: float) -> None:
        """Refuse."""
        if self.phase in (Phase.PREPARING, Phase.INCOMING):
            self._refuse(status, f"refused with {status}", now)

    def cancelled(self, message: Message, now: float) -> None:
        """The caller gave up; the CANCEL itself is answered already."""
        if self.phase in (Phase.PREPARING, Phase.INCOMING):
            self.reply(self._tx, 487, now)
            reason = reason_of(message)
            why = f" ({printable(reason.text)})" if reason is not None and reason.text else ""
            self.end(f"the caller gave up{why}", status=487, by_peer=True, reason=reason)

    def hang_up(self, now: float, reason: Reason = NORMAL) -> None:
        """603 while it rings, BYE afterwards."""
        if self.phase in (Phase.PREPARING, Phase.INCOMING):
            self._refuse(603, "declined", now)
        else:
            super().hang_up(now, reason)

    def responded(self, tx: ClientTransaction, response: Message, now: float) -> None:
        """A response to our re-INVITE or BYE."""
        self.responded_inside(tx, response, now)

    def failed(self, tx: ClientTransaction, cause: Cause, now: float) -> None:
        """Our re-INVITE or BYE got no answer."""
        self.failed_inside(tx, cause, now)

    def expired(self, timer: str, now: float) -> None:
        """Auto-answer is ours, the rest is every call's."""
        if timer == "auto-answer":
            self.pick(now)
        else:
            super().expired(timer, now)

    def response(
        self,
        tx: ServerTransaction,
        status: int,
        headers: tuple[tuple[str, str], ...] = (),
        body: bytes = b"",
    ) -> Message:
        """As every call's, with the tag of this call before there is a dialog."""
        answer = super().response(tx, status, headers, body)
        if self.dialog is None and not tx.request.to_tag:
            to = tx.request.get("To") or ""
            answer.set("To", f"{to};tag={self._tag}")
        return answer

    def _refuse(self, status: int, why: str, now: float) -> None:
        self.reply(self._tx, status, now)
        self.end(why, status=status)
