"""Leases: a short one to the phone, a long one at the office, and what is answered here.

A refresh is answered by the border when it needs no check of credentials: it comes by the same
flow, with the same Contact and Path, in the first half of the office's lease. On a connection
nobody else can send it; over UDP somebody who can forge the phone's address and port could lengthen
a binding, not move it, and by no more than the office's lease. All else goes to the office.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline.border.exchange import Verdict
from farline.sip import NameAddr, responses

if TYPE_CHECKING:
    from farline.border.context import Context
    from farline.border.registrations.binding import Binding
    from farline.border.registrations.registration import Registration, Wanted
    from farline.config.registrations import Registrations
    from farline.sip import Message
    from farline.sip.transaction import ServerTransaction

SLACK = 2.0
"""Seconds that a binding outlives its lease, for a refresh that is on its way."""

KEPT = (
    "Allow",
    "Allow-Events",
    "Feature-Caps",
    "Flow-Timer",
    "P-Associated-URI",
    "Path",
    "Require",
    "Server",
    "Supported",
)
"""Headers of a 200 that the answers to later refreshes bear too."""

MAX_KEPT = 16


def seconds_of(text: str | None) -> float | None:
    """Seconds of an Expires or expires=; None when absent or unreadable."""
    if text is None or not (text.isascii() and text.isdigit()):
        return None
    return float(min(int(text[:10]), 86_400 * 7))


def asked(contact: NameAddr, request: Message) -> float:
    """The lease that a phone asks for."""
    own = seconds_of(contact.param("expires"))
    whole = seconds_of(request.get("Expires")) if own is None else own
    return 3600.0 if whole is None else whole


def is_split(options: Registrations) -> bool:
    """Whether phones get leases of their own."""
    return options.phone_lease is not None


def answers_here(options: Registrations) -> bool:
    """Whether some refreshes are answered by the border."""
    return is_split(options) or options.survivable_lease > 0


def for_phone(want: Wanted, granted: float) -> float:
    """The lease that a phone gets when the office grants `granted` seconds."""
    binding = want.binding
    short = binding.subscriber.registrations.phone_lease
    if short is None:
        return granted
    wanted = float(binding.nat.lease(binding.phone)) if short == "auto" else float(short)
    return min(wanted, granted, want.asked or granted)


def ask_long(registration: Registration, out: Message) -> None:
    """Ask the office for the long lease; who leaves still leaves."""
    options = registration.binding.subscriber.registrations
    if not is_split(options) or registration.everything or not registration.wanted:
        return
    text = str(options.office_lease)
    lines = []
    for want, value in zip(registration.wanted, out.values("Contact"), strict=False):
        longer = NameAddr.parse(value)
        lines.append(str(longer.with_param("expires", text)) if want.asked > 0 else value)
    out.set_all("Contact", lines)
    if out.get("Expires") not in (None, "0"):
        out.set("Expires", text)


def keep(binding: Binding, answer: Message) -> None:
    """Keep what later answers of ours repeat."""
    found = [(name, value) for name in KEPT for value in answer.all(name)[:MAX_KEPT]]
    binding.answer = tuple(found[:MAX_KEPT])


def same_phone(registration: Registration, tx: ServerTransaction) -> str:
    """Why a REGISTER is not a plain refresh of a known binding; "" when it is."""
    if len(registration.wanted) != 1 or registration.everything:
        return f"{len(registration.wanted)} contacts"
    (want,) = registration.wanted
    binding = want.binding
    if not binding.registered:
        return "it is not registered"
    if binding.phone != tx.flow:
        return "it comes by another flow"
    if binding.subscriber.name != want.subscriber.name:
        return f"it comes under {want.subscriber.name}, not {binding.subscriber.name}"
    if want.contact != binding.contact:
        return "the Contact is another"
    if want.path != binding.path:
        return "the Path is another"
    return "" if want.asked > 0 else "the phone leaves"


def decide(context: Context, registration: Registration, tx: ServerTransaction) -> Verdict[bool]:
    """Whether a REGISTER is answered here, for the office knows enough."""
    flow = registration.binding.subscriber
    if flow.registrations.phone_lease is None:
        return _WHOLE
    form = f"{flow.form}: {flow.name}: Lease to the Phone"
    why = same_phone(registration, tx)
    if why:
        return Verdict(False, why, form)
    binding = registration.binding
    upstream = binding.upstream
    if upstream is None or upstream.flow is None:
        return Verdict(False, "the connection to the office was lost: it may have forgotten", form)
    if context.health.changed_at(upstream.candidate) > binding.last_registered:
        return Verdict(False, "the office was down since: it may have forgotten", form)
    age, half = context.now - binding.last_registered, binding.office_lease / 2
    if age >= half:
        return Verdict(False, f"the office heard of it {age:.0f} s ago, half a lease is {half:.0f}")
    return Verdict(
        True, f"the office heard of it {age:.0f} s ago, half a lease is {half:.0f}", form
    )


_WHOLE = Verdict(False, "phones get the office's lease")


def answer(
    context: Context, registration: Registration, tx: ServerTransaction, lease: float
) -> None:
    """Answer a refresh with the office's last answer and a lease of ours."""
    (want,) = registration.wanted
    contact = NameAddr.parse(want.header).with_param("expires", f"{lease:.0f}")
    headers = (("Contact", str(contact)), *want.binding.answer)
    tag = context.ids.token()
    context.respond(tx, responses.make(tx.request, 200, to_tag=tag, headers=headers))
