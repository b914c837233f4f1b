"""The presence server of a subscriber flow: what goes there, and the way to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from farline.border.plan import Candidate
from farline.border.steps import Connect
from farline.config import SubscriberFlow
from farline.config.flows import split_host
from farline.sip import Flow
from farline.sip.locate import Locator

if TYPE_CHECKING:
    from collections.abc import Generator

    from farline.border.context import Context
    from farline.border.registrations.binding import Binding
    from farline.border.topology.line import Line
    from farline.sip import Message
    from farline.sip.dns import Question

MAX_ADDRESSES = 3
"""Addresses of one name that are tried."""


def concerns(binding: Binding, request: Message) -> bool:
    """PUBLISH, and SUBSCRIBE to presence and its templates (RFC 3903, 3856), where it has one."""
    if binding.subscriber.presence_server_address is None:
        return False
    if request.method == "PUBLISH":
        return True
    event = (request.get("Event") or "").partition(";")[0].strip().lower()
    return request.method == "SUBSCRIBE" and event.partition(".")[0] == "presence"


def reach(
    context: Context, binding: Binding, line: Line, hop: Candidate
) -> Generator[Connect | Question, Any, Flow | None]:
    """The flow to it, by the transport of the phone's next hop; None when there is none."""
    flow, interface, transport = binding.subscriber, line.server.signaling_interface, hop.transport
    form = f"{SubscriberFlow.form}: {flow.name}: Presence Server Address"
    host, port = split_host(flow.presence_server_address or "", transport.default_port)
    search = Locator(host, port, [transport], context.chance)
    located = yield from search.run(naptr=False, srv=False)
    own = context.plan.own.local(interface, transport)
    places = [one for one in located.places if (":" in one.address.host) is (":" in own.host)]
    if not places:
        why = located.because or f"{interface} is {own.host}: another IP version"
        context.decided("routing", f"no presence server {host}", why, form)
    for _, address, name in places[:MAX_ADDRESSES]:
        server = Candidate(line.server.server_profile, transport, address, name=name)
        context.decided("routing", f"presence server {address}", f"for {binding.aor}", form)
        reply = yield Connect(interface, server, flow.tls_client_profile)
        if isinstance(reply, Flow):
            return reply
    return None
