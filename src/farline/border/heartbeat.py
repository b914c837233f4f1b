"""Heartbeats: OPTIONS to every address of a server profile (Server Configuration > Heartbeat)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline.border import flow as flows
from farline.border.exchange import Side
from farline.border.plan import Candidate
from farline.border.steps import NEXT, Connect, NoAnswer, Operation
from farline.sip import Address, Flow, Message
from farline.sip.routing import is_numeric
from farline.sip.transaction import RequestFailed, ResponseArrived

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from farline.border.context import Context
    from farline.border.steps import Step, Steps
    from farline.config import ServerFlow, ServerProfile

ANSWER_SECONDS = 4.0
"""How long a beat waits for its answer; at most until the next one."""

SPREAD_SECONDS = 0.1
"""Between the first beats of two addresses."""


def start(context: Context) -> None:
    """Begin the heartbeats of every server profile that has them; those of a plan before end."""
    at = context.now
    context.health.unwatch()
    for server in context.plan.border.server_profiles:
        if not server.heartbeat.enabled:
            continue
        for candidate, flow in _addresses(context, server):
            beat = Heart(context, server, flow, candidate)
            context.health.watch(candidate)
            context.schedule.start(at, "heartbeat", beat.fire)
            at += SPREAD_SECONDS


def _addresses(context: Context, server: ServerProfile) -> Iterator[tuple[Candidate, ServerFlow]]:
    """Each address with the server flow whose signaling interface the beats leave by."""
    for entry in server.addresses:
        if not is_numeric(entry.address):
            continue
        candidate = Candidate(server.name, entry.transport, Address(entry.address, entry.port))
        for flow in context.plan.border.server_flows:
            if flows.hop_mismatch(flow, candidate) is None:
                yield candidate, flow
                break


class Heart:
    """The heartbeat of one address."""

    def __init__(
        self, context: Context, server: ServerProfile, flow: ServerFlow, candidate: Candidate
    ) -> None:
        self._context = context
        self._server = server
        self._interface = flow.signaling_interface
        self._candidate = candidate
        self._plan = context.plan
        self._call = f"heartbeat-{context.ids.token()}"
        self._cseq = 0

    def fire(self, now: float) -> None:
        """Send one OPTIONS, and set the clock for the next; none once the configuration changed."""
        context = self._context
        if context.plan is not self._plan:
            return
        context.schedule.start(now + self._server.heartbeat.frequency, "heartbeat", self.fire)
        operation = Operation(self._call)
        context.start(operation, self._beat(operation))

    def _beat(self, operation: Operation) -> Steps:
        failure = yield from self._outcome(operation)
        self._context.health.beat(self._candidate, self._server, failure)

    def _outcome(self, operation: Operation) -> Generator[Step, object, str]:
        """What became of the OPTIONS: "" or why it failed."""
        context = self._context
        flow = yield Connect(self._interface, self._candidate)
        if not isinstance(flow, Flow):
            return getattr(flow, "reason", "not reachable")
        client = context.request(operation, self._options(), flow, Side.INSIDE)
        patience = min(ANSWER_SECONDS, self._server.heartbeat.frequency)
        alarm = context.schedule.start(
            context.now + patience, "heartbeat answer",
            lambda _: context.deliver(operation, NoAnswer(client)),
        )  # fmt: skip
        try:
            while True:
                event = yield NEXT
                if isinstance(event, ResponseArrived) and event.tx is client:
                    status = event.message.status
                    if status >= 200:
                        return "it answers 503" if status == 503 else ""
                elif isinstance(event, RequestFailed) and event.tx is client:
                    return str(event.cause)
                elif isinstance(event, NoAnswer):
                    context.links.drop_unused(flow)
                    return f"no answer in {patience:.0f} s"
        finally:
            alarm.stop()

    def _options(self) -> Message:
        """The beat: From and To as the form says, else our address and the server's."""
        context, form, candidate = self._context, self._server.heartbeat, self._candidate
        own = context.plan.address(self._interface, candidate.transport)
        transport = candidate.transport.uri_param
        target = form.to_uri or f"sip:{candidate.remote};transport={transport}"
        self._cseq += 1
        message = Message.request("OPTIONS", target)
        message.add("Max-Forwards", "70")
        message.add("From", f"<{form.from_uri or f'sip:{own}'}>;tag={context.ids.token()}")
        message.add("To", f"<{target}>")
        message.add("Call-ID", self._call)
        message.add("CSeq", f"{self._cseq} OPTIONS")
        message.add("Contact", f"<sip:{own};transport={transport}>")
        message.add("Accept", "application/sdp")
        message.body = b""
        return message
