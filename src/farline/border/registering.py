"""REGISTER through the border: forwarded, and learned from when the office accepts it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farline.border import failover, guard
from farline.border import flow as flows
from farline.border.exchange import Exchange, Refusal, Side, Verdict
from farline.border.passage import Passage
from farline.border.registration import Binding, contact_key
from farline.border.screening import screen_flow
from farline.border.teardown import drop_binding
from farline.border.topology import contact_inside, make_line
from farline.sip import NameAddr, WireError, headers

if TYPE_CHECKING:
    from farline.border.context import Context
    from farline.border.steps import Operation, Steps
    from farline.config import SubscriberFlow
    from farline.sip import Flow, Message
    from farline.sip.transaction import ServerTransaction

MAX_CONTACTS = 4
"""Contacts in one REGISTER: an old and a new one is usual."""

LEASE_SLACK = 2.0
"""Seconds that a binding outlives its lease, for a refresh that is on its way."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One Contact of a REGISTER: the binding that it means and the URI to reach the phone at."""

    binding: Binding
    contact: str
    header: str
    outbound: bool


@dataclass(frozen=True, slots=True)
class Registration:
    """What a REGISTER asks for."""

    way: Binding
    """The binding whose upstream connection is used."""

    wanted: tuple[Wanted, ...]
    everything: bool = False
    """Contact is `*`: remove all bindings of the address."""


def register(context: Context, operation: Operation, tx: ServerTransaction) -> Steps:
    """Forward one REGISTER and its answer."""
    verdict = _understand(context, tx)
    if isinstance(verdict.value, Refusal):
        context.reject(tx, "registration", Verdict(verdict.value, verdict.because, verdict.form))
        return
    plan = verdict.value
    context.decided("flow", plan.way.subscriber.name, verdict.because, verdict.form)
    way = plan.way
    refused = screen_flow(context, way.subscriber, tx.request, way.subid)
    if refused is not None:
        context.reject(tx, "policy", refused)
        return
    if tx.reliable:
        context.answer(tx, 100)  # as the guide's traces; over UDP RFC 4320 section 4.1 forbids it
    passage = Passage(context, plan.way, Side.OUTSIDE, tx.request, None)
    while (upstream := (yield from passage.reach())) is not None:
        try:
            out = passage.to_far()
            _name_contacts(plan, out)
        except WireError as error:
            context.refused("malformed", f"{error.where}: {error.reason}", tx.flow)
            context.answer(tx, error.status or 400)
            return
        out = yield from passage.manipulated(out, Side.INSIDE)
        client = context.request(operation, out, upstream, Side.INSIDE)
        answer = yield from failover.final_answer(context, operation, passage, client)
        if answer is not None:
            if not _is_unchallenged(context, tx, passage, answer):
                yield from _finish(context, plan, tx, passage, answer)
            return
    context.refused("upstream", f"{plan.way.aor}: no next hop answers", tx.flow)
    context.answer(tx, passage.status)


def _is_unchallenged(
    context: Context, tx: ServerTransaction, passage: Passage, response: Message
) -> bool:
    """Whether the security rule does not believe a 200; the phone then has its answer."""
    disbelieved = passage.disbelieved(response)
    if disbelieved is None:
        return False
    context.reject(tx, "policy", disbelieved)
    return True


