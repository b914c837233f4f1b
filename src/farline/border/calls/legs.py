"""One end of a call as somebody to talk to: requests of ours to it, in the name of the other end.

Each takes the next CSeq number of the end in whose name it is; later ones of that end are counted
up (`farline.border.calls.session.End.inserted`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from farline.border.calls.teardown import flow_to, make_ack, make_request
from farline.border.exchange import Side
from farline.border.steps import NEXT, Operation, Reach
from farline.border.trunks.credentials import CHALLENGES, insist, server_of
from farline.sip import WireError
from farline.sip.transaction import RequestFailed, ResponseArrived, TransactionEnded

if TYPE_CHECKING:
    from collections.abc import Generator

    from farline.border.calls.session import End, Session
    from farline.border.context import Context
    from farline.border.steps import Step, Steps
    from farline.sip import Flow, Message
    from farline.sip.transaction import ClientTransaction

WITH_CONTACT = frozenset({"INVITE", "UPDATE", "NOTIFY", "SUBSCRIBE", "REFER"})
GLARE_SECONDS = 2.5
"""Wait after a 491 (RFC 3261 section 14.1: 2.1 to 4 s)."""


@dataclass(frozen=True, slots=True)
class Passed:
    """Event: the time that an operation wanted to let pass."""


@dataclass(frozen=True, slots=True)
class Leg:
    """The end on one side of an answered call."""

    context: Context
    session: Session
    side: Side

    @property
    def end(self) -> End:
        """Its place in the dialog."""
        return self.session.end_on(self.side)

    @property
    def name(self) -> str:
        """Its From or To header, as it knows itself."""
        names = self.session.names[self.side]
        return names.caller if self.side is self.session.initiator else names.callee

    def reach(self) -> Generator[Step, Any, Flow | None]:
        """The flow to it; None when there is none now."""
        binding = self.session.binding
        if self.side is Side.INSIDE:
            found: Flow | None = yield Reach(binding)
            return found
        if binding.is_way:
            return (yield from self.context.ways.reach(binding))
        return flow_to(self.context, binding, Side.OUTSIDE)

    def request(
        self,
        method: str,
        body: bytes = b"",
        kind: str = "",
        headers: tuple[tuple[str, str], ...] = (),
    ) -> Message:
        """A request to it. `kind`: Content-Type of the body."""
        other = self.session.end_on(self.side.other)
        message = make_request(self.session, self.side, method, other.next_cseq())
        self._count(other)
        if method in WITH_CONTACT:
            self._add_contact(message, other)
        for name, value in headers:
            message.add(name, value)
        if body:
            message.add("Content-Type", kind)
        message.body = body
        self.context.keeper.session(self.session)
        return message

    def _add_contact(self, message: Message, other: End) -> None:
        line = self.session.binding.line
        if line is None or not other.target:
            return
        crossing = line.inward if self.side is Side.INSIDE else line.outward
        try:
            message.add("Contact", crossing.contact(f"<{other.target}>"))
        except WireError:
            self.context.note("contact", f"{other.target!r} cannot be read")

    def tell(self, message: Message) -> None:
        """Send a request of which nobody waits for the answer."""
        operation = Operation(self.session.call_id)
        self.context.start(operation, self._tell(operation, message))

    def _tell(self, operation: Operation, message: Message) -> Steps:
        flow = yield from self.reach()
        if flow is not None:
            client = self.context.request(operation, message, flow, self.side)
            yield from insist(self.context, operation, client, self.session, self.side)

    def answer_challenge(
        self, operation: Operation, client: ClientTransaction, response: Message
    ) -> ClientTransaction | None:
        """The request again, with the credentials of a server that asks for them; None: not."""
        server = server_of(self.session, self.context, self.side)
        if server is None or response.status not in CHALLENGES:
            return None
        told = self.context.credentials.answer(server, client.request, response)
        if told is None:
            return None
        self._count(self.session.end_on(self.side.other))
        return self.context.request(operation, told, client.flow, self.side)

    def _count(self, other: End) -> None:
        """One more request of ours in the name of the other end."""
        if self.session.joint is not None:
            other.cseq += 1  # nobody else counts there any more
        else:
            other.inserted.append(other.cseq)

    def ack(self, client: ClientTransaction, response: Message) -> None:
        """Acknowledge a 2xx, and each of its repetitions."""
        context = self.context
        context.send_ack(make_ack(self.session, response, self.end), client.flow)
        operation = client.user = Operation(self.session.call_id)
        context.start(operation, _acknowledge(context, self, client))


def _acknowledge(context: Context, leg: Leg, client: ClientTransaction) -> Steps:
    while True:
        event = yield NEXT
        if isinstance(event, ResponseArrived) and 200 <= event.message.status < 300:
            context.send_ack(make_ack(leg.session, event.message, leg.end), client.flow)
        elif isinstance(event, RequestFailed | TransactionEnded):
            return


def pause(context: Context, operation: Operation, seconds: float) -> Generator[Step, Any, None]:
    """Let time pass."""
    event = Passed()
    context.schedule.start(
        context.now + seconds, "pause", lambda _: context.deliver(operation, event)
    )
    while (yield NEXT) is not event:
        pass


def ask(
    leg: Leg, operation: Operation, message: Message
) -> Generator[Step, Any, tuple[ClientTransaction, Message] | None]:
    """Send a request and wait for its final answer; None: there is none."""
    flow = yield from leg.reach()
    if flow is None:
        return None
    client = leg.context.request(operation, message, flow, leg.side)
    while True:
        event = yield NEXT
        if getattr(event, "tx", None) is not client:
            continue
        if isinstance(event, ResponseArrived) and event.message.status >= 200:
            told = leg.answer_challenge(operation, client, event.message)
            if told is None:
                return client, event.message
            client = told
        if isinstance(event, RequestFailed | TransactionEnded):
            return None


def re_invite(
    leg: Leg, operation: Operation, sdp: bytes, headers: tuple[tuple[str, str], ...] = ()
) -> Generator[Step, Any, tuple[ClientTransaction, Message] | None]:
    """A re-INVITE with an offer, again after a glare; the answer is acknowledged if it is 2xx."""
    for attempt in range(3):
        message = leg.request("INVITE", sdp, "application/sdp", headers)
        found = yield from ask(leg, operation, message)
        if found is None:
            return None
        client, response = found
        if response.status < 300:
            leg.ack(client, response)
            return found
        if response.status != 491 or attempt == 2:
            return found
        yield from pause(leg.context, operation, GLARE_SECONDS)
    return None
