"""What an INVITE and every other request through the border have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from farline.border.passage import Passage

if TYPE_CHECKING:
    from farline.border.calls.session import Found, Session
    from farline.border.context import Context
    from farline.border.exchange import Side
    from farline.border.registrations.binding import Binding
    from farline.border.steps import Operation
    from farline.sip import Flow, Message
    from farline.sip.transaction import ClientTransaction, ServerTransaction


class Arrival(NamedTuple):
    """An admitted request outside REGISTER: its transaction, and whose line it takes."""

    context: Context
    operation: Operation
    tx: ServerTransaction
    binding: Binding
    sender: Side
    found: Found | None
    """The dialog that it is in; None: it is to begin one, or stands alone."""


class Forwarding:
    """One transaction of a peer's, which goes on as one or more of the border's own."""

    def __init__(self, arrival: Arrival) -> None:
        self.context, self.operation, self.tx, binding, sender, found = arrival
        self.passage = Passage(self.context, binding, sender, self.tx.request, found)
        self.session: Session | None = found.session if found else None

    def send(self, out: Message, flow: Flow) -> ClientTransaction:
        """Send the request, as it is written for the far side, to a next hop."""
        side, manner = self.passage.sender.other, self.passage.manner
        return self.context.request(self.operation, out, flow, side, manner)