def _understand(context: Context, tx: ServerTransaction) -> Verdict[Registration | Refusal]:
    """Whether a REGISTER is served, and what it means."""
    request = tx.request
    found = flows.decide(context.plan, Exchange(request, tx.flow))
    if found.value is None:
        return Verdict(Refusal(403, "no-flow"), found.because)
    if found.value.source == "click_to_call":
        field = f"{found.form}: Source"
        return Verdict(Refusal(403, "unknown-phone"), "a click-to-call flow has no phones", field)
    try:
        to = NameAddr.parse(request.get("To") or "").uri
        who = NameAddr.parse(request.get("From") or "").uri
        everything = headers.is_star(request)
        contacts = [] if everything else [NameAddr.parse(v) for v in request.values("Contact")]
    except WireError as error:
        return Verdict(Refusal(400, "malformed"), f"{error.where}: {error.reason}")
    if not to.user or who.user != to.user or who.host.lower() != to.host.lower():
        return Verdict(Refusal(403, "identity"), "From is not the address that To registers")
    tries = request.get("Authorization") is not None
    if tries and not guard.may_register(context, tx.flow, to.user, to.host):
        return Verdict(Refusal(403, "passwords"), f"passwords of {to.user} are being guessed")
    if len(contacts) > MAX_CONTACTS:
        return Verdict(Refusal(403, "contacts"), f"{len(contacts)} contacts; {MAX_CONTACTS} may be")
    subscriber = found.value
    user, host = to.user, to.host
    wanted: list[Wanted] = []
    for contact in contacts:
        binding = _binding(context, tx, subscriber, user, host, contact)
        if isinstance(binding, str):
            return Verdict(Refusal(503, "full"), binding)
        outbound = contact.param("reg-id") is not None
        wanted.append(Wanted(binding, str(contact.uri), str(contact), outbound))
    way = wanted[-1].binding if wanted else _anybody(context, tx, subscriber, user, host)
    if isinstance(way, str):
        return Verdict(Refusal(503, "full"), way)
    plan = Registration(way, tuple(wanted), everything)
    return Verdict(plan, found.because, found.form)


def _binding(
    context: Context,
    tx: ServerTransaction,
    subscriber: SubscriberFlow,
    user: str,
    domain: str,
    contact: NameAddr,
) -> Binding | str:
    """The binding that a contact means: a known one, or a new pending one; text when none fits."""
    key = contact_key(user, domain, contact)
    known = context.bindings.by_key(key)
    if known is not None:
        known.subscriber = subscriber  # which a changed configuration may decide anew
        return known
    full = context.bindings.full(user, domain)
    if full is not None:
        return full
    binding = context.bindings.add(
        key,
        user=user,
        domain=domain,
        subscriber=subscriber,
        contact=str(contact.uri),
        phone=tx.flow,
        now=context.now,
    )
    watch_expiry(context, binding)
    return binding


def _anybody(
    context: Context, tx: ServerTransaction, subscriber: SubscriberFlow, user: str, domain: str
) -> Binding | str:
    """Whose connection a REGISTER without contact uses: the phone's, else a pending one's."""
    mine = context.bindings.registered_on(tx.flow).get(user)
    if mine is not None:
        return mine
    return guest(context, tx, subscriber, user, domain)


def guest(
    context: Context, tx: ServerTransaction, subscriber: SubscriberFlow, user: str, domain: str
) -> Binding | str:
    """A pending binding for somebody who is not registered; text when none fits."""
    flow = tx.flow
    contact = NameAddr.parse(f"<sip:{flow.remote};transport={flow.transport.uri_param}>")
    return _binding(context, tx, subscriber, user, domain, contact)


def watch_expiry(context: Context, binding: Binding) -> None:
    """Remove the binding when its time is over; look again when it was lengthened meanwhile."""

    def look(now: float) -> None:
        if context.bindings.by_subid(binding.subid) is not binding:
            return
        if binding.expires_at > now:
            context.schedule.start(binding.expires_at, "binding", look)
        else:
            drop_binding(context, binding, "expired" if binding.registered else "not accepted")

    context.schedule.start(binding.expires_at, "binding", look)


def _name_contacts(plan: Registration, out: Message) -> None:
    """Each Contact inside bears the token of its own binding."""
    if len(plan.wanted) < 2:
        return
    lines = []
    for want in plan.wanted:
        line = want.binding.line or plan.way.line
        if line is not None:
            text = contact_inside(line, want.header)
            lines.append(text.replace(f"={line.subid}", f"={want.binding.subid}"))
    out.set_all("Contact", lines)


