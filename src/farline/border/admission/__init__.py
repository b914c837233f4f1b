"""Stage 2 continued: who sent a request, and whether it may be served.

From outside only registered phones are served, each on the flow that it registered on and in its
own name; from inside only servers of a server flow, towards a binding that they name, or, where
their flow has a Routing Profile, towards another server.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline.border import flow as flows
from farline.border.admission.admitted import Admission, Admitted
from farline.border.admission.from_inside import from_inside, server_flow
from farline.border.admission.from_outside import from_outside, phone_of
from farline.border.exchange import Exchange, Refusal, Side, Verdict
from farline.border.policy import charging
from farline.border.topology.line import token_of

if TYPE_CHECKING:
    from farline.border.calls.session import Found
    from farline.border.context import Context
    from farline.border.registrations.binding import Binding
    from farline.sip import Flow, Message
    from farline.sip.transaction import ServerTransaction

__all__ = ["Admission", "Admitted", "charge_refused", "decide", "find"]

SCHEMES = ("sip:", "sips:", "tel:", "urn:service:")
"""Of Request-URIs that a server can be asked for; `urn:service` is an emergency call (RFC 5031)."""


def decide(context: Context, tx: ServerTransaction, flow: Flow) -> Verdict[Admission]:
    """What becomes of a request other than ACK and CANCEL."""
    request = tx.request
    if request.get("Max-Forwards") == "0":
        return Verdict(Refusal(483, "hops"), "Max-Forwards is 0")
    needed = request.get("Proxy-Require")
    if needed is not None:
        refusal = Refusal(420, "extension", (("Unsupported", needed),))
        return Verdict(refusal, f"Proxy-Require: {needed}")
    if not request.uri.lower().startswith(SCHEMES):
        return Verdict(Refusal(416, "scheme"), f"Request-URI {request.uri[:60]!r}")
    source = _source(context, request, flow)
    if source.value is not None:
        return from_inside(context, tx, source)
    if flow.interface not in context.plan.subscriber_flows:
        return Verdict(Refusal(403, "no-flow"), source.because)
    return from_outside(context, tx, request, flow)


def find(context: Context, message: Message, flow: Flow) -> tuple[Binding, Side, Found] | None:
    """The dialog of an ACK."""
    binding: Binding | None
    if _source(context, message, flow).value is not None:
        token = token_of(message)
        way = context.ways.find(token)
        binding, sender = way or (context.bindings.by_subid(token), Side.INSIDE)
    else:
        binding = phone_of(context, message, flow)
        sender = Side.OUTSIDE
    if binding is None:
        return None
    found = context.sessions.find(binding, message, sender)
    return None if found is None else (binding, sender, found)


def charge_refused(context: Context, tx: ServerTransaction, why: str) -> None:
    """A call that was not admitted is one for the charging rule of its flow, where that is known.

    Strangers have none: who floods us is not to fill the disk.
    """
    request, flow = tx.request, tx.flow
    if _source(context, request, flow).value is None:
        phones = context.bindings.registered_on(flow)
        binding = phone_of(context, request, flow) or next(iter(phones.values()), None)
        if binding is not None:
            charging.never_began(context, binding, Side.OUTSIDE, request, why)
        return
    token = token_of(request)
    binding, sender = context.ways.find(token) or (context.bindings.by_subid(token), Side.INSIDE)
    if binding is not None and binding.registered:
        charging.never_began(context, binding, sender, request, why)
    elif (server := server_flow(context, tx)) is not None:
        charging.refused_server(context, tx, server, why)


def _source(context: Context, request: Message, flow: Flow) -> Verdict[str | None]:
    """The name of the server flow that a request comes in by; None: it is not from a server."""
    if context.upstreams.owns(flow):
        return Verdict("upstream", "on a connection of ours to the server")
    verdict = flows.decide_source(context.plan, Exchange(request, flow))
    was_server = context.plan.hosts.was_server(flow.interface, flow.remote.host)
    if verdict.value is None and request.to_tag and was_server:
        return Verdict("former server", "a call that began before the configuration changed")
    return Verdict(verdict.value.name if verdict.value else None, verdict.because, verdict.form)
