"""INVITE through the border, first and again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from farline.border.calls import anchor, dialogs
from farline.border.calls.answering import Answering
from farline.border.calls.teardown import refuse_answer
from farline.border.calls.timers import CallTimers
from farline.border.exchange import Side
from farline.border.interworking import calls as call_interworking
from farline.border.policy.admitting import admit_call, admit_side
from farline.border.routing import failover
from farline.border.routing.redirecting import Redirections
from farline.border.steps import NEXT, Aborted, Cancelled, NoAnswer, TimerC
from farline.sip import WireError
from farline.sip.transaction import Cause, RequestFailed, ResponseArrived, TransactionEnded

if TYPE_CHECKING:
    from collections.abc import Generator

    from farline.border.calls.forwarding import Arrival
    from farline.border.exchange import Refusal, Verdict
    from farline.border.steps import Steps
    from farline.sip import Flow, Message
    from farline.sip.transaction import ClientTransaction


def invite(arrival: Arrival) -> Steps:
    """Pass one INVITE, its answers and its end."""
    context, _, tx, binding, sender, found = arrival
    call = Calling(arrival)
    if anchor.has_hidden_description(tx.request):
        call.refuse_body(415, "a multipart body may hide SDP", (("Accept", "application/sdp"),))
        return
    if found is None and (refused := admit_call(context, tx.request, binding, sender)) is not None:
        call.refuse(refused)
        return
    context.answer(tx, 100)
    try:
        yield from call.run()
    finally:
        call.over()


class Calling(Answering):
    """One INVITE transaction through the border."""

    def __init__(self, arrival: Arrival) -> None:
        super().__init__(arrival)
        self._timers = CallTimers(self.context, self.operation, self.passage)
        self.rang = False
        """An answer other than 100 came: no other next hop may be tried."""

        self._way_unknown = arrival.binding.line is None
        """Which server the call goes to, and so which of its rules count, is not known yet."""

        self._begun = self.context.sessions.begun
        """How many calls had begun when this one was admitted."""

        self.cancelled = False
        self._redirections = Redirections()

    def run(self) -> Steps:
        """Next hop by next hop until there is a final answer."""
        while not self.answered:
            flow = yield from self.passage.reach()
            if self._given_up():
                return
            if flow is None:
                self._fail(self.passage.status, "no way to the other side", self.passage.told())
                return
            if self._unfit() or self._not_admitted():
                return
            try:
                out = self.passage.to_far()
            except WireError as error:
                self._fail(error.status or 400, f"{error.where}: {error.reason}")
                return
            if not (yield from self._prepare(out, flow)):
                return
            out = yield from self.passage.manipulated(out, self.passage.sender.other)
            if self._given_up():
                return
            client = self.send(out, flow)
            if self.initial:
                self._kept.sent(client)
            yield from self._follow(client)

    def _unfit(self) -> bool:
        """Whether the call wants what the server's profile excludes; the caller is told."""
        verdict = call_interworking.unfit(self.passage)
        if verdict is not None:
            self._fail(verdict.value.status, verdict.because, verdict.value.headers)
        return verdict is not None

    def _not_admitted(self) -> bool:
        """Whether no call may begin after all.

        The server flow may have been found only now, and others may have begun while the way was
        looked for.
        """
        if not self.initial or self.session is not None:
            return False
        context, binding, sender = self.context, self.passage.binding, self.passage.sender
        refused = None
        if self._begun != context.sessions.begun:
            refused = admit_call(context, self.tx.request, binding, sender)
        elif self._way_unknown:
            refused = admit_side(context, self.tx.request, binding, sender.other, "outbound")
        if refused is not None:
            self.refuse(refused)
        return refused is not None

    def refuse(self, refused: Verdict[Refusal]) -> None:
        """The rules let no call begin: the caller is told."""
        self.answered = True
        self._kept.answered()
        self.context.reject(self.tx, "policy", refused)
        self._never_began(refused.because)

    def refuse_body(self, status: int, why: str, told: tuple[tuple[str, str], ...]) -> None:
        """Nobody can look into its body: the caller is told."""
        self._fail(status, why, told)

    def over(self) -> None:
        """The transaction has ended, however."""
        self._timers.over()
        session = self.session
        if session is not None and session.pending is self.operation:
            session.pending = None
        if (
            session is not None
            and session.reliable is not None
            and session.reliable.serves(self.tx)
        ):
            session.reliable.over()

    def _given_up(self) -> bool:
        """Whether the caller hung up while we were still looking for the way."""
        if any(isinstance(event, Cancelled | Aborted) for event in self.operation.inbox or ()):
            self._fail(487, "cancelled before it was sent")
            return True
        return False

    def _prepare(self, out: Message, flow: Flow) -> Generator[Any, Any, bool]:
        """Open the session, and anchor the offer if there is one."""
        if self.session is None:
            if self.context.sessions.holds(self.passage.binding, self.tx.request):
                self._fail(482, "the same call came twice")
                return False
            self.session = dialogs.open_session(self.context, self.passage, out, is_call=True)
            self.session.pending = self.operation
        dialogs.open_anchor(self.context, self.session, flow, self.passage)
        reply = yield from self._media.offer(self.session, self.tx.request, out)
        if reply is None:
            return True
        if reply.error is not None:
            self._fail(reply.status or 500, reply.error)
            return False
        return not self._given_up()

    def _follow(self, client: ClientTransaction) -> Steps:
        """Everything that happens to the request on one next hop."""
        self._timers.sent(client)
        while True:
            event = yield NEXT
            if isinstance(event, Cancelled | Aborted | TimerC):
                self._stop(client, event)
            elif getattr(event, "tx", None) is not client:
                continue  # of a next hop that was left
            elif isinstance(event, ResponseArrived):
                self.passage.answered()
                self._timers.heard()
                if self.initial and not self.rang and self.passage.refused_by_hop(event.message):
                    return
                if self._redirected(event.message):
                    return
                sent, response = client.request, event.message
                told = None if self.answered else self._extensions.again(sent, response)
                if told is not None and not self.cancelled:
                    other = self.passage.sender.other
                    client = self.context.request(self.operation, told, client.flow, other)
                    if self.initial:
                        self._kept.sent(client)
                    self._timers.may_ring()
                    continue
                yield from self._response(client, event.message)
            elif isinstance(event, NoAnswer) and self._timers.watches_silence:
                failover.leave_behind(self.context, client)
                self._failed(Cause.TIMEOUT)
                return
            elif isinstance(event, RequestFailed):
                self._failed(event.cause)
                return
            elif isinstance(event, TransactionEnded):
                return

    def _redirected(self, response: Message) -> bool:
        """Whether the call goes on to a contact that the server named."""
        if not self.initial or self.answered or self.cancelled:
            return False
        return self._redirections.follow(self.context, self.passage, response)

    def _stop(self, client: ClientTransaction, event: Cancelled | Aborted | TimerC) -> None:
        """The caller, the border or the clock ends it."""
        context, held, session = self.context, self._held, self.session
        if held is not None and session is not None:
            status, why = 487, (16, "cancelled")
            if isinstance(event, Aborted):
                status, why = event.status, (102, event.reason)
            refuse_answer(context, session, *held, why)
            self._fail(status, why[1])
        elif isinstance(event, Cancelled):
            self.cancelled = True
            context.layer.cancel(client, context.now, event.reasons)
        elif isinstance(event, TimerC):
            context.note("timer C", "it rang for too long")
            context.layer.cancel(client, context.now)
        elif not self.answered:
            self._fail(event.status, event.reason)
            context.layer.cancel(client, context.now)

    def _failed(self, cause: Cause) -> None:
        """No answer on this next hop; `run` goes on with another one, if nobody is told yet."""
        if self.answered:
            return
        self.passage.failed(cause)
        if self.cancelled:
            self._fail(487, "cancelled, and no answer came")
        elif self.rang or (self.passage.sender is Side.INSIDE and not self.passage.has_other_flow):
            status = 408 if cause is Cause.TIMEOUT else self.passage.status
            self._fail(status, f"the called side is lost: {cause}")

    def _response(self, client: ClientTransaction, response: Message) -> Steps:
        status = response.status
        if status == 100 or self.passage.drops(response) or self._extensions.repeated(response):
            return
        if status < 200:
            self.rang = True
            self._timers.may_ring()
        else:
            self._timers.rings_no_more()
        session = self.session
        if session is None or session.ended or (self.answered and status >= 300):
            if session is not None and 200 <= status < 300:  # it crossed our CANCEL
                dialogs.learn_answer(session, self.passage, response)
                refuse_answer(self.context, session, response, client.flow)
            return
        if status < 300:
            dialogs.learn_answer(session, self.passage, response)
        if status >= 300:
            yield from self._refused(response)
            return
        yield from self._pass_answer(client, response)
