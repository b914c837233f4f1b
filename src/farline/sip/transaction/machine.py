"""Runs the tables: performs their actions, holds the transactions and their timers."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from farline.sip import responses
from farline.sip.effects import Send
from farline.sip.transaction import (
    invite_client,
    invite_server,
    non_invite_client,
    non_invite_server,
)
from farline.sip.transaction.events import (
    AckArrived,
    Cause,
    Event,
    RequestArrived,
    RequestFailed,
    ResponseArrived,
    ResponseLost,
    TransactionEnded,
)
from farline.sip.transaction.inside import make_ack
from farline.sip.transaction.table import Action, Input, State, Table
from farline.sip.transaction.timers import TimerHeap, Timers
from farline.sip.transaction.transaction import (
    ClientTransaction,
    Key,
    ServerTransaction,
    Transaction,
)

if TYPE_CHECKING:
    from farline._core import Message
    from farline.sip.transport import Address, Flow

Do: TypeAlias = Callable[["Machine", "Transaction", "Message | None", float], None]
Compiled: TypeAlias = dict[State, dict[Input, tuple[State, tuple[Do, ...]]]]


class Machine:
    """Every running transaction of one layer."""

    __slots__ = ("_delays", "_flows", "_timers", "arrival", "clients", "heap", "merging", "out",
                 "servers")

    def __init__(self, timers: Timers) -> None:
        self._timers = timers
        self._delays = (timers.delays(reliable=False), timers.delays(reliable=True))
        self._flows: dict[int | Address, set[Transaction]] = {}
        self.heap = TimerHeap()
        self.out: deque[Send | Event] = deque()
        self.clients: dict[Key, ClientTransaction] = {}
        self.servers: dict[Key, ServerTransaction] = {}
        self.merging: dict[Key, ServerTransaction] = {}
        """Server transactions by what a merged copy shares with them (section 8.2.2.2)."""

        self.arrival: Flow | None = None
        """Where the message now being handled came from."""

    def step(self, tx: Transaction, event: Input, message: Message | None, now: float) -> bool:
        """Run one transition; False when the state does not know the input."""
        row = tx.table[tx.state].get(event)
        if row is None:
            return False
        tx.state = row[0]
        for action in row[1]:
            action(self, tx, message, now)
        if row[0] is State.TERMINATED:
            self._end(tx)
        return True

    def begin(self, tx: Transaction, message: Message | None, now: float) -> None:
        """Take a new transaction in and give it its request."""
        if isinstance(tx, ClientTransaction):
            self.clients[tx.key] = tx
        elif isinstance(tx, ServerTransaction):
            self.servers[tx.key] = tx
            if tx.merge_key is not None:
                self.merging.setdefault(tx.merge_key, tx)
        self._watch(tx)
        self.step(tx, Input.REQUEST, message, now)

    def start(self, tx: Transaction, timer: Input, now: float) -> None:
        """Start a timer that runs once; one of zero seconds fires here and now."""
        delay = self._delays[tx.flow.transport.reliable][timer]
        if delay:
            self.heap.start(now + delay, tx, timer)
        else:
            self.step(tx, timer, None, now)

    def repeat(self, tx: Transaction, timer: Input, now: float, interval: float) -> None:
        """Start a retransmission timer (A, E, G), which only UDP has."""
        if not tx.flow.transport.reliable:
            tx.interval = interval
            self.heap.start(now + interval, tx, timer)

    @property
    def timers(self) -> Timers:
        """The base values."""
        return self._timers

    def lose(self, flow: Flow, now: float) -> None:
        """Tell every transaction on `flow` that it is gone."""
        for tx in list(self._flows.get(flow.token or flow.remote, ())):
            if (tx.back if isinstance(tx, ServerTransaction) else tx.flow) == flow:
                self.step(tx, Input.TRANSPORT_ERROR, None, now)

    def reroute(self, tx: ServerTransaction, flow: Flow) -> None:
        """Answer `tx` over another flow."""
        if tx.state is not State.TERMINATED:
            self._unwatch(tx)
            tx.back = flow
            tx.lost = False
            self._watch(tx)

    def send(self, tx: Transaction, data: bytes) -> None:
        """Write to the transaction's flow unless it is known to be gone."""
        if isinstance(tx, ServerTransaction):
            if not tx.lost:
                self.out.append(Send(tx.back, data))
        else:
            self.out.append(Send(tx.flow, data))

    def _watch(self, tx: Transaction) -> None:
        flow = tx.back if isinstance(tx, ServerTransaction) else tx.flow
        key = flow.token or flow.remote
        there = self._flows.get(key)
        if there is None:
            self._flows[key] = {tx}
        else:
            there.add(tx)

    def _unwatch(self, tx: Transaction) -> None:
        flow = tx.back if isinstance(tx, ServerTransaction) else tx.flow
        key = flow.token or flow.remote
        there = self._flows[key]
        there.discard(tx)
        if not there:
            del self._flows[key]

    def _end(self, tx: Transaction) -> None:
        self._unwatch(tx)
        if isinstance(tx, ClientTransaction):
            del self.clients[tx.key]
        elif isinstance(tx, ServerTransaction):
            del self.servers[tx.key]
            if tx.merge_key is not None and self.merging.get(tx.merge_key) is tx:
                del self.merging[tx.merge_key]
        if not tx.silent and isinstance(tx, ClientTransaction | ServerTransaction):
            self.out.append(TransactionEnded(tx, tx.cause))


def _send_request(machine: Machine, tx: Transaction, message: Message | None, now: float) -> None:
    tx.data = tx.request.to_bytes()
    machine.send(tx, tx.data)


def _send_response(machine: Machine, tx: Transaction, message: Message | None, now: float) -> None:
    if message is not None and isinstance(tx, ServerTransaction):
        tx.data = message.to_bytes()
        tx.to_tag = message.to_tag
        machine.send(tx, tx.data)


def _send_ack(machine: Machine, tx: Transaction, message: Message | None, now: float) -> None:
    if message is not None and isinstance(tx, ClientTransaction):
        tx.data = make_ack(tx, message).to_bytes()
        machine.send(tx, tx.data)


def _send_100(machine: Machine, tx: Transaction, message: Message | None, now: float) -> None:
    if not tx.data:
        _send_response(machine, tx, responses.make(tx.request, 100), now)


def _resend(machine: Machine, tx: Transaction, message: Message | None, now: float) -> None:
    if tx.data:
        machine.send(tx, tx.data)


def _pass(machine: Machine, tx: Transaction, message: Message | None, now: float) -> None:
    if tx.silent or message is None:
        return
    if isinstance(tx, ClientTransaction):
        machine.out.append(ResponseArrived(tx, message))
    elif isinstance(tx, ServerTransaction):
        flow = machine.arrival or tx.flow
        if message.method == "ACK":
            machine.out.append(AckArrived(message, flow, tx))
        else:
            machine.out.append(RequestArrived(tx, message, flow))


def _fail(machine: Machine, tx: Transaction, cause: Cause, *, told: bool) -> None:
    """End early; a user that had its final response hears it from `TransactionEnded` only."""
    tx.cause = cause
    if told and not tx.silent and isinstance(tx, ClientTransaction):
        machine.out.append(RequestFailed(tx, cause))
