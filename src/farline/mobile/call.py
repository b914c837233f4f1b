"""One call of a phone, placed or received: what it keeps, and what both kinds do once it stands.

How a call comes about is in `placing` (we call) and `receiving` (we are called); here are hold and
resume, the peer's re-INVITE and UPDATE, BYE, and the end.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from farline.mobile.commands import CallNews, CallState, MediaEnded, MediaNews, NeedMedia
from farline.mobile.offer import Local, OfferError, make_answer, make_offer, read_answer
from farline.mobile.registration import printable
from farline.sdp import Direction
from farline.sip import NameAddr, WireError
from farline.sip.headers import Reason, reasons
from farline.sip.responses import make

if TYPE_CHECKING:
    from farline.mobile.line import Line
    from farline.mobile.offer import MediaPlan
    from farline.sip import Address, Message
    from farline.sip.dialog import Dialog
    from farline.sip.transaction import Cause, ClientTransaction, ServerTransaction

NORMAL = Reason("Q.850", 16, "Normal call clearing")
"""What we say when a user hangs up, as in the guide's BYE."""


class Phase(StrEnum):
    """How far a call is."""

    PREPARING = "preparing"
    """Waiting for ports."""
    CALLING = "calling"
    INCOMING = "incoming"
    """Ringing at us."""
    ANSWERING = "answering"
    """Our 200 has left, its ACK has not come."""
    STANDING = "standing"
    ENDING = "ending"
    """BYE or CANCEL has left."""
    ENDED = "ended"


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


