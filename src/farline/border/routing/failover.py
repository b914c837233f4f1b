"""Leaving a next hop that says nothing, long before Timer B, and what it may still say later."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from farline.border.calls.targets import request_to, routes_behind, target_of
from farline.border.exchange import Side
from farline.border.steps import NEXT, NoAnswer, Operation
from farline.border.topology.line import subid_of
from farline.border.trunks.credentials import again
from farline.sip.transaction import Cause, RequestFailed, ResponseArrived, TransactionEnded

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from farline.border.context import Context
    from farline.border.passage import Passage
    from farline.border.steps import Step, Steps
    from farline.sip import Flow, Message
    from farline.sip.schedule import Alarm
    from farline.sip.transaction import ClientTransaction

MAX_ENDED = 16
"""Forks of one INVITE that are hung up on."""


def watch(
    context: Context, operation: Operation, passage: Passage, client: ClientTransaction
) -> Alarm | None:
    """Tell `operation` with `NoAnswer` when the next hop is silent; None: no other is left."""
    patience = passage.patience()
    if patience is None:
        return None
    event = NoAnswer(client)
    return context.schedule.start(
        context.now + patience, "failover", lambda _: context.deliver(operation, event)
    )


def final_answer(
    context: Context,
    operation: Operation,
    passage: Passage,
    client: ClientTransaction,
    provisional: Callable[[Message], Steps] | None = None,
) -> Generator[Step, Any, Message | None]:
    """The final answer to a request other than INVITE; None when this next hop gives none.

    `provisional` takes the answers before it.
    """
    silence = watch(context, operation, passage, client)
    try:
        while True:
            event = yield NEXT
            if isinstance(event, ResponseArrived) and event.tx is client:
                passage.answered()
                if silence is not None:
                    silence.stop()
                if event.message.status < 200:
                    if provisional is not None:
                        yield from provisional(event.message)
                elif (told := again(passage, client.request, event.message)) is not None:
                    client = context.request(operation, told, client.flow, passage.sender.other)
                elif passage.refused_by_hop(event.message):
                    return None
                else:
                    return event.message
            elif isinstance(event, RequestFailed) and event.tx is client:
                passage.failed(event.cause)
                return None
            elif isinstance(event, NoAnswer) and event.tx is client:
                leave_behind(context, client)
                passage.failed(Cause.TIMEOUT)
                return None
    finally:
        if silence is not None:
            silence.stop()


def leave_behind(context: Context, client: ClientTransaction, *, hang_up: bool = True) -> None:
    """Nobody waits for this transaction any longer; what it still brings is cleared up.

    An INVITE is cancelled as soon as it may be (RFC 3261 section 9.1: after a provisional answer);
    a 2xx that comes nevertheless is acknowledged, and hung up on unless `hang_up` is False.
    """
    operation = Operation(context.call)
    client.user = operation
    context.layer.cancel(client, context.now)
    context.start(operation, _clear_up(context, client, hang_up=hang_up))


def _clear_up(context: Context, client: ClientTransaction, *, hang_up: bool) -> Steps:
    ended: set[str] = set()
    while True:
        event = yield NEXT
        if isinstance(event, ResponseArrived):
            answer = event.message
            if client.method == "INVITE" and 200 <= answer.status < 300:
                end_answer(context, answer, client.flow, ended, hang_up=hang_up)
        elif isinstance(event, RequestFailed | TransactionEnded):
            return


def end_answer(
    context: Context, answer: Message, flow: Flow, ended: set[str], *, hang_up: bool = True
) -> None:
    """Acknowledge a 2xx that nobody can use, and hang up once on each end that sent one.

    `ended`: the To tags that were hung up on.
    """
    context.send_ack(_in_dialog("ACK", answer, answer.cseq), flow)
    if hang_up and answer.to_tag not in ended and len(ended) < MAX_ENDED:
        ended.add(answer.to_tag)
        context.note("late answer", "who was given up has answered: ended")
        bye = _in_dialog("BYE", answer, answer.cseq + 1)
        context.request(None, bye, flow, Side.INSIDE)


def _in_dialog(method: str, answer: Message, cseq: int) -> Message:
    """A request to whoever sent this 2xx, by the route set that it bears."""
    message = request_to(
        target_of(answer),
        method,
        routes=routes_behind(answer, lambda value: bool(subid_of(value)))[::-1],
        from_=answer.get("From") or "",
        to=answer.get("To") or "",
        call_id=answer.call_id,
        cseq=cseq,
    )
    message.body = b""
    return message
