"""The transactions as their users see them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from farline.sip.transaction.table import State

if TYPE_CHECKING:
    from farline._core import Message
    from farline.sip.transport import Flow


class ClientTransaction:
    """A request of ours. `user` is a free slot for the owner."""

    __slots__ = ("branch", "flow", "method", "request", "state", "user")

    def __init__(self, request: Message, flow: Flow, branch: str) -> None:
        self.request = request
        self.flow = flow
        self.method = request.method
        self.branch = branch
        self.state = State.START
        self.user: Any = None


class ServerTransaction:
    """A request of a peer. `flow` is where it came from, `user` a free slot for the owner."""

    __slots__ = ("flow", "method", "request", "state", "user")

    def __init__(self, request: Message, flow: Flow) -> None:
        self.request = request
        self.flow = flow
        self.method = request.method
        self.state = State.START
        self.user: Any = None
