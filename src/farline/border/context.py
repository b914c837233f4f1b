"""What the operations of the border work with: tables, transactions, and the way out."""

from __future__ import annotations

from collections import Counter, deque
from typing import TYPE_CHECKING

from farline.border.calls.abandoned import Abandoned
from farline.border.calls.sessions import SessionTable
from farline.border.endings import Endings
from farline.border.exchange import Side
from farline.border.operations import Operations
from farline.border.plan import Plan
from farline.border.policy import groups as policy
from farline.border.policy.marking import Marking
from farline.border.policy.screening import Rates
from farline.border.recording import siprec
from farline.border.registrations.bindings import BindingTable
from farline.border.registrations.pacing import Pacer
from farline.border.registrations.push import Pushes
from farline.border.routing.health import Health
from farline.border.routing.links import Links
from farline.border.routing.upstream import Upstreams
from farline.border.shield.dos import Guards
from farline.border.shield.stage import Shield
from farline.border.survival.keeper import Keeper
from farline.border.topology import audit
from farline.border.topology.hiding import Hider
from farline.border.trunks.accounts import Accounts
from farline.border.trunks.credentials import Credentials
from farline.border.trunks.ways import Ways
from farline.sip import responses
from farline.sip.effects import Send
from farline.sip.schedule import Schedule
from farline.sip.transaction import TransactionLayer
from farline.trace.events import CallChanged, Decision, Note, Refused, Trace

if TYPE_CHECKING:
    from collections.abc import Callable

    from farline.border.calls.session import Session
    from farline.border.exchange import Refusal, Verdict
    from farline.border.recording.recorder import Recorder
    from farline.border.shield.limits import Limits
    from farline.border.steps import (
        Operation,
    )
    from farline.config import Border, Rules, ServerFlow, SubscriberFlow
    from farline.sip import Address, Flow, Message
    from farline.sip.ids import Ids
    from farline.sip.transaction import ClientTransaction, Manner, ServerTransaction, Timers

_REQUESTS = {side: f"requests.{side}" for side in Side}


