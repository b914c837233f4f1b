"""Our end of a SIP dialog with a phone: requests and answers of ours, and what stands in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline.office.causes import Cause
from farline.office.connections import way_to
from farline.office.forms import asserted, contact
from farline.sip import Message, NameAddr, Uri, WireError

if TYPE_CHECKING:
    from farline.office.connections import Way
    from farline.office.forms import Party
    from farline.office.stack import Headers, OnResponse, Stack
    from farline.sip import Flow
    from farline.sip.dialog import Dialog
    from farline.sip.transaction import ServerTransaction


class DialogEnd:
    """What can be said inside a dialog, whoever began it."""

    def __init__(self, stack: Stack, party: Party) -> None:
        """`party` is whom the phone sees."""
        self.stack = stack
        self.party = party
        self.dialog: Dialog | None = None
        self.flow: Flow | None = None
        """What the phone's last message came by."""

    def ask(self, method: str, fields: Headers, body: bytes, now: float, then: OnResponse) -> None:
        """Send another request inside the dialog (INFO, NOTIFY, UPDATE).

        `fields` are added to what every request has; Content-Type among them if there is a body.
        """
        if self.dialog is None:
            then(481, None, now)
            return
        dialog = self.dialog

        def build(flow: Flow) -> Message:
            message = dialog.request(method, self.common(flow))
            for name, value in fields:
                message.set(name, value)
            message.body = body
            return message

        self.stack.ask(build, self.way(dialog), now, then)

    def reply(self, tx: ServerTransaction, status: int, now: float) -> None:
        """Answer a request that came as Informed or TransferAsked."""
        self.stack.reply(tx, status, now, headers=self.identity(tx.flow))

    def dismiss(self, dialog: Dialog, now: float, cause: Cause = Cause.NORMAL) -> None:
        """BYE; its answer changes nothing."""

        def build(flow: Flow) -> Message:
            return dialog.request("BYE", [*self.common(flow), ("Reason", cause.reason)])

        self.stack.ask(build, self.way(dialog), now, _ignore)

    def way(self, dialog: Dialog) -> Way:
        """How to reach the phone inside a dialog: the first Route, else its Contact."""
        try:
            first = NameAddr.parse(dialog.route_set[0]).uri if dialog.route_set else None
            return way_to(first or Uri.parse(dialog.remote_target), self.flow)
        except WireError:
            return () if self.flow is None else (self.flow,)

    def common(self, flow: Flow) -> Headers:
        """What every request of ours inside a call bears, in the guide's form."""
        return [("Contact", self.contact(flow)), *self.stack.call_fields()]

    def identity(self, flow: Flow) -> Headers:
        """What answers say about the other end."""
        return [("Contact", self.contact(flow)), asserted(self.stack, self.party, flow)]

    def contact(self, flow: Flow) -> str:
        """Our Contact."""
        return contact(self.stack, self.party, flow)


def _ignore(_status: int, _message: Message | None, _now: float) -> None:
    """For answers that change nothing."""
