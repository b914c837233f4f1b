"""A border to try things on: the real core, with connections, media and time made up.

Connections open at once, the media engine answers at once, and identifiers are the same in every
run, so what comes out follows from the configuration and the messages alone.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from farline import sdp
from farline.border.core import BorderCore
from farline.border.interworking.scripts import Manipulate, Manipulated
from farline.border.registrations.bindings import SUBID_BITS
from farline.border.steps import Operation, Reach
from farline.media.engine import Answer, Delete, Media, MediaDone, MediaReply, Offer
from farline.sip import Address, Flow, Transport
from farline.sip.dns import Found, Question
from farline.sip.effects import (
    Closed,
    Expired,
    LookedUp,
    Lookup,
    Open,
    Opened,
    Received,
    Send,
)
from farline.trace.events import Trace

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from farline.border.plan import Plan
    from farline.config import Border, SubscriberFlow
    from farline.media.engine import MediaRequest
    from farline.trace.events import Event

FIRST_PORT = 35000
"""First media port of the stand-in engine."""

FIRST_LOCAL_PORT = 49152
"""Local port of the first connection to a server."""

LEASE_SECONDS = 86_400.0
"""How long an adopted binding lasts."""

MAX_EVENTS = 10_000
"""Timers that may fire between two messages; a replayed day holds gaps."""


def _no_dns(_question: Question) -> Found:
    return Found(error="the DNS is not asked here")


class CountingIds:
    """Identifiers that count up (`farline.sip.ids.Ids`); the subids wanted are given first."""

    def __init__(self) -> None:
        self.subids: deque[int] = deque()
        self._count = 0

    def token(self, size: int = 8) -> str:
        """A number in as many hex digits."""
        self._count += 1
        return f"{self._count:0{2 * size}x}"[-2 * size :]

    def number(self, bits: int = 31) -> int:
        """The next number."""
        if bits == SUBID_BITS and self.subids:
            return self.subids.popleft()
        self._count += 1
        return self._count & ((1 << bits) - 1)

    def uuid(self) -> str:
        """A UUID of version 4 in form."""
        digits = self.token(16)
        return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-8{digits[17:20]}-{digits[20:]}"


class StandInEngine:
    """A media engine that gives ports in order and rewrites SDP, without any media."""

    def __init__(self, addresses: Mapping[str, str]) -> None:
        """`addresses`: IP address by name of media interface."""
        self._addresses = addresses
        self._next = FIRST_PORT
        self.sessions: dict[str, dict[str, int]] = {}

    def perform(self, request: MediaRequest) -> MediaReply:
        """Answer one request."""
        if isinstance(request, Delete):
            self.sessions.pop(request.session, None)
            return MediaReply()
        if not isinstance(request, Offer | Answer):
            return MediaReply()
        ports = self.sessions.setdefault(request.session, {})
        port = ports.setdefault(request.receiver.name, 0)
        if not port:
            port = ports[request.receiver.name] = self._next
            self._next = self._next + 2 if self._next < 65_000 else FIRST_PORT
        try:
            description = sdp.parse(request.sdp)
        except sdp.SdpError as error:
            return MediaReply(error=str(error), status=488)
        given = [sdp.MediaPorts(port, port + 1) for _ in description.media]
        address = self._addresses[request.receiver.interface]
        return MediaReply(sdp=sdp.rewrite(description, address, given))


class ScratchCore(BorderCore):
    """The core, with a way to give it a binding that no REGISTER made."""

    @property
    def plan(self) -> Plan:
        """Its configuration, resolved."""
        return self._context.plan

    def wall(self, now: float) -> float:
        """Seconds since 1970 of a time of this core's clock."""
        return self._context.wall(now)

    def adopt(
        self,
        subscriber: SubscriberFlow,
        aor: tuple[str, str],
        contact: str,
        phone: Flow,
        now: float,
        *,
        connect: bool,
    ) -> str:
        """A registered binding of `aor` (user, domain) on `phone`; gives its subid.

        `connect`: it has its connection to the office already.
        """
        context = self._context
        context.now = now
        user, domain = aor
        key = (user, domain.lower(), contact)
        binding = context.bindings.add(
            key, user=user, domain=domain, subscriber=subscriber, contact=contact, phone=phone,
            now=now,
        )  # fmt: skip
        context.bindings.register(binding, phone, contact, now + LEASE_SECONDS)
        if connect:
            context.upstreams.reach(Reach(binding), Operation(""))
        return binding.subid


