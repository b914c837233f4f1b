"""A call that we place: INVITE, the answers to it, CANCEL (RFC 3261 sections 13.2 and 9.1)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from farline.mobile.call import NORMAL, Phase, reason_of, who
from farline.mobile.commands import CallState, MediaEnded, MediaNews
from farline.mobile.incall import InCall
from farline.mobile.offer import OfferError, make_offer, read_answer
from farline.mobile.text import printable
from farline.sdp import Direction
from farline.sip import Message, NameAddr, Uri, WireError
from farline.sip.dialog import Dialog
from farline.sip.headers import Reason
from farline.sip.responses import reason_phrase

if TYPE_CHECKING:
    from farline.mobile.line import Line
    from farline.sip import Address
    from farline.sip.transaction import Cause, ClientTransaction


class PlacedCall(InCall):
    """Outgoing."""

    def __init__(self, line: Line, name: str, target: Uri) -> None:
        super().__init__(line, name, str(target))
        self._target = target
        self._rang = False
        self._first: ClientTransaction | None = None
        """The INVITE that makes the call, to tell it from re-INVITEs."""
        self._decided = False
        """It has its final answer."""

    @property
    def owns_call_id(self) -> bool:
        """Ours."""
        return True

    def media_ready(self, address: Address, now: float) -> None:
        """The ports are open: send the INVITE."""
        flow = self.line.flow
        if self.phase is not Phase.PREPARING:
            return
        if flow is None:
            self.end("there is no connection to the server", status=503)
            return
        self.local = address
        self.call_id = self.line.ids.uuid()
        tag = self.line.ids.token()
        message = Message.request("INVITE", str(self._target))
        message.add("From", str(self.line.identity.with_param("tag", tag)))
        message.add("To", str(NameAddr.build(self._target)))
        message.add("Call-ID", self.call_id)
        message.add("CSeq", "1 INVITE")
        message.add("Max-Forwards", "70")
        for name, value in self.line.common():
            message.add(name, value)
        message.add("Contact", self.line.contact(flow))
        message.add("Content-Type", "application/sdp")
        message.body = make_offer(self.describe())
        self.phase = Phase.CALLING
        self._first = self.invite = self.line.send(message, now, self)
        self.news(CallState.CALLING)

    def responded(self, tx: ClientTransaction, response: Message, now: float) -> None:
        """A response to one of our requests."""
        status = response.status
        if tx is not self._first:
            self.responded_inside(tx, response, now)
        elif self._decided:
            if 200 <= status < 300:
                self.repeated(response, now)
        elif status < 200:
            self._progress(tx, response)
        elif status in (401, 407) and self.phase is Phase.CALLING:
            self._challenged(tx, response, now)
        else:
            self._decided = True
            if status < 300:
                self._answered(tx, response, now)
            else:
                self._refused(response)

    def repeated(self, response: Message, now: float) -> None:
        """A 2xx once more: ACK it again; one of another branch is a second callee: end that one."""
        dialog = self.dialog
        if dialog is not None and response.to_tag == dialog.remote_tag:
            self.acknowledge(now)
        elif self._first is not None:
            self._end_stranger(self._first, response, now)

    def failed(self, tx: ClientTransaction, cause: Cause, now: float) -> None:
        """No answer."""
        if tx is self._first:
            if not self._decided:
                status = 408 if cause == "timeout" else 503
                self.end(f"no answer to INVITE ({cause})", status=status)
        else:
            self.failed_inside(tx, cause, now)

    def hang_up(self, now: float, reason: Reason = NORMAL) -> None:
        """CANCEL before the answer, BYE after it."""
        if self.phase is Phase.PREPARING:
            self.end("given up before it began")
        elif self.phase is Phase.CALLING and self._first is not None:
            self.phase = Phase.ENDING
            self.line.out.append(MediaEnded(self.name))
            cause = Reason("SIP", 487, "Request Terminated") if reason == NORMAL else reason
            self.line.layer.cancel(self._first, now, [("Reason", str(cause))])
        else:
            super().hang_up(now, reason)

    # ---- inside ----

    def _progress(self, tx: ClientTransaction, response: Message) -> None:
        if response.status == 100 or self.phase is not Phase.CALLING:
            return
        self.peer = _callee(response) or self.peer
        if response.to_tag and response.get("Contact") is not None:
            try:
                self.dialog = Dialog.as_uac(tx.request, response)
            except WireError:
                self.dialog = None
        if response.body:
            try:
                plan = read_answer(response.body, Direction.SENDRECV)
            except OfferError:
                pass  # early media that we cannot play; the 2xx decides
            else:
                self.line.out.append(MediaNews(self.name, plan))
        if response.status in (180, 183) and not self._rang:
            self._rang = True
            self.news(CallState.RINGING, status=response.status)

    def _answered(self, tx: ClientTransaction, response: Message, now: float) -> None:
        self.peer = _callee(response) or self.peer
        try:
            self.dialog = Dialog.as_uac(tx.request, response)
            self.acknowledge(now)
        except WireError as error:
            self.dialog = None
            self.end(f"the answer cannot be used: {error.reason}", status=response.status)
            return
        if self.phase is Phase.ENDING:
            # The answer crossed our CANCEL (RFC 3261 section 9.1): BYE ends the call.
            self.phase = Phase.STANDING
            self.invite = None
            super().hang_up(now)
            return
        self.phase = Phase.STANDING
        self.invite = None
        try:
            plan = read_answer(response.body, Direction.SENDRECV)
        except OfferError as error:
            super().hang_up(now, Reason("SIP", 488, str(error)))
            return
        self.settled(plan)
        self.news(CallState.ANSWERED, f"{plan.codec} to {plan.remote}", status=response.status)

    def _challenged(self, tx: ClientTransaction, response: Message, now: float) -> None:
        again = self.line.retry(tx.request, response)
        if again is None:
            tried = tx.request.get("Authorization") or tx.request.get("Proxy-Authorization")
            why = "wrong password" if tried else "a challenge that cannot be met"
            self.end(f"{response.status}: {why}", status=response.status, by_peer=True)
            return
        self.dialog = None
        self._first = self.invite = self.line.send(again, now, self)
        if self._first is None:
            self.end("there is no connection to the server", status=503)

    def _refused(self, response: Message) -> None:
        status = response.status
        if self.phase is Phase.ENDING:
            self.end("cancelled", status=status)
            return
        text = printable(response.reason) or reason_phrase(status)
        self.end(f"{status} {text}", status=status, by_peer=True, reason=reason_of(response))

    def _end_stranger(self, tx: ClientTransaction, response: Message, now: float) -> None:
        """A second 2xx to a forked INVITE (RFC 3261 section 13.2.2.4): ACK, then BYE."""
        flow = self.line.flow
        try:
            dialog = Dialog.as_uac(tx.request, response)
            ack = dialog.ack()
        except WireError:
            return
        if flow is not None:
            self.line.layer.send_stateless(ack, flow, sent_by=flow.local)
            self.line.send(dialog.request("BYE", self.line.common()), now, None)


def _callee(response: Message) -> str:
    """Who answers, by P-Asserted-Identity; "" when it does not say."""
    return who(response) if response.get("P-Asserted-Identity") is not None else ""


def dialled(text: str, domain: str) -> Uri:
    """What a user has entered, as a URI: an extension of `domain`, or a SIP URI.

    Raises ValueError (WireError is one) for what cannot be called.
    """
    if not re.fullmatch(r"[!-~]{1,256}", text):
        raise ValueError("an extension or SIP URI has no blanks and at most 256 characters")
    if text.lower().startswith(("sip:", "sips:")):
        return Uri.parse(text)
    return Uri.build(domain, user=text)
