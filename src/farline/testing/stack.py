"""A bare transaction layer as a core, for tests of two stacks over a `Link`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline._core import Message
from farline.sip import Transport, responses
from farline.sip.effects import Closed, Expired, Received, Send
from farline.sip.transaction import RequestArrived
from farline.testing.messages import BORDER, flow, sip_request

if TYPE_CHECKING:
    from collections.abc import Callable

    from farline.sip import Flow
    from farline.sip.effects import Deadline
    from farline.sip.transaction import (
        ClientTransaction,
        Event,
        ServerTransaction,
        TransactionLayer,
    )


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


# ---- a layer by hand, without a link ----


def drain(layer: TransactionLayer) -> list[object]:
    """Everything that a layer puts out."""
    out: list[object] = []
    while (output := layer.poll()) is not None:
        out.append(output)
    return out


def serve(
    layer: TransactionLayer, request: Message, where: Flow | None = None
) -> ServerTransaction:
    """The server transaction of a request that arrives at second 0."""
    layer.receive(request, where or flow(), 0.0)
    (arrived,) = drain(layer)
    if not isinstance(arrived, RequestArrived):
        raise AssertionError(arrived)
    return arrived.tx


def call(
    layer: TransactionLayer, method: str = "INVITE", where: Flow | None = None
) -> ClientTransaction:
    """A request of ours at second 0, over TCP unless `where` says another flow."""
    request = sip_request(method, via=None, headers=[("Route", "<sip:10.10.10.13;lr>")])
    return layer.request(request, where or flow(Transport.TCP), 0.0, sent_by=BORDER)


def answer(
    layer: TransactionLayer, tx: ClientTransaction, status: int, to_tag: str = "dora"
) -> list[object]:
    """The peer answers a request of ours; what the layer puts out."""
    layer.receive(responses.make(tx.request, status, to_tag=to_tag), tx.flow, 0.0)
    return drain(layer)
