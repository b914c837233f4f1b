"""What the transactions say, and who does what is to be done: requests, ACK, CANCEL, answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from farline.border import admission
from farline.border.calls import acknowledging, calling, relaying
from farline.border.calls.forwarding import Arrival
from farline.border.exchange import Refusal, Verdict
from farline.border.policy import charging, screening
from farline.border.recording import siprec
from farline.border.registrations import registering
from farline.border.shield import guard
from farline.border.steps import Aborted, Cancelled, Operation
from farline.border.topology import encoded
from farline.border.topology.line import token_of
from farline.border.transfers import joining, transfer
from farline.sip.effects import Send
from farline.sip.transaction import (
    AckArrived,
    CancelArrived,
    RequestArrived,
    RequestFailed,
    ResponseArrived,
    ResponseLost,
    StrayResponse,
    TransactionEnded,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from farline.border.calls.session import Found
    from farline.border.context import Context
    from farline.border.exchange import Side
    from farline.sip import Flow
    from farline.sip.transaction import ServerTransaction


class Arrivals:
    """Takes the events of the transaction layer."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self.flow: Flow | None = None
        """Where the message now being handled came from."""

        self.via = ""
        """The top Via of the request that came last on a connection, as it came."""

        self._takers: dict[type, Callable[[Any], None]] = {
            RequestArrived: self._request,
            ResponseArrived: self._deliver,
            RequestFailed: self._deliver,
            TransactionEnded: self._deliver,
            AckArrived: self._ack,
            CancelArrived: self._cancel,
            ResponseLost: self._response_lost,
            StrayResponse: self._stray,
        }

    def pump(self) -> None:
        """Hand out what the transaction layer has to say, until it is silent."""
        context = self._context
        poll = context.layer.poll
        while (event := poll()) is not None:
            if type(event) is Send:
                context.send(event)
            else:
                self._takers[type(event)](event)

    def _deliver(self, event: ResponseArrived | RequestFailed | TransactionEnded) -> None:
        operation = event.tx.user
        if operation is not None:
            self._context.deliver(operation, event)

    def _stray(self, event: StrayResponse) -> None:
        self._context.counters["stray-2xx"] += 1
        self._context.abandoned.answered(event.message, event.flow)

    def _request(self, event: RequestArrived) -> None:
        context, tx, flow = self._context, event.tx, event.flow
        self._restore_via(tx, flow)
        if siprec.request(context, tx):
            return
        verdict = admission.decide(context, tx, flow)
        admitted = verdict.value
        if isinstance(admitted, Refusal):
            if context.is_outside(flow):
                guard.offence(context, flow, verdict.because)
            context.reject(tx, "admission", Verdict(admitted, verdict.because, verdict.form))
            if tx.method == "INVITE":
                admission.charge_refused(context, tx, verdict.because)
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
        stage, refused = "policy", screening.screen(context, binding, sender, tx.request)
        if refused is None and tx.request.body:
            stage, refused = "topology", encoded.decide(context, binding, sender, tx.request)
        if refused is not None:
            context.reject(tx, stage, refused)
            charging.never_began(context, binding, sender, tx.request, refused.because)
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

    def _ack(self, event: AckArrived) -> None:
        context, message, flow = self._context, event.message, event.flow
        if siprec.ack(context, message):
            return
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
        flow = self.flow
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
        first = self.via.partition(",")[0].rstrip()
        if asks:
            first = str(via).replace(f";received={flow.remote.host}", "")
        tx.request.pop("Via")
        tx.request.prepend("Via", first)

    def _response_lost(self, event: ResponseLost) -> None:
        """The sender's connection is gone.

        The office is answered over the phone's upstream connection; a phone's call is given up.
        """
        context, tx = self._context, event.tx
        operation = tx.user
        if not context.is_outside(tx.flow):
            binding = context.bindings.by_subid(token_of(tx.request))
            if binding is not None and binding.upstream and binding.upstream.flow:
                context.layer.reroute(tx, binding.upstream.flow)
                return
        if not isinstance(operation, Operation) or tx.method != "INVITE":
            return
        context.deliver(operation, Aborted(487, "the caller's connection is lost"))