@dataclass(slots=True)
class Outcome:
    """What came of one input."""

    events: list[Event] = field(default_factory=list)
    sent: list[tuple[Flow, bytes]] = field(default_factory=list)
    opened: list[Flow] = field(default_factory=list)


class Scratch:
    """Drives a `ScratchCore`."""

    def __init__(
        self, border: Border, now: float = 0.0, ask: Callable[[Question], Found] = _no_dns
    ) -> None:
        """`ask` answers for the DNS; without it names lead nowhere, and the reason says so."""
        self._ask = ask
        self.ids = CountingIds()
        self.core = ScratchCore(border, self.ids)
        self.now = now
        self._engine = StandInEngine(
            {item.name: border.shown(item.ip) for item in border.media_interfaces}
        )
        self._token = 0
        self._local = FIRST_LOCAL_PORT
        self._accepted: dict[tuple[str, Transport, Address], Flow] = {}
        self._outcome = Outcome()

    @property
    def plan(self) -> Plan:
        """The configuration, resolved."""
        return self.core.plan

    @property
    def wall(self) -> float:
        """The time that rules with a time of day are held to: seconds since 1970."""
        return self.core.wall(self.now)

    def flow(self, interface: str, transport: Transport, remote: Address) -> Flow:
        """The flow of a peer: its connection, made when it comes for the first time."""
        key = (interface, transport, remote)
        known = self._accepted.get(key)
        if known is None:
            local = self.plan.own.local(interface, transport)
            token = 0
            if transport.reliable:
                self._token += 1
                token = self._token
            known = self._accepted[key] = Flow(token, interface, transport, local, remote)
        return known

    def receive(self, flow: Flow, data: bytes) -> Outcome:
        """A message arrives; what comes of it at once."""
        return self._give(Received(flow, data))

    def close(self, flow: Flow) -> Outcome:
        """A connection is lost."""
        self._accepted.pop((flow.interface, flow.transport, flow.remote), None)
        return self._give(Closed(flow, "closed"))

    def advance(self, now: float) -> Outcome:
        """Let time pass until `now`; what the timers brought."""
        outcome = self._outcome = Outcome()
        for _ in range(MAX_EVENTS):
            deadline = self.core.next_deadline()
            if deadline is None or deadline.at > now:
                break
            self.now = max(self.now, deadline.at)
            self.core.handle(Expired(), self.now)
            self._perform()
        self.now = max(self.now, now)
        return outcome

    def adopt(
        self, subscriber: SubscriberFlow, aor: tuple[str, str], contact: str, phone: Flow, *,
        subid: str = "", connect: bool = False,
    ) -> str:  # fmt: skip
        """A registered phone, as `ScratchCore.adopt`; with this subid if it is one of ours."""
        if subid.isascii() and subid.isdecimal() and len(subid) <= 15:
            self.ids.subids.append(int(subid))
        made = self.core.adopt(subscriber, aor, contact, phone, self.now, connect=connect)
        self._outcome = Outcome()
        self._perform()
        return made

    def _give(self, event: object) -> Outcome:
        outcome = self._outcome = Outcome()
        self.core.handle(event, self.now)
        self._perform()
        return outcome

    def _perform(self) -> None:
        """Do what the core asks for, until it asks for nothing."""
        outcome, core = self._outcome, self.core
        while (output := core.poll()) is not None:
            if isinstance(output, Send):
                outcome.sent.append((output.flow, output.data))
            elif isinstance(output, Trace):
                outcome.events.append(output.event)
            elif isinstance(output, Media) and output.ticket:
                reply = self._engine.perform(output.request)
                core.handle(MediaDone(output.ticket, reply), self.now)
            elif isinstance(output, Media):
                self._engine.perform(output.request)
            elif isinstance(output, Manipulate):
                said = "scripts do not run here: farline script test tries them"
                core.handle(Manipulated(output.ticket, error=said), self.now)
            elif isinstance(output, Lookup):
                found = self._ask(output.question)
                core.handle(LookedUp(output.ticket, found), self.now)
            elif isinstance(output, Open):
                flow = self._connect(output)
                outcome.opened.append(flow)
                core.handle(Opened(flow, output.ticket), self.now)

    def _connect(self, order: Open) -> Flow:
        self._token += 1
        host = self.plan.own.local(order.interface, order.transport).host
        local = Address(host, self._local)
        self._local = self._local + 1 if self._local < 65_535 else FIRST_LOCAL_PORT
        return Flow(self._token, order.interface, order.transport, local, order.remote)
