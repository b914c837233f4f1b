"""The transaction layer: `farline._core.Transactions` with the classes in which it speaks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline._core import Transactions
from farline.sip.effects import Deadline, Send
from farline.sip.transaction.counters import Counters
from farline.sip.transaction.events import (
    AckArrived,
    CancelArrived,
    Cause,
    RequestArrived,
    RequestFailed,
    ResponseArrived,
    ResponseLost,
    StrayResponse,
    TransactionEnded,
)
from farline.sip.transaction.state import State
from farline.sip.transaction.timers import Timers
from farline.sip.transport import Address

if TYPE_CHECKING:
    from typing import Self

    from farline.sip.ids import Ids

_WORDS: dict[str, type] = {
    word.__name__: word
    for word in (
        AckArrived,
        Address,
        CancelArrived,
        Cause,
        Counters,
        Deadline,
        RequestArrived,
        RequestFailed,
        ResponseArrived,
        ResponseLost,
        Send,
        State,
        StrayResponse,
        TransactionEnded,
    )
}
"""What Rust makes and gives out, by name: the compiled module imports nothing of ours."""


class TransactionLayer(Transactions):
    """All transactions of one core. Call `poll()` until None after every other call."""

    def __new__(
        cls,
        *,
        ids: Ids,
        timers: Timers | None = None,
        limit: int = 100_000,
        retry_after: int = 5,
        merged: bool = False,
        rport: bool = False,
    ) -> Self:
        """`limit` transactions at once: more requests get 503 with Retry-After `retry_after` (s).

        `merged`: answer 482 to a request that came by two ways (RFC 3261 8.2.2.2); for a UAS.
        `rport`: ask for it over TCP and TLS too, as the guide's office does (RFC 3581).
        """
        return super().__new__(
            cls,
            _WORDS,
            ids,
            timers or Timers(),
            limit=limit,
            retry_after=retry_after,
            merged=merged,
            rport=rport,
        )
