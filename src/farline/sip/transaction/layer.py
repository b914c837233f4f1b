"""The transaction layer: finds the transaction of a message and runs its table (RFC 3261 17)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline.sip.transaction.timers import Timers

if TYPE_CHECKING:
    from collections.abc import Iterable

    from farline._core import Message
    from farline.sip.effects import Deadline, Send
    from farline.sip.ids import Ids
    from farline.sip.transaction.events import Event
    from farline.sip.transaction.transaction import ClientTransaction, ServerTransaction
    from farline.sip.transport import Address, Flow


class TransactionLayer:
    """All transactions of one core. Call `poll()` until None after every other call."""

    def __init__(
        self,
        *,
        ids: Ids,
        timers: Timers | None = None,
        limit: int = 100_000,
        retry_after: int = 5,
        merged: bool = False,
    ) -> None:
        """`limit` transactions at once: more requests get 503 with Retry-After `retry_after` (s).

        `merged`: answer 482 to a request that came by two ways (RFC 3261 8.2.2.2); for a UAS.
        """

    def receive(self, message: Message, flow: Flow, now: float) -> None:
        """Take a parsed and validated message. The top Via of a request gets received and rport."""

    def request(
        self, message: Message, flow: Flow, now: float, *, sent_by: Address
    ) -> ClientTransaction:
        """Send a request (not ACK, not CANCEL) with a Via of ours prepended: SIP/2.0/<transport>
        <sent_by>;branch=...;rport. `message` belongs to the transaction from here on.
        """
        raise NotImplementedError

    def respond(self, tx: ServerTransaction, response: Message, now: float) -> None:
        """Send a response: any number of 1xx, one final, and for INVITE the 2xx again and again.

        What no longer fits (a response after the final one, an ended transaction) is not sent.
        """

    def cancel(self, tx: ClientTransaction, now: float, headers: Iterable[tuple[str, str]] = ()) -> None:
        """Cancel an INVITE: at once after a 1xx, else when one comes; nothing after a final one.

        `headers` go into the CANCEL (Reason). The final response arrives as ever, usually 487; the
        answer to the CANCEL is not shown.
        """

    def send_stateless(self, message: Message, flow: Flow, *, sent_by: Address | None = None) -> None:
        """Send without a transaction (ACK to a 2xx, a 2xx forwarded late). With `sent_by` a Via of
        ours with a fresh branch is prepended first.
        """

    def flow_lost(self, flow: Flow, now: float) -> None:
        """A connection is gone: what waits on it fails with cause "transport"."""

    def expire(self, now: float) -> None:
        """Run the timers due at `now`."""

    def next_deadline(self) -> Deadline | None:
        """The next timer, by name ("A" to "M", "100", "CANCEL")."""
        raise NotImplementedError

    def poll(self) -> Send | Event | None:
        """The next output, None when there is none left."""
        raise NotImplementedError
