"""Ways between servers: a request of one server that its flow's Routing Profile leads to another.

A way is a binding that no REGISTER made. The server that began is its outside, the one that was
chosen its inside, and both find it by a token in our Contact and Record-Route. It is there for one
call or subscription, so that each call is routed anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from farline.border.calls.targets import target_of
from farline.border.exchange import Refusal, Side, Verdict
from farline.border.plan import Candidate
from farline.border.routing.links import udp_flow
from farline.border.steps import Connect
from farline.border.topology.line import OUTER
from farline.sip import Flow, Transport, Uri, WireError

if TYPE_CHECKING:
    from collections.abc import Generator

    from farline.border.context import Context
    from farline.border.registrations.binding import Binding
    from farline.border.steps import Step
    from farline.config import ServerFlow
    from farline.sip import Message

IDLE_SECONDS = 64.0
"""How long a way without a dialog is kept: twice the life of a transaction."""

DAY_SECONDS = 86_400.0
"""Written down as the end of a way; it is prolonged while there is a call."""

WORD = "way"
"""First part of a way's key."""


class Ways:
    """Every way between servers."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._by_flow: dict[Flow, dict[str, Binding]] = {}

    def begin(self, request: Message, flow: Flow, server: ServerFlow) -> Verdict[Binding | Refusal]:
        """The way of a request outside dialogs; one that comes again finds its own."""
        context = self._context
        key = (WORD, server.name, request.call_id, request.from_tag, request.uri)
        known = context.bindings.by_key(key)
        if known is not None:
            return Verdict(known, "as the request before it")
        crowded = context.bindings.crowded()
        if crowded:
            return Verdict(Refusal(503, "full"), crowded)
        user, domain = called(request)
        binding = context.bindings.add_way(
            key,
            user=user,
            domain=domain,
            peer=context.plan.peers[server.name],
            contact=target_of(request),
            phone=flow,
            now=context.now,
            expires_at=context.now + DAY_SECONDS,
        )
        binding.last_registered = context.now
        self.heard(binding, flow)
        self.watch(binding)
        return Verdict(binding, f"a way from {server.server_profile}")

    def find(self, token: str) -> tuple[Binding, Side] | None:
        """The way that a token of ours names, and the side that was given it."""
        subid, mark, _ = token.partition(OUTER)
        binding = self._context.bindings.by_subid(subid)
        if binding is None or not binding.is_way:
            return None
        return binding, Side.OUTSIDE if mark else Side.INSIDE

    def heard(self, binding: Binding, flow: Flow) -> None:
        """The server that began sent something: it is answered and reached there."""
        if binding.phone == flow and flow in self._by_flow:
            return
        self._leave(binding)
        binding.phone = binding.last_flow = flow
        if flow.token:
            self._by_flow.setdefault(flow, {})[binding.subid] = binding

    def lost(self, flow: Flow) -> None:
        """A connection is gone; the next request to that server opens another."""
        for binding in self._by_flow.pop(flow, {}).values():
            if binding.phone == flow:
                binding.phone = None

    def forget(self, binding: Binding) -> None:
        """The way is over."""
        self._leave(binding)

    def reach(self, binding: Binding) -> Generator[Step, Any, Flow | None]:
        """The flow to the server that began: the one it used last, else a new connection."""
        if binding.phone is not None:
            return binding.phone
        candidate, interface = self._back(binding), binding.subscriber.signaling_interface
        if candidate is None:
            return None
        if candidate.transport is Transport.UDP:
            return udp_flow(self._context, interface, candidate)
        found = yield Connect(interface, candidate)
        return found if isinstance(found, Flow) else None

    def watch(self, binding: Binding) -> None:
        """Look after a way: forget it when it has no dialog, prolong it while it has."""

        def look(now: float) -> None:
            context = self._context
            if context.bindings.by_subid(binding.subid) is not binding:
                return
            if not binding.sessions:
                context.forget_binding(binding, "the way is not used any more")
                return
            if binding.expires_at < now + DAY_SECONDS / 2:
                binding.expires_at = now + DAY_SECONDS
                context.keeper.binding(binding)
            self.watch(binding)

        wait = DAY_SECONDS / 4 if binding.sessions else IDLE_SECONDS
        self._context.schedule.start(self._context.now + wait, "way", look)

    def _leave(self, binding: Binding) -> None:
        flow = binding.phone
        if flow is not None and flow in self._by_flow:
            self._by_flow[flow].pop(binding.subid, None)
            if not self._by_flow[flow]:
                del self._by_flow[flow]

    def _back(self, binding: Binding) -> Candidate | None:
        """The address of the server that began, of the transport and host that it used."""
        peer, last = binding.peer, binding.last_flow
        if peer is None or last is None:
            return None
        server = self._context.plan.servers[peer.server_profile]
        fixed = [entry.fixed for entry in server.addresses if entry.fixed is not None]
        alike = [one for one in fixed if one[0] is last.transport]
        here = [one for one in alike if one[1].host == last.remote.host]
        for transport, address in (*here, *alike):
            return Candidate(server.name, transport, address)
        return None


def called(request: Message) -> tuple[str, str]:
    """User and domain that a request is for; a number where the URI is a tel URI."""
    try:
        uri = Uri.parse(request.uri)
    except WireError:
        return "", ""
    if request.uri.lower().startswith("tel:"):
        return request.uri[4:].partition(";")[0], ""
    return uri.user or "", uri.host