class Call:
    """See the module's text."""

    def __init__(self, line: Line, name: str, peer: str) -> None:
        self.line = line
        self.name = name
        self.peer = peer
        self.phase = Phase.PREPARING
        self.dialog: Dialog | None = None
        self.local: Address | None = None
        """Our RTP address."""
        self.call_id = ""
        self.invite: ClientTransaction | ServerTransaction | None = None
        """The INVITE (or re-INVITE of ours) under way."""
        self._session = line.ids.number(31)
        self._version = 0
        self._held_by_peer = False
        self._holding = False
        self._wants_hold = False
        """What the re-INVITE under way asks for."""
        self._accepted: Accepted | None = None
        self._because = ""
        """Why our BYE was sent."""

    # ---- descriptions ----

    def describe(self, direction: Direction = Direction.SENDRECV) -> Local:
        """What our next description says; each has a new version."""
        if self.local is None:
            raise ValueError(f"call {self.name} has no ports yet")
        self._version += 1
        user = f"sip:{self.line.account.extension}@{self.local.host}"
        return Local(user, self._session, self._version, self.local, direction)

    @property
    def direction(self) -> Direction:
        """What we want now: everything, or only to send while we hold the peer."""
        return Direction.SENDONLY if self._holding else Direction.SENDRECV

    def settled(self, plan: MediaPlan) -> None:
        """Offer and answer are done: tell the audio, and the user where hold changed."""
        held = not plan.sends
        # Whoever holds the other does not let him listen in.
        given = replace(plan, sends=False) if self._holding else plan
        self.line.out.append(MediaNews(self.name, given))
        if self.phase is Phase.STANDING and held is not self._held_by_peer and not self._holding:
            self.news(CallState.HELD if held else CallState.RESUMED, by_peer=True)
        self._held_by_peer = held and not self._holding

    # ---- requests inside the dialog that arrive ----

    def requested(self, tx: ServerTransaction, message: Message, now: float) -> None:
        """An in-dialog request other than ACK."""
        dialog = self.dialog
        if dialog is None or self.phase is Phase.ENDED:
            self.reply(tx, 481, now)
            return
        status = dialog.accept(message)
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

    # ---- the end ----

    def hang_up(self, now: float, reason: Reason = NORMAL) -> None:
        """BYE to a standing call."""
        dialog = self.dialog
        if dialog is None or self.phase in (Phase.ENDING, Phase.ENDED):
            return
        self.phase = Phase.ENDING
        self._because = "we hung up" if reason == NORMAL else f"we hung up: {reason.text}"
        self.stop_timers()
        self.line.out.append(MediaEnded(self.name))
        message = dialog.request("BYE", [("Reason", str(reason)), *self.line.common()])
        if self.line.send(message, now, self) is None:
            self.end("we hung up, but there is no connection to say so")

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

    def end(
        self,
        detail: str,
        *,
        status: int = 0,
        by_peer: bool = False,
        reason: Reason | None = None,
    ) -> None:
        """The call is over; said once."""
        if self.phase is Phase.ENDED:
            return
        if self.phase is not Phase.ENDING:
            self.line.out.append(MediaEnded(self.name))
        self.phase = Phase.ENDED
        self.stop_timers()
        if self.dialog is not None:
            self.dialog.end()
        self.news(CallState.ENDED, detail, status=status, by_peer=by_peer, reason=reason)

    def stop_timers(self) -> None:
        """Forget this call's timers."""
        for timer in ("reinvite", "auto-answer", "repeat-2xx", "no-ack"):
            self.line.stop_timer(f"{timer} {self.name}")

    # ---- small things ----

    def need_media(self) -> None:
        """Ask for ports."""
        self.line.out.append(NeedMedia(self.name))

    def acknowledge(self, now: float) -> None:
        """ACK the 2xx of our last INVITE."""
        del now
        flow = self.line.flow
        if self.dialog is not None and flow is not None:
            message = self.dialog.ack([("User-Agent", self.line.account.user_agent)])
            self.line.layer.send_stateless(message, flow, sent_by=flow.local)

    def retry(self, tx: ClientTransaction, response: Message, now: float) -> bool:
        """Send an in-dialog request again with credentials; False when that is no use."""
        again = self.line.digest.retry(tx.request, response)
        if again is None or self.dialog is None:
            return False
        self.dialog.local_seq = again.cseq
        if again.method == "INVITE":
            self.dialog.invite_cseq = again.cseq
            self.invite = self.line.send(again, now, self)
            return self.invite is not None
        return self.line.send(again, now, self) is not None

    def response(
        self,
        tx: ServerTransaction,
        status: int,
        headers: tuple[tuple[str, str], ...] = (),
        body: bytes = b"",
    ) -> Message:
        """An answer with our tag, Contact and the usual headers."""
        tag = self.dialog.local_tag if self.dialog is not None else self.line.ids.token()
        contact: list[tuple[str, str]] = []
        if tx.method in ("INVITE", "UPDATE") and 100 < status < 300:
            contact.append(("Contact", self.line.contact(tx.flow)))
        return make(
            tx.request,
            status,
            to_tag=tag,
            headers=[*contact, *self.line.common(), *headers],
            body=body,
        )

    def reply(
        self,
        tx: ServerTransaction,
        status: int,
        now: float,
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        """Answer without a body."""
        self.line.answer(tx, self.response(tx, status, headers), now)

    def news(
        self,
        state: CallState,
        detail: str = "",
        *,
        status: int = 0,
        by_peer: bool = False,
        reason: Reason | None = None,
    ) -> None:
        """Tell the user."""
        self.line.out.append(
            CallNews(self.name, state, detail, status, self.peer, self.call_id, by_peer, reason)
        )


def reason_of(message: Message) -> Reason | None:
    """The first readable Reason header."""
    try:
        found = reasons(message)
    except WireError:
        return None
    return found[0] if found else None


def who(message: Message) -> str:
    """Who a message is from, for people: P-Asserted-Identity before From, bounded, one line."""
    for name in ("P-Asserted-Identity", "From"):
        for value in message.values(name)[:1]:
            try:
                address = NameAddr.parse(value)
            except WireError:
                continue
            text = f"{address.display} <{address.uri}>" if address.display else str(address.uri)
            return printable(text)
    return ""