class Context:
    """The state of one border, without decisions."""

    def __init__(
        self,
        config: Border,
        ids: Ids,
        timers: Timers | None,
        limits: Limits,
        wall: Callable[[float], float],
        country: Callable[[str], str | None] = lambda _host: None,
        *,
        traced: bool = True,
    ) -> None:
        self.now = 0.0
        self.traced = traced
        """Somebody reads what `decided`, `refused` and `note` say: else nothing is written."""

        self.wall = wall
        """The wall-clock time of a monotonic one, for what outlives the process."""

        self.ids = ids
        self.limits = limits
        self.plan = Plan(config)
        self.hider = _hider(config, self.plan)
        self.marking = Marking(self.plan)
        self.layer = TransactionLayer(timers=timers, ids=ids, limit=limits.transactions)
        self.bindings = BindingTable(ids, limits.bindings)
        self.sessions = SessionTable(
            limits.sessions, lambda text: self.plan.call_ids.canonical(text)
        )
        self.country = country
        self.shield = Shield(config.shield, self.bindings.any_from, country)
        self.health = Health(self)
        self.guards = Guards()
        self.links = Links(self)
        self.upstreams = Upstreams(self)
        self.ways = Ways(self)
        self.credentials = Credentials(self)
        self.accounts = Accounts(self)
        self.rates = Rates()
        self.pacer = Pacer(self.chance)
        self.pushes = Pushes(self)
        self.schedule = Schedule()
        self.keeper = Keeper(self)
        self.operations = one = Operations(self)
        # Reached through the context everywhere, and often: without a step between.
        self.start, self.deliver, self.resume = one.start, one.deliver, one.resume
        self.hand_over, self.media_done = one.hand_over, one.media_done
        self.script_done = one.script_done
        last = Endings(self)
        self.end_session, self.release = last.end_session, last.release
        self.forget_binding = last.forget_binding
        self.counters: Counter[str] = Counter()
        self.out: deque[object] = deque()
        self.call = ""
        """Call-ID of the message now being handled, for the trace."""

        self.interface = ""
        """Signaling interface that it came in by."""

        self.recorders: dict[str, Recorder] = {}
        """Sessions with recording servers, by Call-ID."""

        self.abandoned = Abandoned(self)
        self.upon_start: list[Callable[[], None]] = []
        """What restored records ask for, once something can be sent."""

        self.recorded: dict[str, str] = {}
        """Calls by media session, while a file of theirs is open: it is closed after their end."""

        self._ticket = 0
        self._ucids = 0

    def reconfigure(self, config: Border) -> None:
        """Go by another configuration; calls and bindings that there are stay as they began.

        A binding comes under the flow that now bears its flow's name, and chooses its next hop
        again with the first request after its last call.
        """
        held = len(self.bindings) or len(self.sessions)
        self.plan = plan = Plan(config, self.plan if held else None)
        self.hider = _hider(config, plan)
        self.marking = Marking(plan, self.marking)
        if config.shield != self.shield.form:
            bans = self.shield.bans
            self.shield = Shield(config.shield, self.bindings.any_from, self.country)
            self.shield.bans.inherit(bans)
        renewed = {flow.name: flow for flow in config.subscriber_flows}
        for binding in self.bindings:
            flows = plan.peers if binding.is_way else renewed
            binding.subscriber = flows.get(binding.subscriber.name, binding.subscriber)
            if binding.upstream is not None:
                binding.upstream.stale = True
        text = f"{len(self.bindings)} bindings and {len(self.sessions)} calls go on"
        self.note("configuration changed", text)

    # ---- out ----

    def put(self, output: object) -> None:
        """Put out an effect."""
        self.out.append(output)

    def send(self, output: Send) -> None:
        """Put out a message, and look whether it tells an outsider anything of the inside."""
        flow = output.flow
        if flow.interface in self.marking.interfaces:
            ds_byte = self.marking.ds_byte(flow, self.wall(self.now))
            self.out.append(Send(flow, output.data, ds_byte))
        else:
            self.out.append(output)
        for binding in self.bindings.registered_on(flow).values():
            binding.nat.heard_at = self.now  # what we send keeps the flow open too
        if self.plan.is_outer(flow.interface) and self.hider.leaks(output.data):
            audit.report(self, output)

    def heard(self, flow: Flow) -> bool:
        """Something came: the NAT of a phone holds the flow. Whether one is registered on it."""
        bindings = self.bindings.registered_on(flow)
        for binding in bindings.values():
            binding.nat.heard(self.now)
        return bool(bindings)

    def is_outside(self, flow: Flow) -> bool:
        """Whether a flow's peers are strangers until they register."""
        plan, interface = self.plan, flow.interface
        if not plan.is_outer(interface) or self.upstreams.owns(flow):
            return False
        return not plan.hosts.is_server(interface, flow.remote.host)

    def ticket(self) -> int:
        """A fresh ticket number."""
        self._ticket += 1
        return self._ticket

    def decided(self, stage: str, value: str, because: str, form: str = "") -> None:
        """Trace a decision."""
        if not self.traced:
            return
        self.out.append(Trace(Decision(stage, value, because, self.call, self.interface, form)))

    def refused(self, word: str, detail: str, flow: Flow) -> None:
        """Count and trace something that was not served."""
        self.counters[f"refused.{word}"] += 1
        if self.traced:
            seen = Refused(word, detail, flow.interface, str(flow.remote), self.call)
            self.out.append(Trace(seen))

    def note(self, what: str, detail: str) -> None:
        """Trace a line for people."""
        if not self.traced:
            return
        self.out.append(Trace(Note(what, detail, call=self.call)))

    def call_changed(self, session: Session, state: str, detail: str = "") -> None:
        """Put a call into a state, and trace it."""
        if session.state != state and not session.ended:
            session.state = state
            if state == "answered":
                session.answered_at = self.now
            if session.is_call:
                self.out.append(Trace(CallChanged(session.call_id, state, detail)))
                if state == "answered":
                    siprec.begin(self, session)

    def chance(self, below: int) -> int:
        """A random number from 0 to below `below`."""
        return self.ids.number(31) % below

    # ---- policies ----

    def rules_of(
        self, flow: SubscriberFlow | ServerFlow, *, in_dialog: bool
    ) -> Verdict[Rules | Refusal]:
        """The set of a flow's policy group that holds now."""
        plan, group = self.plan, flow.end_point_policy_group
        standing = plan.standing(group)
        if standing is not None:
            return standing
        sets = plan.groups[group]
        return policy.select(sets, self.wall(self.now), in_dialog=in_dialog)

    def next_ucid(self) -> int:
        """The sequence number of the next Universal Call ID."""
        self._ucids += 1
        return self._ucids

    # ---- transactions ----

    def respond(self, tx: ServerTransaction, response: Message) -> None:
        """Answer a request."""
        self.layer.respond(tx, response, self.now)

    def answer(
        self,
        tx: ServerTransaction,
        status: int,
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        """Answer a request ourselves; nothing in the answer says who decided or why."""
        tag = "" if status == 100 else self.ids.token()
        self.respond(tx, responses.make(tx.request, status, to_tag=tag, headers=headers))

    def reject(self, tx: ServerTransaction, stage: str, verdict: Verdict[Refusal]) -> None:
        """Refuse a request: the peer gets the status, the trace the reason."""
        refusal = verdict.value
        self.decided(stage, f"refused {refusal.status}", verdict.because, verdict.form)
        self.refused(refusal.word, verdict.because, tx.flow)
        self.answer(tx, refusal.status, refusal.headers)

    def request(
        self,
        operation: Operation | None,
        message: Message,
        flow: Flow,
        side: Side,
        manner: Manner | None = None,
    ) -> ClientTransaction:
        """Send a request to a side; its events go to `operation`. `manner`: its server's."""
        sent_by = self._sent_by(flow)
        tx = self.layer.request(message, flow, self.now, sent_by=sent_by, manner=manner)
        tx.user = operation
        self.counters[_REQUESTS[side]] += 1
        return tx

    def send_ack(self, message: Message, flow: Flow, manner: Manner | None = None) -> None:
        """Send an ACK for a 2xx: without a transaction, with a Via of its own."""
        self.layer.send_stateless(message, flow, sent_by=self._sent_by(flow), manner=manner)

    def _sent_by(self, flow: Flow) -> Address:
        return self.plan.own.sent_by(flow.interface, flow.transport)

    # ---- beginnings and endings ----

    def begin_restored(self) -> None:
        """Do what the records of the process before this one ask for."""
        tasks, self.upon_start = self.upon_start, []
        for task in tasks:
            task()


def _hider(config: Border, plan: Plan) -> Hider:
    return Hider(plan.inside, report_only=config.topology_audit.action == "report")
