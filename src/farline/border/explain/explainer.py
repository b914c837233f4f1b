"""What the border does with a message, stage by stage, and why (`farline explain`).

The message goes through a scratch border: the very code that serves calls decides, its verdicts are
collected, and each gets the candidates that were not taken beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farline.border import flow as flows
from farline.border.exchange import Exchange
from farline.border.explain import candidates
from farline.border.routing import stage as routing
from farline.border.topology.line import token_of
from farline.border.trunks.ways import called
from farline.sip import Address, Flow, Message, NameAddr, Transport, WireError
from farline.trace.events import Decision, Note, Refused
from farline.trace.summary import summarise

if TYPE_CHECKING:
    from farline.border.explain.candidates import Considered
    from farline.border.explain.scratch import Outcome, Scratch
    from farline.border.plan import Candidate
    from farline.config import SubscriberFlow

INTERFACE_FORM = "Device Specific Settings > Signaling Interface"


@dataclass(frozen=True, slots=True)
class Step:
    """One stage's verdict, with every candidate that it had."""

    stage: str
    value: str
    because: str
    form: str = ""
    candidates: tuple[Considered, ...] = ()


@dataclass(frozen=True, slots=True)
class SentMessage:
    """A message that would be sent."""

    interface: str
    transport: str
    remote: str
    what: str
    data: bytes


@dataclass(frozen=True, slots=True)
class RefusedMessage:
    """How a message was refused: the answer's status (0: none is given) and who decided."""

    status: int
    word: str
    because: str
    form: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """Everything about one message."""

    what: str
    interface: str
    transport: str
    source: str
    steps: tuple[Step, ...]
    sent: tuple[SentMessage, ...]
    refusal: RefusedMessage | None


class Explainer:
    """Explains messages one after the other; what they change (bindings, calls) stays."""

    def __init__(self, scratch: Scratch) -> None:
        self.scratch = scratch

    def explain(self, flow: Flow, data: bytes) -> Explanation:
        """One message that arrives on a flow."""
        return self.describe(flow, data, self.scratch.receive(flow, data))

    def describe(self, flow: Flow, data: bytes, outcome: Outcome) -> Explanation:
        """The explanation of what has come of a message."""
        exchange = _exchange(flow, data)
        steps = [_listener(flow)]
        said: set[str] = set()
        for event in outcome.events:
            if isinstance(event, Decision):
                steps.append(self._step(event, exchange))
                said.add(event.because)
            elif isinstance(event, Refused) and event.detail not in said:
                steps.append(Step(event.reason, "refused", event.detail))
            elif isinstance(event, Note):
                steps.append(Step("note", event.what, event.detail))
        sent = tuple(_sent(to, message) for to, message in outcome.sent)
        refusal = _refusal(flow, outcome)
        source = str(flow.remote)
        what = str(summarise(data))
        return Explanation(
            what, flow.interface, flow.transport, source, tuple(steps), sent, refusal
        )

    def deaf(self, interface: str, transport: Transport, remote: Address, data: bytes,
             because: str) -> Explanation:  # fmt: skip
        """A message that reaches nobody: the interface has no port for that transport."""
        form = f"{INTERFACE_FORM}: {interface}: {transport} Port"
        step = Step("listener", "nobody", because, form)
        refusal = RefusedMessage(0, "no-listener", because, form)
        what = str(summarise(data))
        return Explanation(what, interface, transport, str(remote), (step,), (), refusal)

    def register(self, aor: str, phone: Flow, data: bytes, *, contact: str = "") -> Step:
        """Take the phone on `phone` for registered as `aor` (user@domain), by the flow that fits.

        The message tells what a flow's criteria look at. Inside messages name their binding by a
        token: the binding gets that one. Raises ValueError when no flow fits, or no AOR is given.
        """
        exchange = _exchange(phone, data)
        if exchange is None:
            raise ValueError("the message cannot be read")
        verdict = flows.decide(self.scratch.plan, exchange)
        if verdict.value is None:
            raise ValueError(f"{aor} cannot be registered: {verdict.because}")
        rows = candidates.subscriber_flows(self.scratch.plan, exchange)
        self.adopt(verdict.value, aor, phone, contact or _contact(exchange, aor), exchange.message)
        because = f"as asked: as if {aor} had registered from {phone.remote}"
        return Step("registered", verdict.value.name, because, verdict.form, rows)

    def adopt(
        self, subscriber: SubscriberFlow, aor: str, phone: Flow, contact: str, message: Message
    ) -> None:
        """A registered phone by a flow that is known. Raises ValueError for what is no AOR."""
        user, at, domain = aor.removeprefix("sip:").partition("@")
        if not user or not at or not domain:
            raise ValueError(f"{aor!r} is no address of record; write 3001@example.com")
        subid = token_of(message) if message.is_request else ""
        self.scratch.adopt(
            subscriber, (user, domain), contact, phone, subid=subid, connect=bool(subid)
        )

    # ---- steps ----

    def _step(self, event: Decision, exchange: Exchange | None) -> Step:
        rows = self._candidates(event, exchange) if exchange is not None else ()
        return Step(event.stage, event.value, event.because, event.form, rows)

    def _candidates(self, event: Decision, exchange: Exchange) -> tuple[Considered, ...]:
        plan = self.scratch.plan
        if event.stage in ("flow", "admission", "registration"):
            found = flows.decide(plan, exchange)
            # A stranger's refusal names a field of the flow that fits it.
            if found.because == event.because or (
                found.form and event.form.startswith(f"{found.form}: ")
            ):
                return candidates.subscriber_flows(plan, exchange)
            if flows.decide_source(plan, exchange).because == event.because:
                return candidates.source_flows(plan, exchange)
        elif event.stage == "policy":
            return candidates.policy_sets(plan, event.value, event.form)
        elif event.stage in ("routing-rule", "routing"):
            return self._routing(event, exchange)
        elif event.stage == "server-flow":
            aor = self._end(exchange)
            found_hop = self._hop(exchange.flow.interface, aor, event)
            if found_hop is not None:
                return candidates.server_flows(plan, *found_hop, aor)
        return ()

    def _routing(self, event: Decision, exchange: Exchange) -> tuple[Considered, ...]:
        """The rules of a routing profile, or the next hops of the rule that gave these words."""
        plan = self.scratch.plan
        for rules in plan.routing.values():
            if event.form != f"{rules[0].form}: {rules[0].name}":
                continue
            if event.stage == "routing-rule":
                aor = self._end(exchange)
                return candidates.routing_rules(plan, rules, aor, self.scratch.wall)
            for rule in rules:
                ways = routing.decide(plan, rule, routing.Standing()).value
                if len(rules) == 1 or event.value == ", ".join(map(str, ways)):
                    return candidates.next_hops(plan, rule)
        return ()

    def _hop(
        self, received: str, aor: str, event: Decision
    ) -> tuple[SubscriberFlow, Candidate] | None:
        """What a server flow was decided for: the first next hop that gives the same words."""
        plan = self.scratch.plan
        beginnings: list[SubscriberFlow] = [*plan.subscriber_flows.get(received, ())]
        beginnings += [one for one in plan.peers.values() if one.signaling_interface == received]
        for subscriber in beginnings:
            for rule in plan.routing[subscriber.routing_profile]:
                for hop in routing.decide(plan, rule, routing.Standing()).value:
                    if flows.decide_server(plan, subscriber, hop, aor).because == event.because:
                        return subscriber, hop
        return None

    def _end(self, exchange: Exchange) -> str:
        """Whom URI groups are held against: a phone's own address, between servers the called."""
        source = flows.decide_source(self.scratch.plan, exchange).value
        if source is None:
            return _aor(exchange)
        user, domain = called(exchange.message)
        return f"{user}@{domain}"


