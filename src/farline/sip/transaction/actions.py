"""What the tables' actions do, and the tables made ready to run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from farline.sip import responses
from farline.sip.transaction import (
    invite_client,
    invite_server,
    non_invite_client,
    non_invite_server,
)
from farline.sip.transaction.events import (
    AckArrived,
    Cause,
    RequestArrived,
    RequestFailed,
    ResponseArrived,
    ResponseLost,
)
from farline.sip.transaction.inside import make_ack, make_cancel
from farline.sip.transaction.table import Action, Input, State, Table
from farline.sip.transaction.transaction import ClientTransaction, ServerTransaction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from farline._core import Message
    from farline.sip.transaction.machine import Machine

# The transaction of an action is as the table's side has it, which types cannot say: hence Any.
Do: TypeAlias = "Callable[[Machine, Any, Message | None, float], None]"
_ACCEPTED = State.ACCEPTED
Compiled: TypeAlias = dict[State, dict[Input, tuple[State, tuple[Do, ...]]]]


def compiled(table: Table) -> Compiled:
    """The table with functions for actions and a row for every state."""
    rows: Compiled = {state: {} for state in State}
    for (state, event), (after, actions) in table.items():
        rows[state][event] = (after, tuple(_DO[action] for action in actions))
    return rows


def _send_request(
    machine: Machine, tx: ClientTransaction, message: Message | None, now: float
) -> None:
    tx.data = tx.request.to_bytes()
    machine.send(tx, tx.data)


def _send_response(
    machine: Machine, tx: ServerTransaction, message: Message | None, now: float
) -> None:
    if message is not None:
        tx.data = message.to_bytes()
        tx.to_tag = message.to_tag
        machine.send(tx, tx.data)


def _send_ack(machine: Machine, tx: ClientTransaction, message: Message | None, now: float) -> None:
    if message is not None:
        tx.data = make_ack(tx, message).to_bytes()
        machine.send(tx, tx.data)


def _send_100(machine: Machine, tx: ServerTransaction, message: Message | None, now: float) -> None:
    if not tx.data:
        _send_response(machine, tx, responses.make(tx.request, 100), now)


def _resend(
    machine: Machine,
    tx: ClientTransaction | ServerTransaction,
    message: Message | None,
    now: float,
) -> None:
    if tx.data:
        machine.send(tx, tx.data)


def _pass(
    machine: Machine,
    tx: ClientTransaction | ServerTransaction,
    message: Message | None,
    now: float,
) -> None:
    if tx.silent or message is None:
        return
    if isinstance(tx, ClientTransaction):
        machine.out.append(ResponseArrived(tx, message))
    elif tx.state is _ACCEPTED:
        machine.out.append(AckArrived(message, machine.arrival or tx.flow, tx))
    else:
        machine.out.append(RequestArrived(tx, message, tx.flow))


def _fail(cause: Cause) -> Do:
    """The request gets no final response."""

    def do(machine: Machine, tx: ClientTransaction, message: Message | None, now: float) -> None:
        tx.cause = cause
        if not tx.silent:
            machine.out.append(RequestFailed(tx, cause))

    return do


def _note(cause: Cause) -> Do:
    """`TransactionEnded` will bear the cause."""

    def do(
        machine: Machine,
        tx: ClientTransaction | ServerTransaction,
        message: Message | None,
        now: float,
    ) -> None:
        tx.cause = cause

    return do


def _lost(machine: Machine, tx: ServerTransaction, message: Message | None, now: float) -> None:
    if not tx.lost:
        tx.lost = True
        if not tx.silent:
            machine.out.append(ResponseLost(tx, Cause.TRANSPORT))


def send_cancel(
    machine: Machine, tx: ClientTransaction, headers: Iterable[tuple[str, str]], now: float
) -> None:
    """Send CANCEL once, in a transaction of its own, and give the INVITE 64*T1 to end (9.1)."""
    tx.cancel_headers = None
    if tx.cancelled:
        return
    tx.cancelled = True
    request = make_cancel(tx, headers)
    key = (tx.key[0], "CANCEL")
    cancel = ClientTransaction(request, tx.flow, key, NON_INVITE_CLIENT, "CANCEL", tx.via)
    cancel.silent = True
    _start_cancel(machine, tx, None, now)
    machine.begin(cancel, now)


def _cancel(machine: Machine, tx: ClientTransaction, message: Message | None, now: float) -> None:
    send_cancel(machine, tx, (), now)


def _persist(machine: Machine, tx: ClientTransaction, message: Message | None, now: float) -> None:
    machine.persist(tx, now)


def _start(timer: Input) -> Do:
    """A timer that runs once; one of zero seconds fires here and now."""

    def do(
        machine: Machine,
        tx: ClientTransaction | ServerTransaction,
        message: Message | None,
        now: float,
    ) -> None:
        delay = machine.delays[tx.reliable][timer]
        if delay:
            machine.heap.start(now + delay, tx, timer)
        else:
            machine.step(tx, timer, None, now)

    return do


_start_cancel = _start(Input.TIMER_CANCEL)


def _t1(machine: Machine, tx: ClientTransaction | ServerTransaction) -> float:
    manner = tx.manner if isinstance(tx, ClientTransaction) else None
    return (manner.t1 if manner is not None else None) or machine.timers.t1


def _t2(machine: Machine, tx: ClientTransaction | ServerTransaction) -> float:
    manner = tx.manner if isinstance(tx, ClientTransaction) else None
    return (manner.t2 if manner is not None else None) or machine.timers.t2


def _repeat(
    timer: Input, interval: Callable[[Machine, ClientTransaction | ServerTransaction], float]
) -> Do:
    """`interval` makes the next one of the last one (0.0 at the start), in seconds."""

    def do(
        machine: Machine,
        tx: ClientTransaction | ServerTransaction,
        message: Message | None,
        now: float,
    ) -> None:
        machine.repeat(tx, timer, now, interval(machine, tx))

    return do


_DO: dict[Action, Do] = {
    Action.SEND_REQUEST: _send_request,
    Action.SEND_RESPONSE: _send_response,
    Action.SEND_ACK: _send_ack,
    Action.SEND_100: _send_100,
    Action.RESEND: _resend,
    Action.PASS: _pass,
    Action.TIMED_OUT: _fail(Cause.TIMEOUT),
    Action.BROKEN: _fail(Cause.TRANSPORT),
    Action.UNACKNOWLEDGED: _note(Cause.TIMEOUT),
    Action.UNREACHABLE: _note(Cause.TRANSPORT),
    Action.LOST: _lost,
    Action.CANCEL: _cancel,
    Action.START_C: _persist,
    Action.START_A: _repeat(Input.TIMER_A, _t1),
    Action.REPEAT_A: _repeat(Input.TIMER_A, lambda _, tx: 2 * tx.interval),
    Action.START_E: _repeat(Input.TIMER_E, _t1),
    Action.REPEAT_E: _repeat(Input.TIMER_E, lambda m, tx: min(2 * tx.interval, _t2(m, tx))),
    Action.SLOW_E: _repeat(Input.TIMER_E, _t2),
    Action.START_G: _repeat(Input.TIMER_G, _t1),
    Action.REPEAT_G: _repeat(Input.TIMER_G, lambda m, tx: min(2 * tx.interval, _t2(m, tx))),
    Action.START_B: _start(Input.TIMER_B),
    Action.START_D: _start(Input.TIMER_D),
    Action.START_F: _start(Input.TIMER_F),
    Action.START_H: _start(Input.TIMER_H),
    Action.START_I: _start(Input.TIMER_I),
    Action.START_J: _start(Input.TIMER_J),
    Action.START_K: _start(Input.TIMER_K),
    Action.START_L: _start(Input.TIMER_L),
    Action.START_M: _start(Input.TIMER_M),
    Action.START_100: _start(Input.TIMER_100),
    Action.START_LATE: _start(Input.TIMER_LATE),
}

INVITE_CLIENT = compiled(invite_client.TABLE)
INVITE_SERVER = compiled(invite_server.TABLE)
NON_INVITE_CLIENT = compiled(non_invite_client.TABLE)
NON_INVITE_SERVER = compiled(non_invite_server.TABLE)
