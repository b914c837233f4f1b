"""Runs the tables: holds the transactions of a layer, their timers and what is to be handed out."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from farline.sip.effects import Send
from farline.sip.transaction.events import Event, TransactionEnded
from farline.sip.transaction.table import Input, State
from farline.sip.transaction.timers import TimerHeap, Timers
from farline.sip.transaction.transaction import ClientTransaction, ServerTransaction

if TYPE_CHECKING:
    from farline._core import Message
    from farline.sip.transaction.transaction import Key, Transaction
    from farline.sip.transport import Flow

# Members of an enumeration are slow to reach by their class, and these are reached a lot.
_REQUEST = Input.REQUEST
_TIMER_C = Input.TIMER_C
_TERMINATED = State.TERMINATED


class Machine:
    """Every running transaction of one layer."""

    __slots__ = (
        "_flows",
        "arrival",
        "clients",
        "delays",
        "heap",
        "merging",
        "out",
        "servers",
        "timers",
    )

    def __init__(self, timers: Timers) -> None:
        self.timers = timers
        self.delays = {which: timers.delays(reliable=which) for which in (False, True)}
        """Seconds of the timers that run once, by whether the transport is reliable."""

        self._flows: dict[int, set[Transaction]] = {}
        """By connection (its token)."""

        self.heap = TimerHeap()
        self.out: deque[Send | Event] = deque()
        self.clients: dict[Key, ClientTransaction] = {}
        self.servers: dict[Key, ServerTransaction] = {}
        self.merging: dict[Key, ServerTransaction] = {}
        """Server transactions by their `merge_key`."""

        self.arrival: Flow | None = None
        """Where the message now being handled came from."""

    def __len__(self) -> int:
        return len(self.clients) + len(self.servers)

    def begin(self, tx: Transaction, now: float) -> None:
        """Take a new transaction in and give it its request."""
        if isinstance(tx, ClientTransaction):
            self.clients[tx.key] = tx
        else:
            self.servers[tx.key] = tx
            if tx.merge_key is not None:
                self.merging[tx.merge_key] = tx
        if tx.back.token:
            self._watch(tx)
        self.step(tx, _REQUEST, tx.request, now)

    def step(self, tx: Transaction, event: Input, message: Message | None, now: float) -> bool:
        """Run one transition; False when the state absorbs the input."""
        transition = tx.table[tx.state].get(event)
        if transition is None:
            return False
        after, actions = transition
        tx.state = after
        for action in actions:
            action(self, tx, message, now)
        if after is _TERMINATED:
            self._end(tx)
        return True

    def repeat(self, tx: Transaction, timer: Input, now: float, interval: float) -> None:
        """Start a retransmission timer (A, E, G), which only UDP has."""
        if not tx.reliable:
            tx.interval = interval
            self.heap.start(now + interval, tx, timer)

    def persist(self, tx: Transaction, now: float) -> None:
        """Start timer C, or let it last from now on."""
        started = bool(tx.patience)
        tx.patience = now + self.timers.c
        if not started:
            self.heap.start(tx.patience, tx, _TIMER_C)

    def send(self, tx: Transaction, data: bytes) -> None:
        """Write to the transaction's flow unless it is known to be gone."""
        if not tx.lost:
            self.out.append(Send(tx.back, data))

    def lose(self, flow: Flow, now: float) -> None:
        """Tell every transaction on `flow` that it is gone."""
        if flow.token:
            there = list(self._flows.get(flow.token, ()))
        else:  # nobody closes UDP
            there = [*self.clients.values(), *self.servers.values()]
        for tx in there:
            if tx.back == flow:
                self.step(tx, Input.TRANSPORT_ERROR, None, now)

    def reroute(self, tx: ServerTransaction, flow: Flow) -> None:
        """Answer `tx` over another flow."""
        if tx.state is State.TERMINATED:
            return
        if tx.back.token:
            self._unwatch(tx)
        tx.back = flow
        tx.lost = False
        if flow.token:
            self._watch(tx)

    def _watch(self, tx: Transaction) -> None:
        """Remember that a transaction depends on its connection."""
        key = tx.back.token
        there = self._flows.get(key)
        if there is None:
            self._flows[key] = {tx}
        else:
            there.add(tx)

    def _unwatch(self, tx: Transaction) -> None:
        key = tx.back.token
        there = self._flows[key]
        there.discard(tx)
        if not there:
            del self._flows[key]

    def _end(self, tx: Transaction) -> None:
        if tx.back.token:
            self._unwatch(tx)
        if isinstance(tx, ClientTransaction):
            del self.clients[tx.key]
        else:
            del self.servers[tx.key]
            if tx.merge_key is not None and self.merging.get(tx.merge_key) is tx:
                del self.merging[tx.merge_key]
        if not tx.silent:
            self.out.append(TransactionEnded(tx, tx.cause))
