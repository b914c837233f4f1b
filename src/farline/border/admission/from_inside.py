"""Who is admitted from inside: servers, for a phone, in a call between servers, or to another one.

A server is known by its server flow; the phone or the way between servers by our token.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline.border import flow as flows
from farline.border.admission.admitted import Admission, Admitted, is_for_us, note_cseq
from farline.border.exchange import Exchange, Refusal, Side, Verdict
from farline.border.topology.line import token_of

if TYPE_CHECKING:
    from farline.border.context import Context
    from farline.border.registrations.binding import Binding
    from farline.config import ServerFlow
    from farline.sip.transaction import ServerTransaction


def from_inside(
    context: Context, tx: ServerTransaction, source: Verdict[str | None]
) -> Verdict[Admission]:
    """A request of a server: for a phone, in a call between servers, or to another server."""
    request, interface = tx.request, tx.flow.interface
    name, because = source.value or "", source.because
    token = token_of(request)
    way = context.ways.find(token) if token else None
    if way is not None:
        return _on_way(context, tx, *way)
    binding = context.bindings.by_subid(token) if token else None
    if binding is None or not binding.registered:
        if request.method == "OPTIONS" and is_for_us(context, request):
            return Verdict(None, "a server asks whether we are there")
        return _onward(context, tx)
    subscriber = binding.subscriber
    if subscriber.received_interface not in (None, interface):
        text = f"it came by {interface}"
        field = f"{subscriber.form}: {subscriber.name}: Received Interface"
        return Verdict(Refusal(403, "interface"), text, field)
    found = context.sessions.find(binding, request, Side.INSIDE) if request.to_tag else None
    if request.to_tag and found is None and request.method == "INVITE":
        return Verdict(Refusal(481, "no-dialog"), "no such dialog of this binding")
    if request.method == "REGISTER":
        return Verdict(Refusal(405, "method"), "the office does not register here")
    barred = _barred(context, tx, binding) if found is None else None
    if barred is not None:
        return barred
    note_cseq(context, found, request)
    return Verdict(Admitted(binding, Side.INSIDE, found, name), because)


def _barred(context: Context, tx: ServerTransaction, binding: Binding) -> Verdict[Admission] | None:
    """Why a server may not reach a phone that it names; None when it may."""
    line = binding.line
    if line is None or not context.plan.outsiders:
        return None
    server = context.plan.servers[line.server.server_profile]
    sender = server_flow(context, tx)
    if sender is not None:
        server = context.plan.servers[sender.server_profile]
    if server.nature.reaches_phones or server.registers_phones:
        return None
    form = f"{server.form}: {server.name}: Server Type"
    return Verdict(Refusal(403, "server-type"), server.nature.text, form)


def _on_way(
    context: Context, tx: ServerTransaction, binding: Binding, sender: Side
) -> Verdict[Admission]:
    """A request of one of the two servers that a way joins."""
    request, peer = tx.request, binding.peer
    line = binding.line
    flow = peer if sender is Side.OUTSIDE or line is None else line.server
    if flow is None or not _comes_from(context, tx, flow):
        text = f"it names a way of {flow.server_profile if flow is not None else 'nobody'}"
        return Verdict(Refusal(403, "identity"), f"{text}, and comes from {tx.flow.remote}")
    found = context.sessions.find(binding, request, sender) if request.to_tag else None
    if request.to_tag and found is None:
        return Verdict(Refusal(481, "no-dialog"), "no such dialog of this way")
    if request.method == "REGISTER":
        return Verdict(Refusal(405, "method"), "a server does not register here")
    if sender is Side.OUTSIDE:
        context.ways.heard(binding, tx.flow)
    note_cseq(context, found, request)
    admitted = Admitted(binding, sender, found, flow.name)
    return Verdict(admitted, f"a way between servers: from {flow.server_profile}")


def _comes_from(context: Context, tx: ServerTransaction, flow: ServerFlow) -> bool:
    """Whether the sender is the server of a flow (or the source of a connection of ours to it)."""
    if tx.flow.interface != flow.signaling_interface:
        return False
    if context.upstreams.owns(tx.flow):
        return True
    hosts = context.plan.hosts.of_profile[flow.server_profile]
    if tx.flow.remote.host in hosts:
        return True
    source = flows.decide_source(context.plan, Exchange(tx.request, tx.flow)).value
    return source is not None and source.server_profile == flow.server_profile


def server_flow(context: Context, tx: ServerTransaction) -> ServerFlow | None:
    """The server flow by which a server's request comes, also on a connection of ours."""
    found = flows.decide_source(context.plan, Exchange(tx.request, tx.flow)).value
    if found is not None:
        return found
    server = context.links.server_of(tx.flow)
    mine = context.plan.server_flows.get(tx.flow.interface, ())
    return next((one for one in mine if one.server_profile == server), None)


def _onward(context: Context, tx: ServerTransaction) -> Verdict[Admission]:
    """A server's request that names no binding: its flow's Routing Profile says where it goes."""
    request = tx.request
    if request.to_tag:
        return Verdict(Refusal(481, "no-binding"), "the request names no binding of ours")
    flow = server_flow(context, tx)
    if flow is None or flow.name not in context.plan.peers:
        form = "" if flow is None else f"{flow.form}: {flow.name}: Routing Profile"
        return Verdict(Refusal(404, "no-binding"), "the request names no binding of ours", form)
    if request.method == "REGISTER":
        return Verdict(Refusal(405, "method"), "a server does not register here")
    server = context.plan.servers[flow.server_profile]
    context.decided(
        "server-type", server.server_type, server.nature.text,
        f"{server.form}: {server.name}: Server Type",
    )  # fmt: skip
    begun = context.ways.begin(request, tx.flow, flow)
    if isinstance(begun.value, Refusal):
        return Verdict(begun.value, begun.because)
    because = f"to another server by Routing Profile {flow.routing_profile}; {begun.because}"
    admitted = Admitted(begun.value, Side.OUTSIDE, None, flow.name)
    return Verdict(admitted, because, f"{flow.form}: {flow.name}: Routing Profile")
