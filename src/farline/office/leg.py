"""One side of a call: a SIP dialog with one phone, turned into call events.

A leg begins with the phone's INVITE (`Leg.arrived`) or with ours (`Leg.call`); from the first 2xx
on both kinds are the same. What happens is told to the listener (the call) as a `LegEvent`; what
shall happen the call says with `answer`, `refuse`, `offer`, `hang_up` and so on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from farline.office import requests
from farline.office.answering import Answering
from farline.office.body import OwnDescription
from farline.office.causes import Cause, cause_of
from farline.office.connections import way_to
from farline.office.dialog_end import DialogEnd
from farline.office.events import Ended, Refused
from farline.office.inviting import Inviting
from farline.office.refreshing import Refreshing
from farline.sip import Message, NameAddr, headers, responses
from farline.sip.dialog import Dialog

if TYPE_CHECKING:
    from farline.config import User
    from farline.office.bindings import Binding
    from farline.office.events import Acknowledged, Answered, LegEvent
    from farline.office.forms import Party
    from farline.office.session_timer import SessionTimer
    from farline.office.stack import Stack
    from farline.sip import Flow
    from farline.sip.transaction import ServerTransaction


class Listener(Protocol):
    """Who hears what a leg tells."""

    def on_event(self, leg: Leg, event: LegEvent, now: float) -> None:
        """Something happened on `leg`."""


class Leg(DialogEnd):
    """See the module's text."""

    def __init__(self, stack: Stack, listener: Listener, user: User, party: Party) -> None:
        """`user` owns the phone; `party` is whom it sees."""
        super().__init__(stack, party)
        self.listener = listener
        self.user = user
        self.tag = stack.ids.token()
        self.contact_flow: Flow | None = None
        """For a called phone: what it registered by."""

        self.ended = False
        self.offered_description = b""
        """The phone's last description: an INVITE that repeats it is a refresh."""

        self.own = OwnDescription(stack.ids, stack.ip)
        self.refreshing = Refreshing(self)
        self.answering: Answering | None = None
        self.inviting: Inviting | None = None
        self.call_id = ""
        self.allows: frozenset[str] = frozenset()
        self.target = ""
        """Request-URI and Max-Forwards of our first INVITE."""
        self.max_forwards = 70

        self._bye: Cause | None = None

    # ---- the two beginnings ----

    def arrived(self, tx: ServerTransaction, offer: bytes | None, now: float) -> None:
        """The phone's INVITE: 100 at once. Raises WireError (before anything is sent)."""
        request = tx.request
        for value in request.values("Record-Route"):
            NameAddr.parse(value)
        early = responses.make(request, 180, to_tag=self.tag)
        dialog = Dialog.as_uas(request, early)
        uri = NameAddr.parse(request.get("To") or "").uri
        dialog.local = f"{self.party.quoted} <{uri}>;tag={self.tag}"
        dialog.local_seq = request.cseq
        self.dialog = dialog
        self.flow = tx.flow
        self.call_id = request.call_id
        self.allows = headers.tokens(request, "Allow")
        self.offered_description = offer or b""
        self.stack.dialogs[dialog.key] = self
        self.answering = Answering(self, tx, offer, first=True)
        tx.user = self.answering
        self.stack.reply(tx, 100, now)

    def call(self, binding: Binding, sdp: bytes | None, max_forwards: int, now: float) -> None:
        """Ring the phone at `binding`; `sdp` None asks it for an offer."""
        self.target = str(binding.uri)
        self.flow = self.contact_flow = binding.flow
        self.call_id = self.stack.ids.uuid()
        self.max_forwards = max_forwards
        self.inviting = Inviting(self, None if sdp is None else self.own.give(sdp), first=True)
        self.inviting.start(way_to(binding.uri, binding.flow), now)

    # ---- what the call wants ----

    @property
    def timer(self) -> SessionTimer:
        """The session timer."""
        return self.refreshing.timer

    @property
    def source(self) -> str:
        """The address that the phone's signaling comes from, "" before it is known."""
        return self.flow.remote.host if self.flow is not None else ""

    @property
    def busy(self) -> bool:
        """Whether an offer is under way, so that another one must wait (491)."""
        answering = self.answering is not None and (
            not self.answering.answered or self.answering.waits_for_ack
        )
        inviting = self.inviting is not None and (not self.inviting.over or self.inviting.waits)
        return answering or inviting

    def progress(self, status: int, sdp: bytes | None, now: float) -> None:
        """Tell the caller that it rings."""
        if self.answering is not None and not self.ended:
            own = self.own.give(sdp) if sdp is not None else None
            self.answering.progress(status, own, now)

    def answer(self, sdp: bytes, now: float) -> None:
        """Accept what was offered (or offer, where the phone asked for it)."""
        if self.answering is not None and not self.ended:
            self.answering.accept(self.own.give(sdp), now)

    def refuse(self, status: int, cause: Cause, now: float) -> None:
        """Refuse what was offered; refusing the first INVITE ends the leg."""
        if self.answering is None or self.answering.answered:
            return
        self.answering.refuse(status, now, [("Reason", cause.reason)])
        if self.answering.first:
            self.ended = True
            self._close()
        else:
            self.offered_description = b""  # the same offer again is no refresh

    def offer(self, sdp: bytes | None, now: float) -> None:
        """Send a later INVITE."""
        if self.dialog is not None and not self.ended:
            own = self.own.give(sdp) if sdp is not None else None
            self.inviting = Inviting(self, own, first=False)
            self.inviting.start(self.way(self.dialog), now)

    def acknowledge(self, sdp: bytes, now: float) -> None:
        """Send the answer to a late offer."""
        if self.inviting is not None and self.inviting.waits:
            self.inviting.acknowledge(self.own.give(sdp), now)

    def hang_up(self, cause: Cause | None, now: float) -> None:
        """End the leg, whatever it is doing; `cause` None: another phone was answered."""
        if self.ended:
            return
        waits_for_ack = self.answering is not None and self.answering.waits_for_ack
        self.ended = True
        self.timer.stop()
        said = cause or Cause.NORMAL
        if self.answering is not None and not self.answering.answered:
            self.answering.refuse(487, now, [("Reason", said.reason)])
            if self.answering.first:
                self._close()
                return
        if self.inviting is not None and not self.inviting.over:
            self.inviting.cancel(cause, now)
        elif self.inviting is not None and self.inviting.waits:
            self.inviting.acknowledge(None, now)
        if waits_for_ack:
            self._bye = said  # RFC 3261 section 15: not before the ACK
        elif self.dialog is not None:
            self.dismiss(self.dialog, now, said)
            self._close()

    # ---- what the wire brings ----

    def on_request(self, tx: ServerTransaction, message: Message, flow: Flow, now: float) -> None:
        """A request inside the dialog. Raises WireError."""
        requests.handle(self, tx, message, flow, now)

    def on_ack(self, message: Message, now: float) -> None:
        """An ACK inside the dialog."""
        if self.answering is not None:
            self.answering.acknowledge(message, now)

    # ---- what Answering and Inviting tell ----

    def tell(self, event: LegEvent, now: float) -> None:
        """Pass an event on, while the leg lives."""
        if not self.ended:
            self.listener.on_event(self, event, now)

    def acknowledged(self, event: Acknowledged, now: float) -> None:
        """Our 2xx was acknowledged; a BYE that waited for it may go now."""
        if self._bye is not None and self.dialog is not None:
            self.dismiss(self.dialog, now, self._bye)
            self._close()
            return
        if event.sdp is not None:
            self.offered_description = event.sdp
        self.tell(event, now)

    def unacknowledged(self, now: float) -> None:
        """Our 2xx was never acknowledged (RFC 3261 section 13.3.1.4): BYE."""
        if self.dialog is not None:
            self.dismiss(self.dialog, now, self._bye or Cause.TIMER_EXPIRY)
        self.over(Ended(Cause.TIMER_EXPIRY), now)
        self._close()

    def established(self, dialog: Dialog, response: Message, now: float) -> None:
        """A 2xx to our INVITE: there is a dialog."""
        if self.dialog is None:
            self.dialog = dialog
            if not self.ended:
                self.stack.dialogs[dialog.key] = self
        self.allows = headers.tokens(response, "Allow") or self.allows
        if not self.ended:
            self.timer.accept(response, now)

    def answered(self, inviting: Inviting, event: Answered, now: float) -> None:
        """The phone accepted."""
        if event.sdp is not None:
            self.offered_description = event.sdp
        if not self.refreshing.done(inviting):
            self.tell(event, now)

    def refused(
        self, inviting: Inviting, event: Refused, message: Message | None, now: float
    ) -> None:
        """The phone refused; the end for a first INVITE, and for a dialog that it does not know."""
        self.refreshing.done(inviting)
        if inviting.first:
            self._finish(event, now)
        elif event.status in (408, 481):
            self.over(Ended(cause_of(event.status)), now)
        else:
            self.tell(event, now)

    def over(self, event: Ended, now: float) -> None:
        """The leg ended by itself."""
        self._finish(event, now)

    def _finish(self, event: LegEvent, now: float) -> None:
        self._close()
        if not self.ended:
            self.ended = True
            self.timer.stop()
            self.listener.on_event(self, event, now)

    def _close(self) -> None:
        """Forget the dialog: later requests in it get 481."""
        if self.answering is not None:
            self.answering.stop()
        if self.dialog is not None:
            self.stack.dialogs.pop(self.dialog.key, None)
