"""Repeating a 2xx to INVITE until its ACK comes (RFC 3261 section 13.3.1.4), for a UAS.

The transaction layer sends a 2xx only as often as it is told to. An `AnswerKeeper` tells it: after
T1, then doubling up to T2, over every transport, because a hop further on may be UDP.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import TYPE_CHECKING

from farline.sip.effects import Deadline
from farline.sip.transaction.timers import Timers

if TYPE_CHECKING:
    from farline._core import Message
    from farline.sip.transaction import ServerTransaction, TransactionLayer

_Key = tuple[str, str, str, int]


class _Held:
    """A 2xx without its ACK."""

    __slots__ = ("give_up_at", "interval", "key", "response", "tx")

    def __init__(
        self, key: _Key, tx: ServerTransaction, response: Message, interval: float, give_up: float
    ) -> None:
        self.key = key
        self.tx = tx
        self.response = response
        self.interval = interval
        self.give_up_at = give_up


class AnswerKeeper:
    """The 2xx of one core that wait for their ACK."""

    def __init__(self, layer: TransactionLayer, timers: Timers | None = None) -> None:
        self._layer = layer
        self._timers = timers or Timers()
        self._held: dict[_Key, _Held] = {}
        self._heap: list[tuple[float, int, _Held]] = []
        self._serial = 0

    def __len__(self) -> int:
        """Answers that wait for their ACK."""
        return len(self._held)

    def answer(self, tx: ServerTransaction, response: Message, now: float) -> None:
        """Send a 2xx to an INVITE and go on sending it. `response` must not be changed any more."""
        self._layer.respond(tx, response, now)
        key = (response.call_id, response.from_tag, response.to_tag, response.cseq)
        t1 = self._timers.t1
        held = _Held(key, tx, response, t1, now + self._timers.transaction)
        self._held[key] = held
        self._start(held, now)

    def acknowledge(self, ack: Message) -> ServerTransaction | None:
        """An ACK came (`AckArrived`): the INVITE it ends, None when none waits for it."""
        held = self._held.pop((ack.call_id, ack.from_tag, ack.to_tag, ack.cseq), None)
        return None if held is None else held.tx

    def expire(self, now: float) -> list[ServerTransaction]:
        """Send what is due again. Returns INVITEs without ACK for 64*T1: those calls want a BYE."""
        given_up = []
        while (deadline := self.next_deadline()) is not None and deadline.at <= now:
            _, _, held = heappop(self._heap)
            if held.give_up_at <= now:
                del self._held[held.key]
                given_up.append(held.tx)
                continue
            self._layer.respond(held.tx, held.response, now)
            held.interval = min(2 * held.interval, self._timers.t2)
            self._start(held, now)
        return given_up

    def next_deadline(self) -> Deadline | None:
        """When `expire` is wanted; the timer is called "2xx"."""
        heap = self._heap
        while heap and self._held.get(heap[0][2].key) is not heap[0][2]:
            heappop(heap)
        return Deadline(heap[0][0], "2xx") if heap else None

    def _start(self, held: _Held, now: float) -> None:
        self._serial += 1
        at = min(now + held.interval, held.give_up_at)
        heappush(self._heap, (at, self._serial, held))