def _finish(
    context: Context,
    plan: Registration,
    tx: ServerTransaction,
    passage: Passage,
    response: Message,
) -> Steps:
    """Give the phone the final answer; learn from a 200."""
    try:
        out = passage.to_near(response)
        granted = response.values("Contact")
    except WireError as error:
        context.refused("malformed", f"an answer's {error.where}: {error.reason}", tx.flow)
        context.answer(tx, 500)
        return
    leaving: list[Binding] = []
    if 200 <= response.status < 300:
        guard.registered(context, tx.flow, plan.way.user, plan.way.domain)
        restored, leaving = _learn(context, plan, tx.flow, response, granted)
        out.set_all("Contact", restored)
        plan.way.service_routes = tuple(response.values("Service-Route"))
    elif granted:
        out.remove("Contact")
    if response.status in (401, 407, 403) and tx.request.get("Authorization") is not None:
        guard.not_registered(context, tx.flow, plan.way, response)
    out.remove("Service-Route")
    out.remove("Path")
    out = yield from passage.manipulated(out, Side.OUTSIDE)
    context.respond(tx, out)
    for binding in leaving:
        drop_binding(context, binding, "the phone left")


def _learn(
    context: Context, plan: Registration, flow: Flow, response: Message, granted: list[str]
) -> tuple[list[str], list[Binding]]:
    """Bring the table up to the office's 200: the phone's Contacts, and the bindings that end.

    Each of ours gets its phone's own URI back, with the parameters of the office's answer. Contacts
    of other ways to the same user are not shown: they are inside addresses.
    """
    leases: dict[str, tuple[NameAddr, float]] = {}
    whole = _lease(response.get("Expires"))
    for value in granted:
        try:
            contact = NameAddr.parse(value)
        except WireError:
            continue
        token = contact.uri.param("subid_ipcs")
        if token:
            lease = _lease(contact.param("expires"))
            lease = whole if lease is None else lease
            leases[token.strip('"')] = (contact, 3600.0 if lease is None else lease)
    restored: list[str] = []
    leaving: list[Binding] = []
    for want in plan.wanted:
        given = leases.pop(want.binding.subid, None)
        if given is None or given[1] <= 0:
            leaving.append(want.binding)
            continue
        _accept(context, plan.way, want, flow, given[1])
        restored.append(str(given[0].with_uri(NameAddr.parse(want.header).uri)))
    for token, (contact, _) in leases.items():
        other = context.bindings.by_subid(token)
        if other is not None and other.user == plan.way.user:
            restored.append(str(contact.with_uri(NameAddr.parse(f"<{other.contact}>").uri)))
    if plan.everything:
        leaving += context.bindings.of_aor(plan.way.user, plan.way.domain)
    return restored, leaving


def _accept(context: Context, way: Binding, want: Wanted, flow: Flow, lease: float) -> None:
    """The office holds this binding for `lease` seconds."""
    binding = want.binding
    first = not binding.registered
    moved = binding.phone != flow
    sooner = context.now + lease + LEASE_SLACK < binding.expires_at
    context.bindings.register(binding, flow, want.contact, context.now + lease + LEASE_SLACK)
    binding.outbound = want.outbound
    binding.last_registered = context.now
    if sooner:
        watch_expiry(context, binding)
    upstream = binding.upstream or way.upstream
    candidate = upstream.candidate if upstream is not None else None
    if way.line is not None and candidate is not None and (moved or binding.line is None):
        binding.line = make_line(
            context.plan,
            subid=binding.subid,
            domain=binding.domain,
            subscriber=binding.subscriber,
            phone=flow,
            server=(binding.line or way.line).server,
            candidate=candidate,
        )
    if first or moved:
        context.note("binding", f"{binding.aor} at {flow.remote} for {lease:.0f} s")


def _lease(text: str | None) -> float | None:
    """Seconds; None when absent or unreadable."""
    if text is None or not (text.isascii() and text.isdigit()):
        return None
    return float(min(int(text[:10]), 86_400 * 7))
