"""Upstream ways: how each binding reaches its server.

With grooming off a binding has a connection of its own; with grooming on, all share one a next hop
(`links`). A way is opened when a request needs it and again after it was lost. When a next hop
cannot be reached the next one of the routing profile is tried, and the bad one goes last.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from farline.border.plan import Candidate
from farline.border.routing.links import udp_flow
from farline.border.routing.next_hops import NextHops
from farline.border.steps import Connect, Dial, Operation, Unreachable
from farline.border.topology.line import make_line
from farline.sip import Flow, Transport
from farline.sip.effects import Close

if TYPE_CHECKING:
    from collections.abc import Generator

    from farline.border.context import Context
    from farline.border.registrations.binding import Binding
    from farline.border.steps import Reach, Step, Steps
    from farline.config import RoutingProfile, ServerFlow

MAX_WAITING = 100
"""Operations that may wait for one way."""


@dataclass(slots=True, eq=False)
class Upstream:
    """The way of one binding to the office."""

    flow: Flow | None = None
    candidate: Candidate | None = None
    """Where `flow` leads, or led before it was lost."""

    spare: tuple[Candidate, ...] = ()
    """The other next hops that there were when this one was taken."""

    search: Operation | None = None
    """Looks for the way just now."""

    rule: RoutingProfile | None = None
    """The rule of the routing profile that it was chosen by; None after a search: none fits."""

    barred: bool = False
    """The search found only servers with which phones do not register."""

    stale: bool = False
    """The configuration changed since it was chosen: choose again once no call needs it."""

    waiting: list[Operation] = field(default_factory=list)


class Upstreams:
    """Opens, shares out and closes ways."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._by_flow: dict[Flow, Binding] = {}
        self.used: Counter[Candidate] = Counter()
        """Bindings whose way leads to a next hop."""

        self._hops = NextHops(context, self.used)

    def __len__(self) -> int:
        return len(self._by_flow) + len(self._context.links)

    def owns(self, flow: Flow) -> bool:
        """Whether a connection is one of ours to a server."""
        return bool(flow.token) and (flow in self._by_flow or self._context.links.owns(flow))

    def reach(self, step: Reach, operation: Operation) -> tuple[bool, Flow | None]:
        """(True, flow or None) when it is known now; (False, None) when `operation` has to wait."""
        binding = step.binding
        upstream = binding.upstream
        if upstream is None:
            upstream = binding.upstream = Upstream()
        if not binding.sessions and (upstream.stale or (step.registers and self._turned(binding))):
            self._choose_again(upstream)
        if upstream.flow is not None:
            elsewhere = step.registers and (self._lesser(binding) or self._barred(upstream))
            if upstream.candidate not in step.avoid and not elsewhere:
                if self._context.traced:
                    text = f"{binding.aor} has its way there: {upstream.flow.local}"
                    self._context.decided("routing", str(upstream.candidate), text)
                return True, upstream.flow
            self._leave(upstream)
        if upstream.search is None:
            search = upstream.search = Operation(operation.call)
            self._context.start(search, self._search(upstream, step))
            if upstream.search is None:
                return True, upstream.flow
        if len(upstream.waiting) >= MAX_WAITING:
            return True, None
        upstream.waiting.append(operation)
        return False, None

    def restore(self, binding: Binding, candidate: Candidate, flow: Flow | None) -> None:
        """The way that a binding had in the process before this one; a connection is gone."""
        upstream = binding.upstream = Upstream(flow)
        self._assign(upstream, candidate)

    def lost(self, flow: Flow) -> bool:
        """A connection is gone; the next request opens another. False: it was none of ours."""
        binding = self._by_flow.pop(flow, None)
        if binding is None:
            return self._context.links.lost(flow)
        if binding.upstream is not None and binding.upstream.flow == flow:
            binding.upstream.flow = None
        return True

    def close(self, binding: Binding) -> None:
        """The binding is over."""
        upstream, binding.upstream = binding.upstream, None
        if upstream is None:
            return
        self._leave(upstream)
        self._assign(upstream, None)
        self._release(upstream, None)

    def take_over(self, binding: Binding, trial: Binding) -> None:
        """A binding goes the way of its stand-in from here on, and leaves its own."""
        upstream, own = trial.upstream, binding.upstream
        if upstream is None or upstream is own:
            return
        trial.upstream = None
        if own is not None:
            self._release(own, upstream.flow)
            self.close(binding)
        binding.upstream = upstream
        if upstream.flow in self._by_flow:
            self._by_flow[upstream.flow] = binding

    # ---- the search for a way ----

    def rule(self, binding: Binding) -> RoutingProfile:
        """The rule of the routing profile that a binding's requests follow."""
        upstream = binding.upstream
        if upstream is not None and upstream.rule is not None:
            return upstream.rule
        return self._context.plan.routing[binding.subscriber.routing_profile][0]

    def _turned(self, binding: Binding) -> bool:
        """Whether another rule of the routing profile fits now."""
        upstream = binding.upstream
        if upstream is None:
            return False
        only = self._context.plan.only_rules.get(binding.subscriber.routing_profile)
        rule = only if only is not None else self._hops.select(binding).value
        return rule is not upstream.rule

    def _lesser(self, binding: Binding) -> bool:
        """Whether the best next hop is up and the way leads elsewhere; asked for names too late."""
        context, upstream = self._context, binding.upstream
        if upstream is None or not upstream.spare or binding.calls:
            return False
        profile = self.rule(binding)
        if not profile.next_hop_priority or profile.load_balancing != "priority":
            return False
        best = profile.by_priority[0]
        other = upstream.candidate
        if best.fixed is None or other is None or best.fixed == (other.transport, other.remote):
            return False
        return not context.health.why_down(Candidate(best.server, *best.fixed))

    def _search(self, upstream: Upstream, step: Reach) -> Steps:
        """Next hop by next hop until one can be reached."""
        binding, avoid = step.binding, step.avoid
        candidates = yield from self._hops.candidates(binding, step.routes)
        if binding.sessions:
            candidates = self._last_first(upstream, candidates)
        refused = upstream.barred = False
        for candidate in candidates:
            refused = refused and candidate.failover
            if candidate in avoid or (candidate.failover and not refused):
                continue
            server = self._hops.leads(binding, candidate)
            if server is None:
                continue
            if step.registers and not self._hops.registers(candidate):
                upstream.barred = True
                continue
            flow = yield from self._connect(binding, server.signaling_interface, candidate)
            if binding.upstream is not upstream:
                self._discard(flow)
                return
            if flow is not None:
                upstream.barred = False
                self._take(binding, upstream, server, candidate, flow)
                upstream.spare = tuple(
                    other for other in candidates if other != candidate and not other.failover
                )
                break
            refused = True
        if upstream.flow is None:
            self._assign(upstream, None)
        upstream.search = None
        self._release(upstream, upstream.flow)

    def _last_first(
        self, upstream: Upstream, candidates: tuple[Candidate, ...]
    ) -> tuple[Candidate, ...]:
        """Where the connection that was lost led, the office's half of the dialogs is."""
        last = upstream.candidate
        if last not in candidates or last.failover or self._context.health.why_down(last):
            return candidates
        return last, *(one for one in candidates if one != last)

    def _barred(self, upstream: Upstream) -> bool:
        """Whether the way leads to a server with which phones do not register."""
        candidate = upstream.candidate
        return candidate is not None and not self._hops.registers(candidate)

    def _connect(
        self, binding: Binding, interface: str, candidate: Candidate
    ) -> Generator[Step, Flow | Unreachable, Flow | None]:
        """The flow to a next hop; None when it cannot be reached.

        What grooming keeps apart are end points: ways between servers share connections.
        """
        context = self._context
        tls_profile = binding.subscriber.tls_client_profile
        if candidate.transport is Transport.UDP:
            return udp_flow(context, interface, candidate)
        shared = binding.is_way or context.plan.servers[candidate.server].advanced.grooming
        reply = yield (Connect if shared else Dial)(interface, candidate, tls_profile)
        if isinstance(reply, Flow):
            return reply
        context.health.failed(candidate, reply.reason)
        return None

    def _take(
        self,
        binding: Binding,
        upstream: Upstream,
        server: ServerFlow,
        candidate: Candidate,
        flow: Flow,
    ) -> None:
        """The way of a binding leads over `flow` from here on."""
        self._assign(upstream, candidate)
        upstream.flow = flow
        if self._context.links.owns(flow):
            self._context.links.join(flow, upstream)
        elif flow.token:
            self._by_flow[flow] = binding
        binding.line = make_line(
            self._context.plan,
            subid=binding.subid,
            domain=binding.domain,
            subscriber=binding.subscriber,
            phone=binding.seat,
            server=server,
            candidate=candidate,
        )
        self._context.keeper.binding(binding)

    def _choose_again(self, upstream: Upstream) -> None:
        """Leave a next hop because the configuration may now say another."""
        upstream.stale = False
        self._leave(upstream)
        self._assign(upstream, None)

    def _discard(self, flow: Flow | None) -> None:
        """The binding went while its connection was being made."""
        if flow is not None and flow.token and not self._context.links.owns(flow):
            self._context.put(Close(flow))

    def _leave(self, upstream: Upstream) -> None:
        """Use this way no longer: a connection of one's own is closed."""
        flow, upstream.flow = upstream.flow, None
        if flow is None:
            return
        if self._by_flow.pop(flow, None) is not None:
            self._context.put(Close(flow))
        else:
            self._context.links.leave(flow, upstream)

    def _assign(self, upstream: Upstream, candidate: Candidate | None) -> None:
        """Count who uses which next hop."""
        if upstream.candidate is not None:
            self.used[upstream.candidate] -= 1
            if not self.used[upstream.candidate]:
                del self.used[upstream.candidate]
        upstream.candidate = candidate
        if candidate is not None:
            self.used[candidate] += 1

    def _release(self, upstream: Upstream, flow: Flow | None) -> None:
        waiting, upstream.waiting = upstream.waiting, []
        for operation in waiting:
            self._context.resume(operation, flow)
