"""Who is admitted from outside: registered phones, each on its own flow and in its own name.

Strangers only for what a subscriber flow allows before REGISTER, and callers by click to call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline.border import flow as flows
from farline.border.admission.admitted import Admission, Admitted, is_for_us, note_cseq
from farline.border.exchange import Exchange, Refusal, Side, Verdict
from farline.border.registrations.binding import are_one_device
from farline.border.registrations.registration import guest
from farline.sip import NameAddr, Via, WireError
from farline.sip.headers import via_address

if TYPE_CHECKING:
    from farline.border.context import Context
    from farline.border.registrations.binding import Binding
    from farline.config import SubscriberFlow
    from farline.sip import Flow, Message
    from farline.sip.transaction import ServerTransaction

CLICK_SECONDS = 14_400.0
"""How long somebody who calls by click to call is known: no call lasts longer."""

CALL_METHODS = frozenset({"INVITE", "BYE", "PRACK", "UPDATE", "INFO", "OPTIONS"})
"""What somebody who calls by click to call may send."""


def from_outside(
    context: Context, tx: ServerTransaction, request: Message, flow: Flow
) -> Verdict[Admission]:
    """A request of a phone, or of a stranger."""
    if _looped(context, request):
        return Verdict(Refusal(482, "loop"), "a Via of ours is in it already")
    if request.method == "REGISTER":
        return Verdict(Admitted(None, Side.OUTSIDE, None, ""), "REGISTER is always looked at")
    phones = context.bindings.registered_on(flow)
    if not phones:
        return _stranger(context, tx, request, flow)
    if request.method == "OPTIONS" and is_for_us(context, request):
        return Verdict(None, "the keep-alive of a registered phone")
    binding = phone_of(context, request, flow)
    clicks = binding is not None and binding.subscriber.source == "click_to_call"
    if binding is not None and clicks and request.method not in CALL_METHODS:
        text = f"{request.method} is no part of a call"
        field = f"{binding.subscriber.form}: {binding.subscriber.name}: Source"
        return Verdict(Refusal(403, "unknown-phone"), text, field)
    if binding is None:
        named = ", ".join(sorted(phones)[:4])
        return Verdict(
            Refusal(403, "identity"), f"From is {_from_user(request)!r}; registered here: {named}"
        )
    found = context.sessions.find(binding, request, Side.OUTSIDE) if request.to_tag else None
    if request.to_tag and found is None and request.method == "INVITE":
        return Verdict(Refusal(481, "no-dialog"), "no such dialog of this phone")
    note_cseq(context, found, request)
    name = binding.subscriber.name
    form = f"{binding.subscriber.form}: {name}"
    return Verdict(
        Admitted(binding, Side.OUTSIDE, found, name), f"{binding.aor} registered by {name}", form
    )


def _stranger(
    context: Context, tx: ServerTransaction, request: Message, flow: Flow
) -> Verdict[Admission]:
    """Somebody who has not registered: only what the flow allows before REGISTER."""
    verdict = flows.decide(context.plan, Exchange(request, flow))
    if verdict.value is None:
        return Verdict(Refusal(403, "no-flow"), verdict.because)
    field = f"{verdict.form}: Methods Allowed Before REGISTER"
    if verdict.value.source == "click_to_call" and request.method == "INVITE":
        return _click(context, tx, verdict.value, verdict.because)
    if request.method not in verdict.value.methods_before_register or request.to_tag:
        allowed = ", ".join(verdict.value.methods_before_register) or "none"
        text = f"{request.method} from an unknown source; allowed: {allowed}"
        return Verdict(Refusal(403, "unknown-phone"), text, field)
    if request.method == "OPTIONS" and is_for_us(context, request):
        return Verdict(None, "OPTIONS is allowed before REGISTER", field)
    user = _from_user(request)
    try:
        domain = NameAddr.parse(request.get("From") or "").uri.host
    except WireError as error:
        return Verdict(Refusal(400, "malformed"), f"{error.where}: {error.reason}")
    binding = guest(context, tx, verdict.value, user, domain)
    if isinstance(binding, str):
        return Verdict(Refusal(503, "full"), binding)
    admitted = Admitted(binding, Side.OUTSIDE, None, verdict.value.name)
    return Verdict(admitted, f"{request.method} is allowed before REGISTER", field)


def _click(
    context: Context, tx: ServerTransaction, flow: SubscriberFlow, because: str
) -> Verdict[Admission]:
    """A call of somebody who never registers: a binding for as long as there are calls."""
    field = f"{flow.form}: {flow.name}: Source"
    request = tx.request
    try:
        who = NameAddr.parse(request.get("From") or "").uri
        contact = NameAddr.parse(request.get("Contact") or "").uri
    except WireError as error:
        return Verdict(Refusal(400, "malformed"), f"{error.where}: {error.reason}")
    if request.to_tag:
        return Verdict(Refusal(481, "no-dialog"), "no such dialog", field)
    binding = guest(context, tx, flow, who.user or "", who.host)
    if isinstance(binding, str):
        return Verdict(Refusal(503, "full"), binding)
    context.bindings.register(binding, tx.flow, str(contact), context.now + CLICK_SECONDS)
    admitted = Admitted(binding, Side.OUTSIDE, None, flow.name)
    return Verdict(admitted, f"click to call; {because}", field)


def phone_of(context: Context, request: Message, flow: Flow) -> Binding | None:
    """The binding in whose name a request from outside comes.

    In a dialog that is the dialog's binding, whatever From says: who was called for somebody else
    (a hunt group, a diversion) bears that name in it.
    """
    phones = context.bindings.registered_on(flow)
    if not phones:
        return None
    if request.to_tag:
        for session in context.sessions.of_call(request.call_id):
            binding = session.binding
            there = phones.get(binding.user)
            mine = binding.phone == flow or (there is not None and are_one_device(there, binding))
            if mine and context.sessions.find(binding, request, Side.OUTSIDE) is not None:
                return binding
    return phones.get(_from_user(request))


def _from_user(request: Message) -> str:
    try:
        return NameAddr.parse(request.get("From") or "").uri.user or ""
    except WireError:
        return ""


def _looped(context: Context, request: Message) -> bool:
    """Whether one of our Vias stands in a request from outside (phones never see them again)."""
    may_own = context.plan.own.may_name
    for value in request.values("Via"):
        if not may_own(value):
            continue
        try:
            host, port = via_address(Via.parse(value))
        except WireError:
            continue
        if context.plan.own.has(host, port):
            return True
    return False