def _aor(exchange: Exchange) -> str:
    """user@domain of From, "" for what cannot be read."""
    try:
        uri = NameAddr.parse(exchange.message.get("From") or "").uri
    except WireError:
        return ""
    return f"{uri.user}@{uri.host}"


def _listener(flow: Flow) -> Step:
    because = f"it listens on {flow.local} ({flow.transport})"
    return Step("listener", flow.interface, because, f"{INTERFACE_FORM}: {flow.interface}")


def _exchange(flow: Flow, data: bytes) -> Exchange | None:
    try:
        return Exchange(Message.parse(data), flow)
    except WireError:
        return None


def _contact(exchange: Exchange, aor: str) -> str:
    """The Contact of the phone's message; of another one an address made up at its source."""
    value = exchange.message.get("Contact")
    if value is not None and not token_of(exchange.message):
        try:
            return str(NameAddr.parse(value).uri)
        except WireError:
            pass
    user, flow = aor.removeprefix("sip:").partition("@")[0], exchange.flow
    return f"sip:{user}@{flow.remote};transport={flow.transport.uri_param}"


def _sent(flow: Flow, data: bytes) -> SentMessage:
    what = str(summarise(data))
    return SentMessage(flow.interface, flow.transport, str(flow.remote), what, data)


def _refusal(flow: Flow, outcome: Outcome) -> RefusedMessage | None:
    """How the border itself refused; None when it did not."""
    words = [event for event in outcome.events if isinstance(event, Refused)]
    decided = [event for event in outcome.events if isinstance(event, Decision)]
    status = 0
    for to, data in outcome.sent:
        answered = summarise(data).status
        if to == flow and answered >= 300:
            status = answered
    if words:
        last = words[-1]
        form = next((one.form for one in decided if one.because == last.detail), "")
        return RefusedMessage(status, last.reason, last.detail, form)
    if status and decided:
        last_decision = decided[-1]
        return RefusedMessage(
            status, last_decision.stage, last_decision.because, last_decision.form
        )
    return None
