"""One INVITE of ours, the first of a leg or a later one, to its ACK."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline.office.body import description
from farline.office.events import Answered, Refused, Ringing
from farline.office.forms import asserted
from farline.sip import Message, NameAddr, WireError
from farline.sip.dialog import Dialog

if TYPE_CHECKING:
    from farline.office.causes import Cause
    from farline.office.connections import Way
    from farline.office.leg import Leg
    from farline.office.stack import Asked, Headers
    from farline.sip import Flow


class Inviting:
    """Sends it, tells the leg how it goes, acknowledges every 2xx, hangs up on unwanted ones."""

    def __init__(self, leg: Leg, sdp: bytes | None, *, first: bool) -> None:
        """`sdp` None asks the peer for an offer; its 2xx then waits for `acknowledge`."""
        self.leg = leg
        self.sdp = sdp
        self.first = first
        self.over = False
        """A final answer came; a late offer may still wait for its answer."""

        self.cancelled = False
        self.waits = False
        """The 2xx has an offer, and our ACK shall bear the answer."""

        self._asked: Asked | None = None
        self._request: Message | None = None
        self._tag = ""
        self._ack: tuple[bytes, Dialog] | None = None

    def start(self, way: Way, now: float) -> None:
        """Send it."""
        self._asked = self.leg.stack.ask(self._build, way, now, self._response)
        if self.cancelled:
            self.leg.stack.cancel(self._asked, now)

    def _build(self, flow: Flow) -> Message:
        self._request = _invite(self.leg, flow, self.sdp)
        return self._request

    def cancel(self, cause: Cause | None, now: float) -> None:
        """Take a pending INVITE back; `cause` None: another phone was answered (RFC 3326)."""
        if self.over or self.cancelled:
            return
        self.cancelled = True
        if self._asked is not None:
            reason = cause.reason if cause else 'SIP;cause=200;text="Call completed elsewhere"'
            self.leg.stack.cancel(self._asked, now, [("Reason", reason)])

    def _response(self, status: int, message: Message | None, now: float) -> None:
        if 200 <= status < 300 and message is not None:
            self._success(message, now)
        elif status >= 300:
            self._finish(Refused(status), now, message)
        elif status > 100 and message is not None and not self.over and not self.cancelled:
            try:
                sdp = description(message)
            except WireError:
                sdp = None
            self.leg.tell(Ringing(status, sdp), now)

    def _finish(self, refused: Refused, now: float, message: Message | None = None) -> None:
        if not self.over:
            self.over = True
            self.leg.refused(self, refused, message, now)

    def _success(self, message: Message, now: float) -> None:
        if self.over:
            self._repeated(message, now)
            return
        self._tag = message.to_tag
        try:
            dialog = self._dialog(message)
            sdp = description(message)
        except WireError:
            self._finish(Refused(500), now)
            return
        self.over = True
        self.leg.established(dialog, message, now)
        if self.cancelled or self.leg.ended:
            self.acknowledge(None, now)
            self.leg.dismiss(dialog, now)
            return
        late = self.sdp is None
        self.waits = late
        if not late:
            self.acknowledge(None, now)
        self.leg.answered(self, Answered(sdp, late), now)

    def _dialog(self, message: Message) -> Dialog:
        if self.leg.dialog is not None:
            self.leg.dialog.note_response(message)
            return self.leg.dialog
        if self._request is None:
            raise WireError(500, "response before the request", "CSeq")
        for value in message.values("Record-Route"):
            NameAddr.parse(value)
        return Dialog.as_uac(self._request, message)

    def _repeated(self, message: Message, now: float) -> None:
        """A 2xx once more: the ACK once more. Another tag: a second phone answered, not wanted."""
        if message.to_tag == self._tag:
            if self._ack is not None:
                self._send_ack(*self._ack, now)
        elif self.first and self._request is not None:
            try:
                other = Dialog.as_uac(self._request, message)
            except WireError:
                return
            self._send_ack(b"", other, now)
            self.leg.dismiss(other, now)

    def acknowledge(self, sdp: bytes | None, now: float) -> None:
        """ACK the 2xx, with the answer to a late offer."""
        self.waits = False
        if self.leg.dialog is not None:
            self._ack = (sdp or b"", self.leg.dialog)
            self._send_ack(*self._ack, now)

    def _send_ack(self, sdp: bytes, dialog: Dialog, now: float) -> None:
        cseq = self._request.cseq if self._request is not None else 0

        def build(flow: Flow) -> Message:
            last, dialog.invite_cseq = dialog.invite_cseq, cseq
            ack = dialog.ack([("Contact", self.leg.contact(flow))])
            dialog.invite_cseq = last
            ack.add("User-Agent", self.leg.stack.product)
            if sdp:
                ack.set("Content-Type", "application/sdp")
                ack.body = sdp
            return ack

        self.leg.stack.send_ack(build, self.leg.way(dialog), now)


def _invite(leg: Leg, flow: Flow, sdp: bytes | None) -> Message:
    """Our INVITE: the first one, or a later one inside the dialog."""
    named = asserted(leg.stack, leg.party, flow)
    fields = [*leg.common(flow), named, *leg.timer.ask()]
    if leg.dialog is not None:
        message = leg.dialog.request("INVITE", fields)
    else:
        leg.flow = flow
        message = _first(leg, fields)
    if sdp is not None:
        message.set("Content-Type", "application/sdp")
        message.body = sdp
    return message


def _first(leg: Leg, fields: Headers) -> Message:
    domain = leg.stack.domain
    message = Message.request("INVITE", leg.target)
    message.add("Max-Forwards", str(leg.max_forwards))
    message.add("From", f"{leg.party.quoted} <sip:{leg.party.extension}@{domain}>;tag={leg.tag}")
    message.add("To", f"<sip:{leg.user.extension}@{domain}>")
    message.add("Call-ID", leg.call_id)
    message.add("CSeq", "1 INVITE")
    for name, value in fields:
        message.add(name, value)
    message.body = b""
    return message
