"""Stage 2 continued: who sent a request, and whether it may be served.

From outside only registered phones are served, each on the flow that it registered on and in its
own name; from inside only servers of a server flow, towards a binding that they name, or, where
their flow has a Routing Profile, towards another server.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from farline.border import flow as flows
from farline.border.binding import are_one_device
from farline.border.exchange import Exchange, Refusal, Side, Verdict
from farline.border.line import token_of
from farline.border.registration import guest
from farline.sip import NameAddr, Uri, Via, WireError
from farline.sip.headers import via_address

if TYPE_CHECKING:
    from farline.border.binding import Binding
    from farline.border.context import Context
    from farline.border.session import Found
    from farline.config import ServerFlow, SubscriberFlow
    from farline.sip import Flow, Message
    from farline.sip.transaction import ServerTransaction


CLICK_SECONDS = 14_400.0
"""How long somebody who calls by click to call is known: no call lasts longer."""

SCHEMES = ("sip:", "sips:", "tel:", "urn:service:")
"""Of Request-URIs that a server can be asked for; `urn:service` is an emergency call (RFC 5031)."""

CALL_METHODS = frozenset({"INVITE", "BYE", "PRACK", "UPDATE", "INFO", "OPTIONS"})


@dataclass(slots=True)
class Admitted:
    """A request that is served: whose line it takes, from which side, in which dialog."""

    binding: Binding | None
    """None: a REGISTER, which makes or finds its own."""

    sender: Side
    found: Found | None
    flow_name: str


Admission: TypeAlias = Admitted | Refusal | None
"""None: it is for the border itself, and answered with 200."""


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
        return _from_inside(context, tx, source)
    if flow.interface not in context.plan.subscriber_flows:
        return Verdict(Refusal(403, "no-flow"), source.because)
    return _from_outside(context, tx, request, flow)


def find(context: Context, message: Message, flow: Flow) -> tuple[Binding, Side, Found] | None:
    """The dialog of an ACK."""
    binding: Binding | None
    if _source(context, message, flow).value is not None:
        token = token_of(message)
        way = context.ways.find(token)
        binding, sender = way or (context.bindings.by_subid(token), Side.INSIDE)
    else:
        binding = _phone(context, message, flow)
        sender = Side.OUTSIDE
    if binding is None:
        return None
    found = context.sessions.find(binding, message, sender)
    return None if found is None else (binding, sender, found)


def _source(context: Context, request: Message, flow: Flow) -> Verdict[str | None]:
    """The name of the server flow that a request comes in by; None: it is not from a server."""
    if context.upstreams.owns(flow):
        return Verdict("upstream", "on a connection of ours to the server")
    verdict = flows.decide_source(context.plan, Exchange(request, flow))
    was_server = context.plan.hosts.was_server(flow.interface, flow.remote.host)
    if verdict.value is None and request.to_tag and was_server:
        return Verdict("former server", "a call that began before the configuration changed")
    return Verdict(verdict.value.name if verdict.value else None, verdict.because, verdict.form)


def _from_inside(
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
        if request.method == "OPTIONS" and _is_for_us(context, request):
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
    _note_cseq(context, found, request)
    return Verdict(Admitted(binding, Side.INSIDE, found, name), because)


def _barred(context: Context, tx: ServerTransaction, binding: Binding) -> Verdict[Admission] | None:
    """Why a server may not reach a phone that it names; None when it may."""
    line = binding.line
    if line is None or not context.plan.outsiders:
        return None
    server = context.plan.servers[line.server.server_profile]
    sender = _server_flow(context, tx)
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
    _note_cseq(context, found, request)
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


def _server_flow(context: Context, tx: ServerTransaction) -> ServerFlow | None:
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
    flow = _server_flow(context, tx)
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


def _from_outside(
    context: Context, tx: ServerTransaction, request: Message, flow: Flow
) -> Verdict[Admission]:
    if _looped(context, request):
        return Verdict(Refusal(482, "loop"), "a Via of ours is in it already")
    if request.method == "REGISTER":
        return Verdict(Admitted(None, Side.OUTSIDE, None, ""), "REGISTER is always looked at")
    phones = context.bindings.registered_on(flow)
    if not phones:
        return _stranger(context, tx, request, flow)
    if request.method == "OPTIONS" and _is_for_us(context, request):
        return Verdict(None, "the keep-alive of a registered phone")
    binding = _phone(context, request, flow)
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
    _note_cseq(context, found, request)
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
    if request.method == "OPTIONS" and _is_for_us(context, request):
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


def _phone(context: Context, request: Message, flow: Flow) -> Binding | None:
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


def _is_for_us(context: Context, request: Message) -> bool:
    """Whether the Request-URI is the border itself: one of our addresses, and nobody there."""
    try:
        uri = Uri.parse(request.uri)
    except WireError:
        return False
    return not uri.user and context.plan.own.has(uri.host, uri.port)


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


def _note_cseq(context: Context, found: Found | None, request: Message) -> None:
    if found is not None and found.sender is not None:
        found.session.note_cseq(found.sender, request)
        if request.method != "BYE":  # after which there is nothing to be kept
            context.keeper.session(found.session)
