"""REGISTER through the border: forwarded, and learned from when the office accepts it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farline.border import failover, guard, lease, outbound
from farline.border import flow as flows
from farline.border.exchange import Exchange, Refusal, Side, Verdict
from farline.border.line import contact_inside, make_line
from farline.border.passage import Passage
from farline.border.registration import Binding, contact_key
from farline.border.screening import screen_flow
from farline.border.teardown import drop_binding, lose_phone
from farline.sip import NameAddr, Uri, WireError, headers

if TYPE_CHECKING:
    from farline.border.context import Context
    from farline.border.steps import Operation, Steps
    from farline.config import SubscriberFlow
    from farline.sip import Flow, Message
    from farline.sip.transaction import ServerTransaction

MAX_CONTACTS = 4
"""Contacts in one REGISTER: an old and a new one is usual."""


@dataclass(slots=True)
class Wanted:
    """One Contact of a REGISTER: the binding that it means and the URI to reach the phone at."""

    binding: Binding
    contact: str
    header: str
    uri: Uri
    outbound: bool
    """It has a reg-id."""

    is_flow: bool
    """The phone asks for RFC 5626."""

    asked: float
    """Seconds of lease; 0: the phone leaves."""

    path: tuple[str, ...]
    push: tuple[tuple[str, str], ...]
    fresh: bool
    """This REGISTER made the binding."""


@dataclass(slots=True)
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
    context.marking.belongs(tx.flow, way.subscriber)
    refused = screen_flow(context, way.subscriber, tx.request, way.subid)
    if refused is not None:
        context.reject(tx, "policy", refused)
        return
    if _answered_here(context, plan, tx):
        return
    if tx.reliable:
        context.answer(tx, 100)  # as the guide's traces; over UDP RFC 4320 section 4.1 forbids it
    passage = Passage(context, plan.way, Side.OUTSIDE, tx.request, None)
    while (upstream := (yield from passage.reach())) is not None:
        try:
            out = passage.to_far()
            _name_contacts(plan, out)
            lease.ask_long(plan, out)
            outbound.to_office(plan, passage.line, tx.request, out)
        except WireError as error:
            context.refused("malformed", f"{error.where}: {error.reason}", tx.flow)
            context.answer(tx, error.status or 400)
            return
        out = yield from passage.manipulated(out, Side.INSIDE)
        client = context.request(operation, out, upstream, Side.INSIDE, passage.manner)
        answer = yield from failover.final_answer(context, operation, passage, client)
        if answer is not None:
            if not _is_unchallenged(context, tx, passage, answer):
                yield from _finish(context, plan, tx, passage, answer)
            return
    context.refused("upstream", f"{plan.way.aor}: no next hop answers", tx.flow)
    _survive(context, plan, tx, passage.status)


def _answered_here(context: Context, plan: Registration, tx: ServerTransaction) -> bool:
    """Whether a REGISTER needs not go to the office, or may not go yet."""
    flow = plan.way.subscriber
    stored = lease.decide(context, plan, tx)
    if stored.value:
        context.decided("registration", "answered here", stored.because, stored.form)
        want = plan.wanted[0]
        left = want.binding.last_registered + want.binding.office_lease - context.now
        _prolong(context, want.binding, lease.for_phone(want, left))
        lease.answer(context, plan, tx, lease.for_phone(want, left))
        return True
    known = plan.way.registered or (
        tx.request.get("Authorization") is not None and not any(want.fresh for want in plan.wanted)
    )
    paced = context.pacer.decide(flow, context.now, known=known)
    if isinstance(paced.value, Refusal):
        for want in plan.wanted:
            if want.fresh:
                context.forget_binding(want.binding, "paced")
        if not lease.same_phone(plan, tx):  # it is there, and does what it is told
            seconds = dict(paced.value.headers)["Retry-After"]
            _wait_for(context, plan.way, float(seconds))
        context.reject(tx, "registration", Verdict(paced.value, paced.because, paced.form))
        return True
    return False


def _wait_for(context: Context, binding: Binding, seconds: float) -> None:
    """A phone that was told to refresh later is not lost before."""
    binding.phone_until = max(binding.phone_until, context.now + seconds + lease.SLACK)
    binding.phone_until = min(binding.phone_until, binding.expires_at)
    _lead(context, binding)
    watch_expiry(context, binding)


def _prolong(context: Context, binding: Binding, seconds: float) -> None:
    """The phone refreshed its own lease, and the office knows nothing of it."""
    binding.phone_until = context.now + seconds + lease.SLACK
    binding.expires_at = max(binding.expires_at, binding.phone_until)
    context.keeper.binding(binding)
    _lead(context, binding)
    context.counters["registrations.answered-here"] += 1
    watch_expiry(context, binding)


def _survive(context: Context, plan: Registration, tx: ServerTransaction, status: int) -> None:
    """No next hop answers: known phones are held, when the flow says so; others come later."""
    flow = plan.way.subscriber
    seconds = flow.registrations.survivable_lease
    form = f"{flow.form}: {flow.name}: Survivable Lease"
    if not seconds:
        context.answer(tx, status)
        return
    why = lease.same_phone(plan, tx)
    if why:
        context.decided("registration", "refused 503", f"no next hop answers, and {why}", form)
        context.answer(tx, 503, (("Retry-After", str(context.pacer.later(flow))),))
        return
    because = "no next hop answers; the phone is known by this flow"
    context.decided("registration", f"held for {seconds} s", because, form)
    binding = plan.way
    binding.office_lease = 0.0  # the next refresh goes to the office
    _prolong(context, binding, seconds)
    lease.answer(context, plan, tx, seconds)


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
        path = outbound.path_of(request)
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
        is_flow = outbound.is_outbound(contact, request)
        refused = outbound.refused(subscriber, request, path) if is_flow else None
        if refused is not None:
            return Verdict(refused.value, refused.because, refused.form)
        held = len(context.bindings)
        binding = _binding(context, tx, subscriber, user, host, contact)
        if isinstance(binding, str):
            return Verdict(Refusal(503, "full"), binding)
        wanted.append(
            Wanted(
                binding,
                str(contact.uri),
                str(contact),
                contact.uri,
                outbound=contact.param("reg-id") is not None,
                is_flow=is_flow,
                asked=lease.asked(contact, request),
                path=path,
                push=outbound.push_of(contact.uri),
                fresh=len(context.bindings) > held,
            )
        )
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
    """Remove the binding when its time is over, and lose the phone when its own lease is."""

    def look(now: float) -> None:
        binding.watch = None
        if context.bindings.by_subid(binding.subid) is not binding:
            return
        if binding.expires_at <= now:
            drop_binding(context, binding, "expired" if binding.registered else "not accepted")
            return
        if binding.registered and binding.phone is not None and binding.phone_until <= now:
            lose_phone(context, binding)
        watch_expiry(context, binding)

    short = binding.registered and binding.phone is not None
    at = min(binding.phone_until, binding.expires_at) if short else binding.expires_at
    if binding.watch is not None:
        if binding.watch_at <= at:
            return
        binding.watch.stop()
    binding.watch, binding.watch_at = context.schedule.start(at, "binding", look), at


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
        outbound.to_phone(plan, tx.request, out)
        plan.way.service_routes = tuple(response.values("Service-Route"))
        context.keeper.binding(plan.way)
    elif granted:
        out.remove("Contact")
    if response.status in (401, 407, 403) and tx.request.get("Authorization") is not None:
        guard.not_registered(context, tx.flow, plan.way, response)
    out.remove("Service-Route")
    if not 200 <= response.status < 300:
        out.remove("Path")
    elif lease.answers_here(plan.way.subscriber.registrations):
        _keep_answer(plan, out)
    out = yield from passage.manipulated(out, Side.OUTSIDE)
    context.respond(tx, out)
    for want in plan.wanted:
        if 200 <= response.status < 300 and want.binding.phone is not None:
            context.pushes.awake(want.binding)
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
    whole = lease.seconds_of(response.get("Expires"))
    for value in granted:
        try:
            contact = NameAddr.parse(value)
        except WireError:
            continue
        token = contact.uri.param("subid_ipcs")
        if token:
            own = lease.seconds_of(contact.param("expires"))
            own = whole if own is None else own
            leases[token.strip('"')] = (contact, 3600.0 if own is None else own)
    restored: list[str] = []
    leaving: list[Binding] = []
    for want in plan.wanted:
        given = leases.pop(want.binding.subid, None)
        if given is None or given[1] <= 0:
            leaving.append(want.binding)
            continue
        _accept(context, plan.way, want, flow, given[1])
        mine = given[0].with_uri(want.uri)
        short = lease.for_phone(want, given[1])
        restored.append(
            str(mine if short == given[1] else mine.with_param("expires", f"{short:.0f}"))
        )
    for token, (contact, _) in leases.items():
        other = context.bindings.by_subid(token)
        if other is not None and other.user == plan.way.user:
            restored.append(str(contact.with_uri(NameAddr.parse(f"<{other.contact}>").uri)))
    if plan.everything:
        leaving += context.bindings.of_aor(plan.way.user, plan.way.domain)
    return restored, leaving


def _lead(context: Context, binding: Binding) -> None:
    """Older bindings of the same phone, which have its calls, go where it is."""
    flow = binding.phone
    for old in context.bindings.followers(binding, flow) if flow is not None else ():
        old.phone = old.last_flow = flow
        old.expires_at = max(old.expires_at, binding.expires_at)
        old.phone_until = max(old.phone_until, binding.phone_until)
        context.keeper.binding(old)


def _keep_answer(plan: Registration, out: Message) -> None:
    """The phone's lease is one, wherever the answer says it; later answers repeat the rest."""
    contacts = out.values("Contact")
    if contacts and len(plan.wanted) == 1 and out.get("Expires") is not None:
        given = NameAddr.parse(contacts[0]).param("expires")
        if given is not None:
            out.set("Expires", given)
    for want in plan.wanted:
        lease.keep(want.binding, out)


def _accept(context: Context, way: Binding, want: Wanted, flow: Flow, granted: float) -> None:
    """The office holds this binding for `granted` seconds."""
    binding = want.binding
    first = not binding.registered
    moved = binding.phone != flow
    if moved and not first and binding.phone is not None:
        binding.nat.moved(binding.phone, flow, context.now)
    context.bindings.register(binding, flow, want.contact, context.now + granted + lease.SLACK)
    binding.outbound = want.outbound
    binding.path, binding.push = want.path, want.push
    binding.last_registered, binding.office_lease = context.now, granted
    binding.phone_until = context.now + lease.for_phone(want, granted) + lease.SLACK
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
    context.keeper.binding(binding)
    _lead(context, binding)
    if first or moved:
        context.note("binding", f"{binding.aor} at {flow.remote} for {granted:.0f} s")
