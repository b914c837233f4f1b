"""Heartbeats: OPTIONS to every address of a server profile (Server Configuration > Heartbeat)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline.border import flow as flows
from farline.border.exchange import Side
from farline.border.plan import Candidate
from farline.border.steps import NEXT, Connect, NoAnswer, Operation
from farline.sip import Flow, Message
from farline.sip.locate import PREFERRED, Locator
from farline.sip.transaction import RequestFailed, ResponseArrived

if TYPE_CHECKING:
    from collections.abc import Generator

    from farline.border.context import Context
    from farline.border.steps import Step, Steps
    from farline.config import ServerProfile
    from farline.config.server import ServerAddress
    from farline.sip.dns import Found, Question

ANSWER_SECONDS = 4.0
"""How long a beat waits for its answer; at most until the next one."""

MAX_MEMBERS = 16
"""Addresses behind one name that are watched."""

SPREAD_SECONDS = 0.1
"""Between the first beats of two addresses."""


def places_of(
    context: Context, server: ServerProfile, entry: ServerAddress
) -> Generator[Question, Found, list[Candidate]]:
    """The addresses that an entry of a server profile means; a name is looked up."""
    return (yield from _search(context, server, entry))[0][:MAX_MEMBERS]


def _search(
    context: Context, server: ServerProfile, entry: ServerAddress
) -> Generator[Question, Found, tuple[list[Candidate], bool]]:
    """Every address of an entry, and whether there are no others."""
    if entry.fixed is not None:
        return [Candidate(server.name, *entry.fixed)], True
    transports = (entry.transport,) if entry.transport else PREFERRED
    search = Locator(entry.address, entry.port, transports, context.chance)
    located = yield from search.run(naptr=entry.transport is None, srv=entry.port is None)
    found = [Candidate(server.name, one, at, name=name) for one, at, name in located.places]
    return found, located.complete


def interface_to(context: Context, candidate: Candidate) -> str | None:
    """The signaling interface of the first server flow that leads to an address."""
    for flow in context.plan.border.server_flows:
        if flows.hop_mismatch(flow, candidate) is None:
            return flow.signaling_interface
    return None


def start(context: Context) -> None:
    """Begin the heartbeats of every server profile that has them; those of a plan before end."""
    at = context.now
    context.health.unwatch()
    for server in context.plan.border.server_profiles:
        for entry in server.addresses if server.heartbeat.enabled else ():
            heart = Heart(context, server, entry)
            context.schedule.start(at, "heartbeat", heart.fire)
            at += SPREAD_SECONDS


class Heart:
    """The heartbeat of one address of a server; a name is looked up before each beat."""

    def __init__(self, context: Context, server: ServerProfile, entry: ServerAddress) -> None:
        self._context = context
        self._server = server
        self._entry = entry
        self._plan = context.plan
        self._call = f"heartbeat-{context.ids.token()}"
        self._cseq = 0
        self._members: list[Candidate] = []
        """The addresses of the last round."""

    def fire(self, now: float) -> None:
        """Send one OPTIONS to each address, and set the clock; none once the plan changed."""
        context = self._context
        if context.plan is not self._plan:
            return
        context.schedule.start(now + self._server.heartbeat.frequency, "heartbeat", self.fire)
        context.start(Operation(self._call), self._round())

    def _round(self) -> Steps:
        found, complete = yield from _search(self._context, self._server, self._entry)
        self._gather(found, complete=complete)
        for candidate in self._members:
            interface = interface_to(self._context, candidate)
            if interface is not None:
                operation = Operation(self._call)
                self._context.health.watch(candidate)
                self._context.start(operation, self._beat(operation, interface, candidate))

    def _gather(self, found: list[Candidate], *, complete: bool) -> None:
        """Go by what the DNS says now; an address that it names no longer is forgotten."""
        stay = [one for one in self._members if not complete or one in found]
        for gone in self._members:
            if gone not in stay:
                self._context.health.gone(gone)
        self._members = [*stay, *(one for one in found if one not in stay)][:MAX_MEMBERS]

    def _beat(self, operation: Operation, interface: str, candidate: Candidate) -> Steps:
        failure = yield from self._outcome(operation, interface, candidate)
        if candidate not in self._members:
            return  # it went while its answer was waited for
        self._context.health.beat(candidate, self._server, failure)

    def _outcome(
        self, operation: Operation, interface: str, candidate: Candidate
    ) -> Generator[Step, object, str]:
        """What became of the OPTIONS: "" or why it failed."""
        context = self._context
        flow = yield Connect(interface, candidate)
        if not isinstance(flow, Flow):
            return getattr(flow, "reason", "not reachable")
        client = context.request(operation, self._options(interface, candidate), flow, Side.INSIDE)
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

    def _options(self, interface: str, candidate: Candidate) -> Message:
        """The beat: From and To as the form says, else our address and the server's."""
        context, form = self._context, self._server.heartbeat
        own = context.plan.own.shown(interface, candidate.transport)
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
