"""REGISTER through the border: forwarded, and learned from when the office accepts it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline.border.calls.teardown import drop_binding
from farline.border.exchange import Refusal, Side, Verdict
from farline.border.passage import Passage
from farline.border.policy.screening import screen_flow
from farline.border.registrations import lease, outbound, trial
from farline.border.registrations.expiry import prolong, wait_for
from farline.border.registrations.register_answer import keep_answer, learn
from farline.border.registrations.registration import understand
from farline.border.routing import failover
from farline.border.shield import guard
from farline.sip import WireError

if TYPE_CHECKING:
    from farline.border.context import Context
    from farline.border.registrations.binding import Binding
    from farline.border.registrations.registration import Registration
    from farline.border.steps import Operation, Steps
    from farline.sip import Message
    from farline.sip.transaction import ServerTransaction


def register(context: Context, operation: Operation, tx: ServerTransaction) -> Steps:
    """Forward one REGISTER and its answer."""
    verdict = understand(context, tx)
    if isinstance(verdict.value, Refusal):
        context.reject(tx, "registration", Verdict(verdict.value, verdict.because, verdict.form))
        return
    registration = verdict.value
    trial.begin(registration)
    try:
        yield from _serve(context, operation, tx, registration, verdict)
    finally:
        trial.end(context, registration)


def _serve(
    context: Context,
    operation: Operation,
    tx: ServerTransaction,
    registration: Registration,
    verdict: Verdict[Registration | Refusal],
) -> Steps:
    """What the flow that the REGISTER came under makes of it."""
    context.decided("flow", registration.binding.subscriber.name, verdict.because, verdict.form)
    way = registration.binding
    context.marking.belongs(tx.flow, way.subscriber)
    refused = screen_flow(context, way.subscriber, tx.request, way.subid)
    if refused is not None:
        context.reject(tx, "policy", refused)
        return
    if _answered_here(context, registration, tx):
        return
    if tx.reliable:
        context.answer(tx, 100)  # as the guide's traces; over UDP RFC 4320 section 4.1 forbids it
    passage = Passage(context, registration.binding, Side.OUTSIDE, tx.request, None)
    while (upstream := (yield from passage.reach())) is not None:
        try:
            out = passage.to_far()
            _name_contacts(registration, out)
            lease.ask_long(registration, out)
            outbound.to_office(registration, passage.line, tx.request, out)
        except WireError as error:
            context.refused("malformed", f"{error.where}: {error.reason}", tx.flow)
            context.answer(tx, error.status or 400)
            return
        out = yield from passage.manipulated(out, Side.INSIDE)
        client = context.request(operation, out, upstream, Side.INSIDE, passage.manner)
        answer = yield from failover.final_answer(context, operation, passage, client)
        if answer is not None:
            if not _is_unchallenged(context, tx, passage, answer):
                yield from _finish(context, registration, tx, passage, answer)
            return
    context.refused("upstream", f"{registration.binding.aor}: no next hop answers", tx.flow)
    _survive(context, registration, tx, passage.status)


def _answered_here(context: Context, registration: Registration, tx: ServerTransaction) -> bool:
    """Whether a REGISTER needs not go to the office, or may not go yet."""
    flow = registration.binding.subscriber
    stored = lease.decide(context, registration, tx)
    if stored.value:
        context.decided("registration", "answered here", stored.because, stored.form)
        want = registration.wanted[0]
        left = want.binding.last_registered + want.binding.office_lease - context.now
        prolong(context, want.binding, lease.for_phone(want, left))
        lease.answer(context, registration, tx, lease.for_phone(want, left))
        return True
    known = registration.binding.registered or (
        tx.request.get("Authorization") is not None
        and not any(want.fresh for want in registration.wanted)
    )
    paced = context.pacer.decide(flow, context.now, known=known)
    if isinstance(paced.value, Refusal):
        for want in registration.wanted:
            if want.fresh:
                context.forget_binding(want.binding, "paced")
        if not lease.same_phone(registration, tx):  # it is there, and does what it is told
            seconds = dict(paced.value.headers)["Retry-After"]
            wait_for(context, registration.binding, float(seconds))
        context.reject(tx, "registration", Verdict(paced.value, paced.because, paced.form))
        return True
    return False


def _survive(
    context: Context, registration: Registration, tx: ServerTransaction, status: int
) -> None:
    """No next hop answers: known phones are held, when the flow says so; others come later."""
    flow = registration.binding.subscriber
    seconds = flow.registrations.survivable_lease
    form = f"{flow.form}: {flow.name}: Survivable Lease"
    if not seconds:
        context.answer(tx, status)
        return
    why = lease.same_phone(registration, tx)
    if why:
        context.decided("registration", "refused 503", f"no next hop answers, and {why}", form)
        context.answer(tx, 503, (("Retry-After", str(context.pacer.later(flow))),))
        return
    because = "no next hop answers; the phone is known by this flow"
    context.decided("registration", f"held for {seconds} s", because, form)
    binding = registration.binding
    binding.office_lease = 0.0  # the next refresh goes to the office
    prolong(context, binding, seconds)
    lease.answer(context, registration, tx, seconds)


def _is_unchallenged(
    context: Context, tx: ServerTransaction, passage: Passage, response: Message
) -> bool:
    """Whether the security rule does not believe a 200; the phone then has its answer."""
    disbelieved = passage.disbelieved(response)
    if disbelieved is None:
        return False
    context.reject(tx, "policy", disbelieved)
    return True


def _name_contacts(registration: Registration, out: Message) -> None:
    """Each Contact inside bears the token of its own binding."""
    if len(registration.wanted) < 2:
        return
    lines = []
    for want in registration.wanted:
        line = None if trial.is_moved(want) else want.binding.line
        line = line or registration.binding.line
        if line is not None:
            text = line.inward.contact(want.header)
            lines.append(text.replace(f"={line.subid}", f"={want.binding.subid}"))
    out.set_all("Contact", lines)


def _finish(
    context: Context,
    registration: Registration,
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
        guard.registered(context, tx.flow, registration.binding.user, registration.binding.domain)
        restored, leaving = learn(context, registration, tx.flow, response, granted)
        out.set_all("Contact", restored)
        outbound.to_phone(registration, tx.request, out)
        registration.binding.service_routes = tuple(response.values("Service-Route"))
        context.keeper.binding(registration.binding)
    elif granted:
        out.remove("Contact")
    if response.status in (401, 407, 403) and tx.request.get("Authorization") is not None:
        guard.not_registered(context, tx.flow, registration.binding, response)
    out.remove("Service-Route")
    if not 200 <= response.status < 300:
        out.remove("Path")
    elif lease.answers_here(registration.binding.subscriber.registrations):
        keep_answer(registration, out)
    out = yield from passage.manipulated(out, Side.OUTSIDE)
    context.respond(tx, out)
    for want in registration.wanted:
        if 200 <= response.status < 300 and want.binding.phone is not None:
            context.pushes.awake(want.binding)
            context.abandoned.returned(want.binding)
    for binding in leaving:
        drop_binding(context, binding, "the phone left")
