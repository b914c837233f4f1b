"""What the office's 200 to a REGISTER teaches: which bindings hold, for how long, and which end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline.border.registrations import lease, trial
from farline.border.registrations.expiry import lead, watch_expiry
from farline.border.topology.line import make_line
from farline.sip import NameAddr, WireError

if TYPE_CHECKING:
    from farline.border.context import Context
    from farline.border.registrations.binding import Binding
    from farline.border.registrations.registration import Registration, Wanted
    from farline.sip import Flow, Message


def learn(
    context: Context, registration: Registration, flow: Flow, response: Message, granted: list[str]
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
    for want in registration.wanted:
        given = leases.pop(want.binding.subid, None)
        if given is None or given[1] <= 0:
            leaving.append(want.binding)
            continue
        trial.accepted(context, registration, want)
        _accept(context, registration.binding, want, flow, given[1])
        mine = given[0].with_uri(want.uri)
        short = lease.for_phone(want, given[1])
        restored.append(
            str(mine if short == given[1] else mine.with_param("expires", f"{short:.0f}"))
        )
    for token, (contact, _) in leases.items():
        other = context.bindings.by_subid(token)
        if other is not None and other.user == registration.binding.user:
            restored.append(str(contact.with_uri(NameAddr.parse(f"<{other.contact}>").uri)))
    if registration.everything:
        leaving += context.bindings.of_aor(registration.binding.user, registration.binding.domain)
    return restored, leaving


def keep_answer(registration: Registration, out: Message) -> None:
    """The phone's lease is one, wherever the answer says it; later answers repeat the rest."""
    contacts = out.values("Contact")
    if contacts and len(registration.wanted) == 1 and out.get("Expires") is not None:
        given = NameAddr.parse(contacts[0]).param("expires")
        if given is not None:
            out.set("Expires", given)
    for want in registration.wanted:
        lease.keep(want.binding, out)


def _accept(context: Context, way: Binding, want: Wanted, flow: Flow, granted: float) -> None:
    """The office holds this binding for `granted` seconds."""
    binding = want.binding
    first = not binding.registered
    moved = binding.phone != flow
    if moved and not first and binding.phone is not None:
        binding.nat.moved(binding.phone, flow, context.now)
    binding.subscriber = want.subscriber
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
    lead(context, binding)
    if first or moved:
        context.note("binding", f"{binding.aor} at {flow.remote} for {granted:.0f} s")
