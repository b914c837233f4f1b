"""One call of a phone: what it keeps, what it says to the user, and its end.

How a call comes about is in `placing` (we call) and `receiving` (we are called), what happens once
it stands in `incall`.
"""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING

from farline.mobile.commands import CallNews, CallState, MediaEnded, MediaNews, NeedMedia
from farline.mobile.offer import Local
from farline.mobile.text import printable
from farline.sdp import Direction
from farline.sip import NameAddr, WireError
from farline.sip.headers import Reason, reasons
from farline.sip.responses import make

if TYPE_CHECKING:
    from farline.mobile.line import Line
    from farline.mobile.offer import MediaPlan
    from farline.sip import Address, Message
    from farline.sip.dialog import Dialog
    from farline.sip.transaction import ClientTransaction, ServerTransaction

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
