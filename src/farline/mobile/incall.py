"""What happens in a call that stands: hold and resume, the peer's offers, BYE, lost answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farline.mobile.call import NORMAL, Call, Phase, reason_of
from farline.mobile.commands import CallState
from farline.mobile.offer import OfferError, make_answer, make_offer, read_answer
from farline.mobile.text import printable
from farline.sdp import Direction
from farline.sip import WireError
from farline.sip.headers import Reason

if TYPE_CHECKING:
    from farline.mobile.line import Line
    from farline.sip import Message
    from farline.sip.transaction import Cause, ClientTransaction, ServerTransaction


@dataclass(slots=True)
class Accepted:
    """Our 2xx to an INVITE, repeated until its ACK comes (RFC 3261 section 13.3.1.4)."""

    tx: ServerTransaction
    response: Message
    interval: float
    offered: bool
    """The 2xx holds our offer: the ACK brings the answer."""


T1, T2 = 0.5, 4.0
"""First and longest pause between two copies of a 2xx, in seconds."""


class InCall(Call):
    """A call with a dialog; `PlacedCall` and `ReceivedCall` add how it comes about."""

    def __init__(self, line: Line, name: str, peer: str) -> None:
        super().__init__(line, name, peer)
        self._accepted: Accepted | None = None
        self._wants_hold = False
        """What the re-INVITE under way asks for."""
        self._bye_wanted: Reason | None = None
        """Hanging up waits for the ACK to our 2xx (RFC 3261 section 15)."""

    def hang_up(self, now: float, reason: Reason = NORMAL) -> None:
        """BYE, but not before the ACK to our 2xx has come or is overdue."""
        if self._accepted is not None:
            self._bye_wanted = reason
        else:
            super().hang_up(now, reason)

    # ---- requests inside the dialog that arrive ----

    def requested(self, tx: ServerTransaction, message: Message, now: float) -> None:
        """An in-dialog request other than ACK."""
        dialog = self.dialog
        if dialog is None or self.phase is Phase.ENDED:
            self.reply(tx, 481, now)
            return
        try:
            status = dialog.accept(message)
        except WireError as error:
            status = error.status or 400
        if status is not None:
            self.reply(tx, status, now)
            return
        method = message.method
        if method == "BYE":
            self._bye(tx, message, now)
        elif method in ("INVITE", "UPDATE"):
            self._reoffered(tx, message, now)
        elif method == "REFER":
            self.reply(tx, 603, now)  # transfers are not offered to the user
        else:
            self.reply(tx, 200, now)

    def _bye(self, tx: ServerTransaction, message: Message, now: float) -> None:
        self.reply(tx, 200, now)
        reason = reason_of(message)
        detail = "the peer hung up"
        if reason is not None:
            detail += f" ({reason.protocol} {reason.cause} {printable(reason.text)})".rstrip()
        if self.phase is not Phase.ENDING:
            self.end(detail, by_peer=True, reason=reason)

    def _reoffered(self, tx: ServerTransaction, message: Message, now: float) -> None:
        """A later offer (RFC 3261 section 14.2, RFC 3311); without one ours goes into the 200."""
        pending = self.invite is not None or self._accepted is not None
        if pending or self.phase is not Phase.STANDING:
            self.reply(tx, 491, now)
            return
        if not message.body:
            invite = message.method == "INVITE"
            body = make_offer(self.describe(self.direction)) if invite else b""
            self.accept(tx, body, now, offered=invite)
            return
        try:
            body, plan = make_answer(self.describe(self.direction), message.body)
        except OfferError as error:
            self.reply(tx, 488, now, (("Warning", f'399 farline "{error}"'),))
            return
        self.accept(tx, body, now)
        self.settled(plan)

    def accept(
        self, tx: ServerTransaction, body: bytes, now: float, *, offered: bool = False
    ) -> Message:
        """200 with a description; the one to an INVITE is repeated until its ACK."""
        response = self.response(tx, 200, body=body)
        self.line.answer(tx, response, now)
        if tx.method == "INVITE":
            self._accepted = Accepted(tx, response, T1, offered)
            self.line.start_timer(f"repeat-2xx {self.name}", now + T1)
            self.line.start_timer(f"no-ack {self.name}", now + 64 * T1)
        return response

    def acked(self, message: Message, now: float) -> None:
        """The ACK to our 2xx; after an offer of ours it brings the answer."""
        accepted, self._accepted = self._accepted, None
        if accepted is None:
            return
        self.line.stop_timer(f"repeat-2xx {self.name}")
        self.line.stop_timer(f"no-ack {self.name}")
        if self.phase is Phase.ANSWERING:
            self.phase = Phase.STANDING
        if self._bye_wanted is not None:
            self.hang_up(now, self._bye_wanted)
            return
        if not accepted.offered:
            return
        try:
            self.settled(read_answer(message.body, self.direction))
        except OfferError as error:
            self.hang_up(now, Reason("SIP", 488, str(error)))

    def _repeat(self, now: float) -> None:
        accepted = self._accepted
        if accepted is not None:
            self.line.answer(accepted.tx, accepted.response, now)
            accepted.interval = min(2 * accepted.interval, T2)
            self.line.start_timer(f"repeat-2xx {self.name}", now + accepted.interval)

    # ---- hold and resume ----

    def hold(self, now: float, *, on: bool) -> None:
        """Offer sendonly, or sendrecv again; nothing while another offer is under way."""
        if self.phase is not Phase.STANDING or self.invite is not None or on is self._holding:
            return
        self._wants_hold = on
        self._reinvite(now)

    def _reinvite(self, now: float) -> None:
        dialog, flow = self.dialog, self.line.flow
        if dialog is None or flow is None:
            return
        direction = Direction.SENDONLY if self._wants_hold else Direction.SENDRECV
        headers = [("Contact", self.line.contact(flow)), *self.line.common()]
        message = dialog.request("INVITE", [*headers, ("Content-Type", "application/sdp")])
        message.body = make_offer(self.describe(direction))
        self.invite = self.line.send(message, now, self)

    def responded_inside(self, tx: ClientTransaction, response: Message, now: float) -> None:
        """A final response to our re-INVITE or BYE."""
        dialog = self.dialog
        if dialog is None or response.status < 200:
            return
        if tx.method == "INVITE" and tx is not self.invite:
            if response.status < 300:
                self.acknowledge(now)  # the 2xx once more: our ACK was lost
            return
        if response.status in (401, 407) and self.retry(tx, response, now):
            return
        try:
            dialog.note_response(response)
        except WireError:
            self.end("the peer's answer has no usable Contact")
            return
        if tx.method == "BYE":
            self.end(self._because)
        elif tx.method == "INVITE":
            self._reinvited(response, now)

    def _reinvited(self, response: Message, now: float) -> None:
        self.invite = None
        status = response.status
        if status < 300:
            self.acknowledge(now)
            self._holding = self._wants_hold
            try:
                plan = read_answer(response.body, self.direction)
            except OfferError as error:
                self.hang_up(now, Reason("SIP", 488, str(error)))
                return
            self.settled(plan)
            self.news(CallState.HOLDING if self._holding else CallState.RESUMED)
        elif status in (408, 481):
            self.end(f"the peer no longer knows the call ({status})", status=status)
        elif status == 491:
            # RFC 3261 section 14.1: the owner of the Call-ID waits longer.
            base = 2.1 if self.owns_call_id else 0.0
            pause = base + 1.9 * self.line.ids.number(8) / 256
            self.line.start_timer(f"reinvite {self.name}", now + pause)
        else:
            self.news(
                CallState.HOLDING if self._holding else CallState.RESUMED,
                f"the peer refused the change ({status})",
                status=status,
            )

    @property
    def owns_call_id(self) -> bool:
        """Whether we placed the call."""
        return False

    def failed_inside(self, tx: ClientTransaction, cause: Cause, now: float) -> None:
        """Our re-INVITE or BYE got no answer (RFC 3261 section 8.1.3.1: as 408)."""
        del now
        self.invite = None
        self.end(f"no answer to {tx.method} ({cause})", status=408)

    def expired(self, timer: str, now: float) -> None:
        """A timer of this call."""
        if timer == "reinvite" and self.phase is Phase.STANDING and self.invite is None:
            self._reinvite(now)
        elif timer == "repeat-2xx":
            self._repeat(now)
        elif timer == "no-ack":
            self._accepted = None
            self.hang_up(now, Reason("SIP", 408, "no ACK"))

    def retry(self, tx: ClientTransaction, response: Message, now: float) -> bool:
        """Send an in-dialog request again with credentials; False when that is no use."""
        again = self.line.retry(tx.request, response)
        if again is None or self.dialog is None:
            return False
        self.dialog.local_seq = again.cseq
        if again.method == "INVITE":
            self.dialog.invite_cseq = again.cseq
            self.invite = self.line.send(again, now, self)
            return self.invite is not None
        return self.line.send(again, now, self) is not None
