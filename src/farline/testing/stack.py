"""A bare transaction layer as a core, for tests of two stacks over a `Link`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline._core import Message
from farline.sip.effects import Closed, Expired, Received, Send

if TYPE_CHECKING:
    from collections.abc import Callable

    from farline.sip.effects import Deadline
    from farline.sip.transaction import Event, TransactionLayer


class LayerCore:
    """Feeds a `TransactionLayer` with inputs; its events go to `user(event, now)`."""

    def __init__(self, layer: TransactionLayer, user: Callable[[Event, float], None]) -> None:
        self.layer = layer
        self.events: list[Event] = []
        """Every event so far."""

        self._user = user
        self._now = 0.0

    def handle(self, event: object, now: float) -> None:
        """Take `Received`, `Closed` or `Expired`."""
        self._now = now
        if isinstance(event, Received):
            message = Message.parse(event.data)
            message.validate()
            self.layer.receive(message, event.flow, now)
        elif isinstance(event, Closed):
            self.layer.flow_lost(event.flow, now)
        elif isinstance(event, Expired):
            self.layer.expire(now)

    def poll(self) -> Send | None:
        """The next `Send`; events on the way are given to the user."""
        while (output := self.layer.poll()) is not None:
            if isinstance(output, Send):
                return output
            self.events.append(output)
            self._user(output, self._now)
        return None

    def next_deadline(self) -> Deadline | None:
        """The layer's."""
        return self.layer.next_deadline()
