"""Upstream connections: each binding has one of its own to a next hop (grooming is off).

They are opened when a request needs them and again after they were lost. When a next hop cannot be
reached the next one of the routing profile is tried, and the bad one goes last for a while.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from farline.border import flow as flows
from farline.border import routing
from farline.border.topology import make_line
from farline.sip import Address, Flow, Transport
from farline.sip.effects import Close, Open

if TYPE_CHECKING:
    from farline.border.context import Context
    from farline.border.plan import Candidate
    from farline.border.registration import Binding
    from farline.border.steps import Operation
    from farline.config import ServerFlow

DOWN_SECONDS = 30.0
"""How long a next hop that failed is tried last."""

MAX_WAITING = 100
"""Operations that may wait for one connection."""


@dataclass(slots=True, eq=False)
class Upstream:
    """The way of one binding to the office."""

    flow: Flow | None = None
    candidate: Candidate | None = None
    """Where `flow` leads, or where the connection under way goes."""

    ticket: int = 0
    """Of the `Open` under way; 0: none."""

    left: list[Candidate] = field(default_factory=list)
    waiting: list[Operation] = field(default_factory=list)


class Upstreams:
    """Opens, shares out and closes upstream connections."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._opening: dict[int, Binding] = {}
        self._by_flow: dict[Flow, Binding] = {}
        self.down: dict[Candidate, float] = {}
        """Next hops that failed, and until when they are tried last (monotonic seconds)."""

    def __len__(self) -> int:
        return len(self._by_flow)

    def owns(self, flow: Flow) -> bool:
        """Whether a connection is one of ours to a server."""
        return flow in self._by_flow

    def reach(
        self, binding: Binding, operation: Operation, avoid: frozenset[Candidate]
    ) -> tuple[bool, Flow | None]:
        """(True, flow or None) when it is known now; (False, None) when `operation` has to wait."""
        upstream = binding.upstream
        if upstream is None:
            upstream = binding.upstream = Upstream()
        if upstream.flow is not None:
            if upstream.candidate not in avoid:
                text = f"{binding.aor} has its way there: {upstream.flow.local}"
                self._context.decided("routing", str(upstream.candidate), text)
                return True, upstream.flow
            self._give_up(binding, upstream)
        if not upstream.ticket:
            upstream.left = self._candidates(binding, avoid)
            if not self._next(binding, upstream, after_refusal=False):
                return True, upstream.flow
        if len(upstream.waiting) >= MAX_WAITING:
            return True, None
        upstream.waiting.append(operation)
        return False, None

    def opened(self, ticket: int, flow: Flow) -> None:
        """The connection asked for is there."""
        binding = self._opening.pop(ticket, None)
        if binding is None or binding.upstream is None or binding.upstream.ticket != ticket:
            self._context.put(Close(flow))
            return
        upstream = binding.upstream
        upstream.ticket, upstream.flow = 0, flow
        self._by_flow[flow] = binding
        self._release(upstream, flow)

    def failed(self, ticket: int, reason: str) -> None:
        """The connection asked for could not be made: try the next one."""
        binding = self._opening.pop(ticket, None)
        if binding is None or binding.upstream is None or binding.upstream.ticket != ticket:
            return
        upstream = binding.upstream
        upstream.ticket = 0
        if upstream.candidate is not None:
            self.mark_down(upstream.candidate, reason)
        if not self._next(binding, upstream, after_refusal=True):
            self._release(upstream, upstream.flow)

    def mark_down(self, candidate: Candidate, reason: str) -> None:
        """Try this next hop last for a while."""
        self.down[candidate] = self._context.now + DOWN_SECONDS
        self._context.decided("routing", f"{candidate} goes last", reason)

    def lost(self, flow: Flow) -> bool:
        """A connection is gone; the next request opens another. False: it was none of ours."""
        binding = self._by_flow.pop(flow, None)
        if binding is None:
            return False
        if binding.upstream is not None and binding.upstream.flow == flow:
            binding.upstream.flow = None
        return True

    def close(self, binding: Binding) -> None:
        """The binding is over."""
        upstream, binding.upstream = binding.upstream, None
        if upstream is None:
            return
        self._opening.pop(upstream.ticket, None)
        if upstream.flow is not None and self._by_flow.pop(upstream.flow, None) is not None:
            self._context.put(Close(upstream.flow))
        self._release(upstream, None)

    def _candidates(self, binding: Binding, avoid: frozenset[Candidate]) -> list[Candidate]:
        context = self._context
        profile = context.plan.routing[binding.subscriber.routing_profile]
        verdict = routing.decide(context.plan, profile, down=self.down, now=context.now)
        value = ", ".join(map(str, verdict.value)) or "nowhere"
        context.decided("routing", value, verdict.because, verdict.form)
        return [candidate for candidate in verdict.value if candidate not in avoid]

    def _next(self, binding: Binding, upstream: Upstream, *, after_refusal: bool) -> bool:
        """Begin with the next candidate; False when nothing has to be waited for.

        Then `upstream.flow` is the flow (UDP), or None when no candidate is left.
        """
        while upstream.left:
            candidate = upstream.left.pop(0)
            if candidate.failover and not after_refusal:
                continue
            server = self._server(binding, candidate)
            if server is None:
                continue
            upstream.candidate = candidate
            self._draw_line(binding, server, candidate)
            interface = server.signaling_interface
            if candidate.transport is Transport.UDP:
                local = self._context.plan.address(interface, Transport.UDP)
                upstream.flow = Flow(0, interface, Transport.UDP, local, candidate.remote)
                return False
            upstream.ticket = self._context.ticket()
            self._opening[upstream.ticket] = binding
            name = candidate.remote.host if candidate.transport is Transport.TLS else None
            self._context.put(
                Open(upstream.ticket, interface, candidate.transport, candidate.remote, name)
            )
            return True
        return False

    def _server(self, binding: Binding, candidate: Candidate) -> ServerFlow | None:
        context = self._context
        received = binding.subscriber.signaling_interface
        verdict = flows.decide_server(context.plan, received, candidate)
        value = verdict.value.name if verdict.value else "none"
        context.decided("server-flow", value, verdict.because, verdict.form)
        return verdict.value

    def _draw_line(self, binding: Binding, server: ServerFlow, candidate: Candidate) -> None:
        phone = binding.phone
        if phone is None:
            interface = binding.subscriber.signaling_interface
            phone = Flow(0, interface, Transport.TCP, Address("", 0), Address("", 0))
        binding.line = make_line(
            self._context.plan,
            subid=binding.subid,
            domain=binding.domain,
            subscriber=binding.subscriber,
            phone=phone,
            server=server,
            candidate=candidate,
        )

    def _give_up(self, binding: Binding, upstream: Upstream) -> None:
        """Leave a next hop that does not answer."""
        if upstream.flow is not None and self._by_flow.pop(upstream.flow, None) is not None:
            self._context.put(Close(upstream.flow))
        if upstream.candidate is not None:
            self.mark_down(upstream.candidate, f"{binding.aor}: no answer from it")
        upstream.flow = upstream.candidate = None

    def _release(self, upstream: Upstream, flow: Flow | None) -> None:
        waiting, upstream.waiting = upstream.waiting, []
        for operation in waiting:
            self._context.resume(operation, flow)
