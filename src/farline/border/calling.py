"""INVITE through the border, first and again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from farline.border import anchor, call_interworking, dialogs, failover
from farline.border.admitting import admit_call, admit_side
from farline.border.credentials import again
from farline.border.exchange import Side
from farline.border.interworking import RELIABLE
from farline.border.passage import Passage
from farline.border.redirecting import Redirections
from farline.border.steps import NEXT, Aborted, Cancelled, NoAnswer, TimerC
from farline.border.teardown import hang_up, refuse_answer
from farline.config.interworking import InterworkingProfile
from farline.media.engine import MediaReply
from farline.sip import WireError
from farline.sip.transaction import Cause, RequestFailed, ResponseArrived, TransactionEnded

if TYPE_CHECKING:
    from collections.abc import Generator

    from farline.border.binding import Binding
    from farline.border.context import Context
    from farline.border.session import Found, Session
    from farline.border.steps import Operation, Steps
    from farline.sip import Flow, Message
    from farline.sip.schedule import Alarm
    from farline.sip.transaction import ClientTransaction, ServerTransaction


def invite(
    context: Context,
    operation: Operation,
    tx: ServerTransaction,
    binding: Binding,
    sender: Side,
    found: Found | None,
) -> Steps:
    """Pass one INVITE, its answers and its end."""
    if anchor.has_hidden_description(tx.request):
        context.answer(tx, 415, (("Accept", "application/sdp"),))
        return
    if found is None and (refused := admit_call(context, tx.request, binding, sender)) is not None:
        context.reject(tx, "policy", refused)
        return
    context.answer(tx, 100)
    call = Calling(context, operation, tx, binding, sender, found)
    try:
        yield from call.run()
    finally:
        call.over()


class Calling:
    """One INVITE transaction through the border."""

    def __init__(
        self,
        context: Context,
        operation: Operation,
        tx: ServerTransaction,
        binding: Binding,
        sender: Side,
        found: Found | None,
    ) -> None:
        self.context = context
        self.operation = operation
        self.tx = tx
        self.initial = found is None
        self.passage = Passage(context, binding, sender, tx.request, found)
        self.session: Session | None = found.session if found else None
        self.offered = False
        self.made = False
        """The offer is the border's own: the INVITE had none."""

        self.rang = False
        """An answer other than 100 came: no other next hop may be tried."""

        self._way_unknown = binding.line is None
        """Which server the call goes to, and so which of its rules count, is not known yet."""

        self.cancelled = False
        self.answered = False
        """The caller has a final answer."""

        self._redirections = Redirections()
        self._timer_c: Alarm | None = None
        self._silence: Alarm | None = None
        """Runs while a next hop has said nothing and there is another."""

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
            side, manner = self.passage.sender.other, self.passage.manner
            client = self.context.request(self.operation, out, flow, side, manner)
            yield from self._follow(client)

    def _unfit(self) -> bool:
        """Whether the call wants what the server's profile excludes; the caller is told."""
        try:
            least = call_interworking.too_short(self.passage)
            unsupported = call_interworking.needs_unsupported(self.passage)
        except WireError as error:
            self._fail(error.status or 400, f"{error.where}: {error.reason}")
            return True
        if least is not None:
            self._fail(422, f"shorter than Min-SE {least}", (("Min-SE", str(least)),))
        elif unsupported:
            self._fail(420, "it requires 100rel", (("Unsupported", RELIABLE),))
        return least is not None or unsupported

    def _not_admitted(self) -> bool:
        """Whether the rules of a server flow that was found only now let no call begin."""
        if not self._way_unknown or not self.initial:
            return False
        self._way_unknown = False
        binding, side = self.passage.binding, self.passage.sender.other
        refused = admit_side(self.context, self.tx.request, binding, side, "outbound")
        if refused is not None:
            self.answered = True
            self.context.reject(self.tx, "policy", refused)
        return refused is not None

    def over(self) -> None:
        """The transaction has ended, however."""
        for alarm in (self._timer_c, self._silence):
            if alarm is not None:
                alarm.stop()
        if self.session is not None and self.session.pending is self.operation:
            self.session.pending = None

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
        sdp = anchor.description(self.tx.request)
        if sdp is None:
            sdp = call_interworking.made_offer(self.passage, self.session)
            if sdp is None:
                return True
            self.made = True
            out.set("Content-Type", "application/sdp")
            form = f"{InterworkingProfile.form}: Delayed SDP Handling"
            self.context.decided("anchor", "offer inserted", "the INVITE has no SDP", form)
        if self.session.anchored is not None:
            self.session.anchored.inserted = self.made
        self.offered = True
        reply = yield from self._carry(self.passage.sender, self.tx.request, sdp)
        if reply.error is not None:
            self._fail(reply.status or 500, reply.error)
            return False
        out.body = reply.sdp or b""
        return not self._given_up()

    def _carry(self, sender: Side, message: Message, sdp: bytes) -> Generator[Any, Any, MediaReply]:
        anchored = self.session.anchored if self.session is not None else None
        if anchored is None:
            return MediaReply(error="the phone is not reachable", status=480)
        known = anchored.last.get(sender)
        repeated = known is not None and known[:2] == (message.to_tag, sdp)
        reply = yield from anchor.carry(anchored, sender, message, sdp, offered=self.offered)
        if self.made and not message.is_request and not repeated and reply.error is None:
            # What answers our offer is itself the offer to the caller.
            tag = message.to_tag
            reply = yield from anchor.describe(anchored, sender, tag, sdp, answer=False, late=True)
        if reply.sdp is not None and b"m=video " in reply.sdp and self.session is not None:
            self.context.sessions.note_video(self.session)
        self.context.decided(
            "anchor",
            "anchored" if reply.error is None else f"refused {reply.status}",
            reply.error or f"SDP from {sender} in media session {anchored.media}",
        )
        return reply

    def _follow(self, client: ClientTransaction) -> Steps:
        """Everything that happens to the request on one next hop."""
        self._restart_timer_c()
        self._silence = failover.watch(self.context, self.operation, self.passage, client)
        while True:
            event = yield NEXT
            if isinstance(event, Cancelled | Aborted | TimerC):
                self._stop(client, event)
            elif getattr(event, "tx", None) is not client:
                continue  # of a next hop that was left
            elif isinstance(event, ResponseArrived):
                self._heard()
                if self.initial and not self.rang and self.passage.refused_by_hop(event.message):
                    return
                if self._redirected(event.message):
                    return
                told = None if self.answered else again(self.passage, client.request, event.message)
                if told is not None and not self.cancelled:
                    other = self.passage.sender.other
                    client = self.context.request(self.operation, told, client.flow, other)
                    self._restart_timer_c()
                    continue
                yield from self._response(client, event.message)
            elif isinstance(event, NoAnswer) and self._silence is not None:
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
        target = self._redirections.follow(self.passage, response)
        if target:
            self.passage.lead_to(target)
            why = f"{response.status} {response.reason}"
            form = f"{InterworkingProfile.form}: {self.passage.works.profile.name}: 3xx Handling"
            self.context.decided("redirection", target, why, form)
        return bool(target)

    def _stop(self, client: ClientTransaction, event: Cancelled | Aborted | TimerC) -> None:
        """The caller, the border or the clock ends it."""
        context = self.context
        if isinstance(event, Cancelled):
            self.cancelled = True
            context.layer.cancel(client, context.now, event.reasons)
        elif isinstance(event, TimerC):
            context.note("timer C", "it rang for too long")
            context.layer.cancel(client, context.now)
        elif not self.answered:
            self._fail(event.status, event.reason)
            context.layer.cancel(client, context.now)

    def _heard(self) -> None:
        """The next hop said something."""
        self.passage.answered()
        if self._silence is not None:
            self._silence.stop()
            self._silence = None

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
        if status == 100 or self.passage.drops(response):
            return
        if status < 200:
            self.rang = True
            self._restart_timer_c()
        elif self._timer_c is not None:
            self._timer_c.stop()
        session = self.session
        if session is None or session.ended or (self.answered and status >= 300):
            if session is not None and 200 <= status < 300:
                self._discard(client, response)
            return
        if status < 300:
            dialogs.learn_answer(session, self.passage, response)
        if status >= 300:
            yield from self._refused(response)
            return
        yield from self._pass_answer(client, response)

    def _pass_answer(self, client: ClientTransaction, response: Message) -> Steps:
        """Give the caller a 18x or 2xx, with its SDP anchored."""
        session, passage = self.session, self.passage
        if session is None:
            return
        sdp, replaced = call_interworking.early_sdp(passage, session, response)
        if sdp is not None:
            reply = yield from self._carry(passage.sender.other, response, sdp)
            if reply.error is not None:
                self._unusable(client, response, reply)
                return
            replaced = reply.sdp
        try:
            out = passage.to_near(response)
        except WireError as error:
            self.context.refused("malformed", f"{error.where}: {error.reason}", client.flow)
            return
        if replaced is not None:
            if replaced and out.get("Content-Type") is None:
                out.set("Content-Type", "application/sdp")
            out.body = replaced
        out = yield from passage.manipulated(out, passage.sender)
        self.context.respond(self.tx, out)
        if response.status >= 200:
            self.answered = True
            dialogs.confirm(session, passage, response, out)
            session.pending = None
            self.context.keeper.session(session)
            self.context.call_changed(session, "answered", f"{response.status}")
        elif session.state == "started":
            self.context.call_changed(session, "ringing", f"{response.status}")

    def _refused(self, response: Message) -> Steps:
        """A final answer other than 2xx."""
        try:
            out = self.passage.to_near(response)
        except WireError:
            self._fail(500, "an answer that cannot be read")
            return
        self.answered = True
        out = yield from self.passage.manipulated(out, self.passage.sender)
        self.context.respond(self.tx, out)
        if self.initial and self.session is not None:
            self.context.end_session(self.session, "failed", f"{response.status}")

    def _unusable(self, client: ClientTransaction, response: Message, reply: MediaReply) -> None:
        """An answer whose SDP the engine refuses: the caller is told, the other leg ended."""
        why = reply.error or ""
        session = self.session
        if response.status >= 200 and session is not None:
            refuse_answer(self.context, session, response, client.flow)
        else:
            self.context.layer.cancel(client, self.context.now)
        self._fail(reply.status or 488, why)
        if not self.initial and session is not None:
            hang_up(self.context, session, "no media", cause=47)

    def _discard(self, client: ClientTransaction, response: Message) -> None:
        """A 2xx for a call that is over for its caller (it crossed our CANCEL)."""
        session = self.session
        if session is not None:
            dialogs.learn_answer(session, self.passage, response)
            refuse_answer(self.context, session, response, client.flow)

    def _fail(self, status: int, why: str, told: tuple[tuple[str, str], ...] = ()) -> None:
        """Tell the caller that it came to nothing."""
        if not self.answered:
            self.answered = True
            self.context.decided("call", f"answered {status}", why)
            self.context.answer(self.tx, status, told)
        if self.initial and self.session is not None:
            self.context.end_session(self.session, "failed", why)

    def _restart_timer_c(self) -> None:
        context, operation = self.context, self.operation
        if self._timer_c is not None:
            self._timer_c.stop()
        at = context.now + call_interworking.ringing_seconds(self.passage)
        self._timer_c = context.schedule.start(
            at, "C", lambda _: context.deliver(operation, TimerC())
        )
