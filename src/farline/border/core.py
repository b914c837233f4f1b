"""The conductor: takes inputs, leads each message through the stages, and gives out effects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farline.border import (
    acknowledging,
    admission,
    calling,
    guard,
    heartbeat,
    joining,
    media_news,
    registering,
    relaying,
    restoring,
    screening,
    siprec,
    transfer,
)
from farline.border.bans import Banned, Lifted
from farline.border.context import Context
from farline.border.exchange import Refusal, Verdict
from farline.border.far_ends import FarEnds
from farline.border.forwarding import Arrival
from farline.border.limits import Limits
from farline.border.line import token_of
from farline.border.scripts import Manipulated
from farline.border.show import calls, show
from farline.border.steps import Aborted, Cancelled, Operation, Unreachable
from farline.media.engine import MediaDone
from farline.media.reports import MediaReport
from farline.sip import Message, WireError, responses, stun
from farline.sip.effects import (
    Close,
    Closed,
    Deadline,
    Expired,
    KeptAlive,
    LookedUp,
    Opened,
    OpenFailed,
    Received,
    Send,
    Started,
)
from farline.sip.transaction import (
    AckArrived,
    CancelArrived,
    RequestArrived,
    RequestFailed,
    ResponseArrived,
    ResponseLost,
    StrayResponse,
    Timers,
    TransactionEnded,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from farline.border.exchange import Side
    from farline.border.relays.rtcp_actors import FarEnd
    from farline.border.session import Found
    from farline.config import Border
    from farline.sip import Flow
    from farline.sip.ids import Ids
    from farline.sip.transaction import ServerTransaction
    from farline.sip.transport import Transport


@dataclass(frozen=True, slots=True)
class Reconfigured:
    """Input: the border goes by another configuration from now on; running calls stay."""

    border: Border


class BorderCore:
    """A session border controller without I/O (`farline.sip.effects.Core`).

    Inputs: `Started`, `Received`, `KeptAlive`, `Opened`, `OpenFailed`, `LookedUp`, `Manipulated`,
    `Closed`, `Expired`, `Reconfigured`, `Banned`, `Lifted`, `MediaDone`, `MediaReport`,
    `MediaSessions`; before all others `Restored`. Outputs: `Send`, `Open`, `Lookup`, `Manipulate`,
    `Close`, `Media`, `Trace`, `Charged`, `Push`, `Dropped`; `Persist` before what the turn sends.
    """

    def __init__(
        self,
        config: Border,
        ids: Ids,
        *,
        timers: Timers | None = None,
        limits: Limits | None = None,
        wall: Callable[[float], float] = lambda then: then,
        country: Callable[[str], str | None] = lambda _host: None,
        traced: bool = True,
    ) -> None:
        """`wall`: the wall-clock time of a monotonic one; `country`: an address' ISO 3166 code.

        `traced`: False where nobody reads `Trace`: then there are none of decisions and notes.
        """
        limits = limits or Limits()
        self._context = Context(config, ids, timers, limits, wall, country, traced=traced)
        self._far_ends = FarEnds(self._context)
        self._flow: Flow | None = None
        """Where the message now being handled came from."""

        self._via = ""
        """The top Via of the request that came last on a connection, as it came."""

    # ---- the three calls of a core ----

    def handle(self, event: object, now: float) -> None:
        """Take one input."""
        context = self._context
        context.now = now
        context.call = context.interface = ""
        if isinstance(event, Received):
            self._received(event.flow, event.data)
        elif isinstance(event, Expired):
            context.layer.expire(now)
            context.schedule.run(now)
        elif isinstance(event, MediaDone):
            context.media_done(event.ticket, event.reply)
        elif isinstance(event, MediaReport):
            media_news.take(context, event)
        elif isinstance(event, Opened | OpenFailed | LookedUp | Manipulated):
            self._answered(event)
        elif isinstance(event, Started):
            heartbeat.start(context)
            context.accounts.start()
            context.begin_restored()
        elif isinstance(event, Closed):
            self._closed(event)
        elif isinstance(event, KeptAlive):
            self._kept_alive(event)
        elif isinstance(event, Banned | Lifted | Reconfigured):
            self._ordered(event)
        else:
            restoring.handle(context, event)
        self._pump()
        context.keeper.flush()

    def _answered(self, event: Opened | OpenFailed | LookedUp | Manipulated) -> None:
        """What an operation asked for is there."""
        context = self._context
        if isinstance(event, Opened):
            if event.ticket is not None and not context.hand_over(event.ticket, event.flow):
                context.put(Close(event.flow))
        elif isinstance(event, OpenFailed):
            context.hand_over(event.ticket, Unreachable(event.reason))
        elif isinstance(event, Manipulated):
            context.script_done(event)
        else:
            context.hand_over(event.ticket, event.found)

    def poll(self) -> object | None:
        """The next output, None when there is none left."""
        out = self._context.out
        return out.popleft() if out else None

    def next_deadline(self) -> Deadline | None:
        """When `Expired` is wanted next."""
        one = self._context.layer.next_deadline()
        other = self._context.schedule.next_deadline()
        if one is None or other is None:
            return one or other
        return one if one.at <= other.at else other

    def registered_from(self, host: str) -> bool:
        """Whether a phone is registered from an address."""
        return self._context.bindings.any_from(host)

    def calls(self) -> dict[Hashable, frozenset[tuple[str, Transport]]]:
        """The calls that there are, each with the interfaces and transports that it uses."""
        return calls(self._context)

    def far_end(self, host: str, port: int) -> FarEnd | None:
        """The end of a call whose RTCP comes from a media address of ours."""
        return self._far_ends.find(host, port)

    def show(self, now: float | None = None) -> dict[str, object]:
        """Bindings, sessions and counters, for people."""
        return show(self._context, self._context.now if now is None else now)

    def _kept_alive(self, event: KeptAlive) -> None:
        """STUN is answered on flows of registered phones: nobody else has a flow to keep."""
        context, flow = self._context, event.flow
        if not context.heard(flow):
            return
        reply = stun.answer(event.data, flow.remote) if event.data else None
        if reply is not None:
            context.put(Send(flow, reply))

    def _ordered(self, order: Banned | Lifted | Reconfigured) -> None:
        """What the people who run the border want of it."""
        if isinstance(order, Reconfigured):
            self._context.reconfigure(order.border)
            heartbeat.start(self._context)
            self._context.accounts.start()
        else:
            guard.by_hand(self._context, order)

    # ---- messages ----

    def _received(self, flow: Flow, data: bytes) -> None:
        context = self._context
        registered = context.heard(flow)
        self._flow = flow
        context.interface = flow.interface
        outside = context.is_outside(flow)
        if outside and not guard.look(context, flow, data, registered=registered):
            return
        try:
            message = Message.parse(data)
        except WireError as error:
            self._unreadable(flow, None, error, outside=outside)
            return
        context.call = context.plan.call_ids.canonical(message.call_id)
        if outside and not guard.judge(context, message, flow, registered=registered):
            return
        try:
            message.validate()
        except WireError as error:
            self._unreadable(flow, message, error, outside=outside)
            return
        if flow.token and message.is_request:
            self._via = message.get("Via") or ""
        context.layer.receive(message, flow, context.now)

    def _unreadable(
        self, flow: Flow, message: Message | None, error: WireError, *, outside: bool
    ) -> None:
        """Answer a request that breaks the rules once, if it can be answered; count it."""
        context = self._context
        context.refused("malformed", f"{error.where}: {error.reason}", flow)
        if outside:
            guard.offence(context, flow, f"unreadable: {error.where}: {error.reason}")
        if message is None:
            return
        response = responses.for_error(message, error, to_tag=context.ids.token())
        if response is not None:
            context.layer.send_stateless(response, flow)

    # ---- what the transactions say ----

    def _pump(self) -> None:
        """Hand out what the transaction layer has to say, until it is silent."""
        context = self._context
        out = context.layer.out
        while out:
            event = out.popleft()
            if isinstance(event, Send):
                context.send(event)
            elif isinstance(event, ResponseArrived | RequestFailed | TransactionEnded):
                operation = event.tx.user
                if operation is not None:
                    context.deliver(operation, event)
            elif isinstance(event, RequestArrived):
                self._request(event.tx, event.flow)
            elif isinstance(event, AckArrived):
                self._ack(event.message, event.flow)
            elif isinstance(event, CancelArrived):
                self._cancel(event)
            elif isinstance(event, ResponseLost):
                self._response_lost(event.tx)
            elif isinstance(event, StrayResponse):
                context.counters["stray-2xx"] += 1
                context.abandoned.answered(event.message, event.flow)

    def _request(self, tx: ServerTransaction, flow: Flow) -> None:
        context = self._context
        self._restore_via(tx, flow)
        if siprec.request(context, tx):
            return
        verdict = admission.decide(context, tx, flow)
        admitted = verdict.value
        if isinstance(admitted, Refusal):
            if context.is_outside(flow):
                guard.offence(context, flow, verdict.because)
            context.reject(tx, "admission", Verdict(admitted, verdict.because, verdict.form))
            return
        if admitted is None:
            context.decided("admission", "answered 200", verdict.because, verdict.form)
            context.answer(tx, 200)
            return
        operation = tx.user = Operation(context.call)
        binding, sender, found = admitted.binding, admitted.sender, admitted.found
        if binding is not None:
            context.marking.belongs(flow, binding.configured(sender))
        if binding is None:
            context.start(operation, registering.register(context, operation, tx))
            return
        context.decided("flow", admitted.flow_name, verdict.because, verdict.form)
        refused = screening.screen(context, binding, sender, tx.request)
        if refused is not None:
            context.reject(tx, "policy", refused)
            return
        session = found.session if found is not None else None
        if session is not None and tx.method == "BYE" and session.is_left_by(sender):
            context.answer(tx, 200)
            return
        if found is not None and session is not None and session.joint is not None:
            self._joined(operation, tx, found, sender)
            return
        steps = calling.invite if tx.method == "INVITE" else relaying.relay
        arrival = Arrival(context, operation, tx, binding, sender, found)
        context.start(operation, steps(arrival))

    def _joined(
        self, operation: Operation, tx: ServerTransaction, found: Found, sender: Side
    ) -> None:
        """A request in one of two calls that a transfer left joined."""
        context, session = self._context, found.session
        if tx.method == "REFER" and session.joint is not None and sender is session.joint.side:
            status, why = transfer.refer(context, tx, session, sender)
            if why:
                context.decided("REFER", f"answered {status}", why)
                context.answer(tx, status)
            return
        context.start(operation, joining.relay(context, operation, tx, found, sender))

    def _ack(self, message: Message, flow: Flow) -> None:
        context = self._context
        found = admission.find(context, message, flow)
        if found is None:
            context.refused("ack", "no such dialog", flow)
            return
        binding, sender, dialog = found
        if dialog.session.joint is not None:
            context.start(Operation(context.call), joining.ack(context, message, dialog))
            return
        context.start(
            Operation(context.call), acknowledging.ack(context, message, binding, sender, dialog)
        )

    def _cancel(self, event: CancelArrived) -> None:
        """The layer has answered the CANCEL; the INVITE's operation does the rest.

        Outside, only the flow of the INVITE may cancel it; the office may use any connection.
        """
        flow = self._flow
        is_outside = self._context.is_outside
        if flow is None or (flow != event.tx.flow and is_outside(event.tx.flow)):
            self._context.refused("cancel", "CANCEL from another flow", flow or event.tx.flow)
        elif flow != event.tx.flow and is_outside(flow):
            self._context.refused("cancel", "CANCEL from outside", flow)
        elif isinstance(event.tx.user, Operation):
            reasons = tuple(("Reason", value) for value in event.message.all("Reason"))
            self._context.deliver(event.tx.user, Cancelled(reasons))

    def _restore_via(self, tx: ServerTransaction, flow: Flow) -> None:
        """Over a connection a Via that did not ask for its source goes back as it came.

        The guide's traces show no `received` there, nor beside an answered rport whose host is the
        source; the response goes over the connection either way.
        """
        if not tx.reliable:
            return
        via = tx.request.top_via
        if via is None or via.param("received") is None:
            return
        asks = via.param("rport") is not None
        if asks and via.host != flow.remote.host:
            return
        first = self._via.partition(",")[0].rstrip()
        if asks:
            first = str(via).replace(f";received={flow.remote.host}", "")
        tx.request.pop("Via")
        tx.request.prepend("Via", first)

    def _response_lost(self, tx: ServerTransaction) -> None:
        """The sender's connection is gone.

        The office is answered over the phone's upstream connection; a phone's call is given up.
        """
        context, operation = self._context, tx.user
        if not context.is_outside(tx.flow):
            binding = context.bindings.by_subid(token_of(tx.request))
            if binding is not None and binding.upstream and binding.upstream.flow:
                context.layer.reroute(tx, binding.upstream.flow)
                return
        if not isinstance(operation, Operation) or tx.method != "INVITE":
            return
        context.deliver(operation, Aborted(487, "the caller's connection is lost"))

    # ---- connections and media ----

    def _closed(self, event: Closed) -> None:
        context = self._context
        context.ways.lost(event.flow)
        context.marking.forget(event.flow)
        if not context.upstreams.lost(event.flow):
            for binding in context.bindings.flow_lost(event.flow):
                context.note("binding unreachable", f"{binding.aor}: {event.reason}")
        context.layer.flow_lost(event.flow, context.now)
