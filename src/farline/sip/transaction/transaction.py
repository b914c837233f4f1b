"""The transactions as their users see them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from farline.sip.transaction.table import State
from farline.sip.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Iterable

    from farline._core import Message
    from farline.sip.transaction.actions import Compiled
    from farline.sip.transaction.events import Cause
    from farline.sip.transaction.timers import Manner
    from farline.sip.transport import Flow

Key: TypeAlias = tuple[str | int | None, ...]

# Members of an enumeration are slow to reach by their class, and these are reached a lot.
_START = State.START
_UDP = Transport.UDP


class _Transaction:
    """What both sides have; the owner uses `request`, `flow`, `method`, `state` and `user`."""

    __slots__ = (
        "back",
        "cause",
        "data",
        "flow",
        "interval",
        "key",
        "lost",
        "method",
        "patience",
        "reliable",
        "request",
        "silent",
        "state",
        "table",
        "user",
    )

    def __init__(
        self, request: Message, flow: Flow, back: Flow, key: Key, table: Compiled, method: str
    ) -> None:
        self.request = request
        self.flow = flow
        """Client: where the request goes. Server: where it came from."""

        self.back = back
        """Where messages go. Server: `flow`, but over UDP without rport the port of the Via."""

        self.reliable = flow.transport is not _UDP
        self.method = method
        self.state = _START
        self.user: Any = None
        """Free for the owner."""

        self.key = key
        self.table = table
        self.data = b""
        """What RESEND sends: the request, the ACK, or the last response."""

        self.interval = 0.0
        """Seconds until the next retransmission (A, E, G)."""

        self.patience = 0.0
        """When timer C is over; 0.0 while it was never started."""

        self.silent = False
        """The layer itself is the user (CANCEL, 481, 482): no event is made."""

        self.lost = False
        """`back` is gone: nothing is sent until the layer is told another (`reroute`)."""

        self.cause: Cause | None = None
        """Why it ends early."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.method} {self.state.value}>"


class ClientTransaction(_Transaction):
    """A request of ours."""

    __slots__ = ("cancel_headers", "cancelled", "manner", "via")

    def __init__(
        self, request: Message, flow: Flow, key: Key, table: Compiled, method: str, via: str
    ) -> None:
        super().__init__(request, flow, flow, key, table, method)
        self.via = via
        """Our Via value, which ACK and CANCEL repeat."""

        self.cancel_headers: Iterable[tuple[str, str]] | None = None
        """Set while a CANCEL waits for the first 1xx (RFC 3261 section 9.1)."""

        self.cancelled = False
        """The CANCEL has been sent."""

        self.manner: Manner | None = None
        """How this peer wants to be asked; None: as all."""


class ServerTransaction(_Transaction):
    """A request of a peer."""

    __slots__ = ("merge_key", "to_tag")

    def __init__(
        self,
        request: Message,
        flow: Flow,
        back: Flow,
        key: Key,
        table: Compiled,
        method: str,
    ) -> None:
        super().__init__(request, flow, back, key, table, method)
        self.to_tag = ""
        """To tag of the last response sent."""

        self.merge_key: Key | None = None
        """What a copy of the request that came another way would share (section 8.2.2.2)."""


Transaction: TypeAlias = ClientTransaction | ServerTransaction
