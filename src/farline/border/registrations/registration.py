"""What a REGISTER asks for, and whether it is served."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from farline.border import flow as flows
from farline.border.exchange import Exchange, Refusal, Verdict
from farline.border.registrations import lease, outbound
from farline.border.registrations.binding import contact_key
from farline.border.registrations.expiry import watch_expiry
from farline.border.shield import guard
from farline.sip import NameAddr, WireError, headers

if TYPE_CHECKING:
    from farline.border.context import Context
    from farline.border.registrations.binding import Binding
    from farline.config import SubscriberFlow
    from farline.sip import Message, Uri
    from farline.sip.transaction import ServerTransaction

MAX_CONTACTS = 4
"""Contacts in one REGISTER: an old and a new one is usual."""


@dataclass(slots=True)
class Wanted:
    """One Contact of a REGISTER: the binding that it means and the URI to reach the phone at."""

    binding: Binding
    subscriber: SubscriberFlow
    """The flow that the REGISTER came under; the binding's own once it is accepted."""

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

    binding: Binding
    """Whose upstream connection the REGISTER goes by: that of its last Contact, if it has any."""

    wanted: tuple[Wanted, ...]
    everything: bool = False
    """Contact is `*`: remove all bindings of the address."""

    held: Binding | None = None
    """The registered binding that `binding` only stands for, until it is accepted (`trial`)."""


class _Told(NamedTuple):
    """What stands in a REGISTER, read and no more."""

    user: str
    host: str
    contacts: list[NameAddr]
    everything: bool
    path: tuple[str, ...]


def understand(context: Context, tx: ServerTransaction) -> Verdict[Registration | Refusal]:
    """Whether a REGISTER is served, and what it means; makes the pending bindings that it needs."""
    found = _known_flow(context, tx) or flows.decide(context.plan, Exchange(tx.request, tx.flow))
    if found.value is None:
        return Verdict(Refusal(403, "no-flow"), found.because)
    if found.value.source == "click_to_call":
        field = f"{found.form}: Source"
        return Verdict(Refusal(403, "unknown-phone"), "a click-to-call flow has no phones", field)
    told = _read(tx.request)
    if isinstance(told, Verdict):
        return _refused(told)
    barred = _barred(context, tx, told)
    if barred is not None:
        return _refused(barred)
    wanted: list[Wanted] = []
    for contact in told.contacts:
        want = _want(context, tx, found.value, told, contact)
        if isinstance(want, Verdict):
            return _refused(want)
        wanted.append(want)
    way = wanted[-1].binding if wanted else _anybody(context, tx, found.value, told)
    if isinstance(way, str):
        return Verdict(Refusal(503, "full"), way)
    return Verdict(Registration(way, tuple(wanted), told.everything), found.because, found.form)


def _known_flow(context: Context, tx: ServerTransaction) -> Verdict[SubscriberFlow | None] | None:
    """Of a registered phone whose REGISTER names no Contact (RFC 3261 sections 10.2.2, 10.2.3).

    It is the flow that the phone registered by: Contact Host has nothing to look at.
    """
    if (tx.request.get("Contact") or "*").strip() != "*":
        return None
    try:
        user = NameAddr.parse(tx.request.get("From") or "").uri.user or ""
    except WireError:
        return None
    phone = context.bindings.registered_on(tx.flow).get(user)
    if phone is None:
        return None
    flow = phone.subscriber
    return Verdict(flow, f"{phone.aor} registered by {flow.name}", f"{flow.form}: {flow.name}")


def _refused(verdict: Verdict[Refusal]) -> Verdict[Registration | Refusal]:
    return Verdict(verdict.value, verdict.because, verdict.form)


def _read(request: Message) -> _Told | Verdict[Refusal]:
    """The headers that say who registers, and where."""
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
    return _Told(to.user, to.host, contacts, everything, path)


def _barred(context: Context, tx: ServerTransaction, told: _Told) -> Verdict[Refusal] | None:
    """Why a REGISTER that can be read is refused, before anything is kept of it."""
    tries = tx.request.get("Authorization") is not None
    if tries and not guard.may_register(context, tx.flow, told.user, told.host):
        return Verdict(Refusal(403, "passwords"), f"passwords of {told.user} are being guessed")
    count = len(told.contacts)
    if count > MAX_CONTACTS:
        return Verdict(Refusal(403, "contacts"), f"{count} contacts; {MAX_CONTACTS} may be")
    return None


def _want(
    context: Context,
    tx: ServerTransaction,
    subscriber: SubscriberFlow,
    told: _Told,
    contact: NameAddr,
) -> Wanted | Verdict[Refusal]:
    """One Contact with its binding."""
    is_flow = outbound.is_outbound(contact, tx.request)
    refused = outbound.refused(subscriber, tx.request, told.path) if is_flow else None
    if refused is not None:
        return refused
    held = len(context.bindings)
    binding = _binding(context, tx, subscriber, told.user, told.host, contact)
    if isinstance(binding, str):
        return Verdict(Refusal(503, "full"), binding)
    return Wanted(
        binding,
        subscriber,
        str(contact.uri),
        str(contact),
        contact.uri,
        outbound=contact.param("reg-id") is not None,
        is_flow=is_flow,
        asked=lease.asked(contact, tx.request),
        path=told.path,
        push=outbound.push_of(contact.uri),
        fresh=len(context.bindings) > held,
    )


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
        return known
    full = context.bindings.full(user, domain, tx.flow.remote.host)
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
    context: Context, tx: ServerTransaction, subscriber: SubscriberFlow, told: _Told
) -> Binding | str:
    """Whose connection a REGISTER without contact uses: the phone's, else a pending one's."""
    mine = context.bindings.registered_on(tx.flow).get(told.user)
    if mine is not None:
        return mine
    return guest(context, tx, subscriber, told.user, told.host)


def guest(
    context: Context, tx: ServerTransaction, subscriber: SubscriberFlow, user: str, domain: str
) -> Binding | str:
    """A pending binding for somebody who is not registered; text when none fits."""
    flow = tx.flow
    contact = NameAddr.parse(f"<sip:{flow.remote};transport={flow.transport.uri_param}>")
    return _binding(context, tx, subscriber, user, domain, contact)
