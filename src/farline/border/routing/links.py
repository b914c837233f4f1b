"""Connections to next hops that many share: grooming, heartbeats, the border's own requests.

One a signaling interface and next hop. It is opened when somebody needs it, and again after it was
lost; it is not closed when nobody uses it, for there are as many as there are next hops.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from farline.border.steps import Dial, Operation, Unreachable
from farline.sip import Flow, Transport
from farline.sip.effects import Close

if TYPE_CHECKING:
    from farline.border.context import Context
    from farline.border.plan import Candidate
    from farline.border.routing.upstream import Upstream
    from farline.border.steps import Connect, Steps

MAX_WAITING = 10_000
"""Operations that may wait for one shared connection."""


@dataclass(slots=True, eq=False)
class Link:
    """One shared connection."""

    step: Connect
    flow: Flow | None = None
    dialing: bool = False
    waiting: list[Operation] = field(default_factory=list)
    users: dict[Upstream, None] = field(default_factory=dict)
    """Bindings' ways that lead over it (grooming)."""


class Links:
    """Every shared connection."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._links: dict[Connect, Link] = {}
        self._by_flow: dict[Flow, Link] = {}

    def __len__(self) -> int:
        return len(self._by_flow)

    def owns(self, flow: Flow) -> bool:
        """Whether a connection is a shared one of ours to a server."""
        return flow in self._by_flow

    def reach(self, step: Connect, operation: Operation) -> tuple[bool, Flow | Unreachable | None]:
        """(True, flow) when it is there; (False, None) when `operation` has to wait."""
        context = self._context
        interface, candidate = step.interface, step.candidate
        if candidate.transport is Transport.UDP:
            return True, udp_flow(context, interface, candidate)
        link = self._links.get(step)
        if link is None:
            link = self._links[step] = Link(step)
        if link.flow is not None:
            return True, link.flow
        if len(link.waiting) >= MAX_WAITING:
            return True, Unreachable(f"{MAX_WAITING} requests wait for this connection")
        link.waiting.append(operation)
        if not link.dialing:
            link.dialing = True
            context.start(Operation(""), self._dial(link))
        return False, None

    def server_of(self, flow: Flow) -> str:
        """The server profile that a shared connection leads to; "" when it is none of these."""
        link = self._by_flow.get(flow)
        return link.step.candidate.server if link is not None else ""

    def join(self, flow: Flow, upstream: Upstream) -> None:
        """A binding's way leads over this connection until it is lost or the binding leaves."""
        link = self._by_flow.get(flow)
        if link is not None:
            link.users[upstream] = None

    def leave(self, flow: Flow, upstream: Upstream) -> None:
        """A binding's way leads over it no longer."""
        link = self._by_flow.get(flow)
        if link is not None:
            link.users.pop(upstream, None)

    def lost(self, flow: Flow) -> bool:
        """A connection is gone; False: it was none of these."""
        link = self._by_flow.pop(flow, None)
        if link is None:
            return False
        link.flow = None
        users, link.users = link.users, {}
        for upstream in users:
            if upstream.flow == flow:
                upstream.flow = None
        return True

    def drop_unused(self, flow: Flow) -> None:
        """Close a connection that has no users and whose peer does not answer.

        It may be half open; the next who needs it opens another.
        """
        link = self._by_flow.get(flow)
        if link is not None and not link.users:
            self.lost(flow)
            self._context.put(Close(flow))

    def _dial(self, link: Link) -> Steps:
        reply = yield Dial(link.step.interface, link.step.candidate, link.step.tls_profile)
        link.dialing = False
        if isinstance(reply, Flow):
            link.flow = reply
            self._by_flow[reply] = link
        waiting, link.waiting = link.waiting, []
        for operation in waiting:
            self._context.resume(operation, reply)


def udp_flow(context: Context, interface: str, candidate: Candidate) -> Flow:
    """The flow to a next hop over UDP, which needs no connection."""
    local = context.plan.own.local(interface, Transport.UDP)
    return Flow(0, interface, Transport.UDP, local, candidate.remote)
