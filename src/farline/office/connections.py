"""Which connection a request leaves by.

The guide's office answers a border over the connection it came by, but sends requests of its own
over a connection of its own to Route or Contact (10.10.10.13:4103 -> 10.10.10.7:5060).
A phone whose Contact names another host than it comes from is behind NAT: it is reached over the
flow that it came by, and so is one on TLS, whose certificate we could not check (RFC 5626).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from farline.sip.effects import Close, Open
from farline.sip.routing import hop
from farline.sip.transport import Address, Flow, Transport

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from farline.sip import Uri

    Then = Callable[[Flow | None, float], None]

INTERFACE = "LAN1"
"""Name of the office's one signaling and media interface, as the guide's form calls it."""

MAX_OPENED = 4096
"""Connections of our own at once; one for each border or phone that is being called."""

IDLE_SECONDS = 600.0
"""An own connection unused so long is closed: longer than any call rings."""


class Target(NamedTuple):
    """Somewhere to connect to."""

    transport: Transport
    remote: Address


Way = tuple[Flow | Target, ...]
"""What to try, in order."""


def way_to(uri: Uri, source: Flow | None) -> Way:
    """How to reach `uri`, learned from a message that came by `source` (None: no flow any more).

    A URI without transport parameter means the transport it came by. Raises WireError.
    """
    found = hop(uri)
    transport = found.transport or Transport.UDP
    if source is not None and uri.param("transport") is None and uri.scheme == "sip":
        transport = source.transport
    if not found.numeric:
        return () if source is None else (source,)
    remote = Address(found.host, found.port or transport.default_port)
    target = Target(transport, remote)
    if source is None:
        return (target,)
    if source.transport is Transport.TLS:
        return (source,)
    if remote == source.remote and transport is source.transport:
        return (source, target)
    return (target, source) if remote.host == source.remote.host else (source, target)


@dataclass(slots=True)
class _Opening:
    ticket: int
    waiting: list[tuple[Way, Then]] = field(default_factory=list)


class Connections:
    """The living connections of the office, and those it opens itself."""

    def __init__(self, local: Mapping[Transport, Address], emit: Callable[[object], None]) -> None:
        """`local`: our addresses; `emit` takes Open and Close."""
        self._local = local
        self._emit = emit
        self._alive: set[Flow] = set()
        self._opened: dict[Target, Flow] = {}
        self._used: dict[Flow, float] = {}
        self._opening: dict[Target, _Opening] = {}
        self._tickets: dict[int, Target] = {}
        self._next_ticket = 0

    def __len__(self) -> int:
        return len(self._alive)

    def alive(self, flow: Flow) -> bool:
        """Whether something can be sent to it (UDP: always)."""
        return flow.transport is Transport.UDP or flow in self._alive

    def obtain(self, way: Way, now: float, then: Then) -> None:
        """Call `then(flow, now)` with the first of `way` that works, now or later; None: none."""
        for index, step in enumerate(way):
            flow = self._ready(step, now)
            if flow is not None:
                then(flow, now)
                return
            if isinstance(step, Target) and self._open(step, way[index + 1 :], then):
                return
        then(None, now)

    def _ready(self, step: Flow | Target, now: float) -> Flow | None:
        if isinstance(step, Flow):
            return step if self.alive(step) else None
        if step.transport is Transport.UDP:
            local = self._local.get(Transport.UDP)
            return local and Flow(0, INTERFACE, Transport.UDP, local, step.remote)
        flow = self._opened.get(step)
        if flow is not None:
            self._used[flow] = now
        return flow

    def _open(self, target: Target, rest: Way, then: Then) -> bool:
        if target.transport is Transport.UDP:
            return False
        opening = self._opening.get(target)
        if opening is None:
            if len(self._opened) + len(self._opening) >= MAX_OPENED:
                return False
            self._next_ticket += 1
            opening = self._opening[target] = _Opening(self._next_ticket)
            self._tickets[opening.ticket] = target
            self._emit(Open(opening.ticket, INTERFACE, target.transport, target.remote))
        opening.waiting.append((rest, then))
        return True

    def opened(self, flow: Flow, ticket: int | None, now: float) -> None:
        """A connection is there."""
        self._alive.add(flow)
        target = self._tickets.pop(ticket, None) if ticket is not None else None
        if target is None:
            return
        self._opened[target] = flow
        self._used[flow] = now
        for _, then in self._opening.pop(target).waiting:
            then(flow, now)

    def failed(self, ticket: int, now: float) -> None:
        """A connection could not be made: those who wait try what else they have."""
        target = self._tickets.pop(ticket, None)
        if target is not None:
            for rest, then in self._opening.pop(target).waiting:
                self.obtain(rest, now, then)

    def closed(self, flow: Flow) -> None:
        """A connection is gone."""
        self._alive.discard(flow)
        if self._used.pop(flow, None) is not None:
            self._opened.pop(Target(flow.transport, flow.remote), None)

    def sweep(self, now: float) -> None:
        """Close our own connections that nobody uses."""
        for flow, used in list(self._used.items()):
            if used + IDLE_SECONDS <= now:
                self.closed(flow)
                self._emit(Close(flow))
