"""An in-memory network in virtual time: cores exchange messages over it without sockets.

    link = Link(ManualClock(), SeededRandom(7), Impairment(loss=0.05))
    link.bind(phone, "out", Transport.UDP, Address("172.22.33.101", 5060))
    link.bind(border, "B1", Transport.UDP, Address("192.168.64.96", 5060))
    link.run(40.0)

It performs `Send`, `Open` and `Close` and delivers `Received`, `Opened`, `OpenFailed`, `Closed` and
`Expired`. Whatever else a core puts out stands in `link.outputs`. Datagrams suffer the impairment;
connections have latency only.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import TYPE_CHECKING

from farline.sip.effects import (
    Close,
    Closed,
    Expired,
    Open,
    Opened,
    OpenFailed,
    Received,
    Send,
)
from farline.sip.transport import Address, Flow, Transport

if TYPE_CHECKING:
    from collections.abc import Callable

    from farline.sip.effects import Core
    from farline.testing.chance import SeededRandom
    from farline.testing.clock import ManualClock

FIRST_EPHEMERAL = 40000
MAX_EVENTS = 100_000
"""Deliveries of one `run`; more means that two cores talk in a circle."""


@dataclass(frozen=True, slots=True)
class Impairment:
    """What happens to datagrams. Times in seconds, the others are probabilities 0 to 1."""

    latency: float = 0.01
    jitter: float = 0.0
    """Added to the latency, evenly between 0 and this."""

    loss: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0
    """Chance that a datagram is held back for another three latencies."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One message on the link: when it left, where to, and whether it was lost."""

    at: float
    flow: Flow
    """The sender's flow."""

    data: bytes
    lost: bool = False


@dataclass(slots=True)
class _Connection:
    """The two ends of a connection: core and its flow."""

    ends: list[tuple[Core, Flow]] = field(default_factory=list)

    def other(self, flow: Flow) -> tuple[Core, Flow]:
        return self.ends[1] if self.ends[0][1] == flow else self.ends[0]


class Link:
    """Joins any number of cores; see the module's text."""

    def __init__(
        self, clock: ManualClock, random: SeededRandom, impairment: Impairment | None = None
    ) -> None:
        self.clock = clock
        self.impairment = impairment or Impairment()
        self.outputs: list[tuple[Core, object]] = []
        """What the link does not perform itself, in order."""

        self.seen: list[Seen] = []
        """Every message that was sent, in order."""

        self._random = random
        self._cores: list[Core] = []
        self._bound: dict[tuple[Transport, Address], tuple[Core, str]] = {}
        self._hosts: dict[tuple[int, str], str] = {}
        self._connections: dict[int, _Connection] = {}
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._serial = 0
        self._tokens = 0

    def bind(self, core: Core, interface: str, transport: Transport, address: Address) -> None:
        """Let `core` listen at `address` under its interface name."""
        self._bound[transport, address] = (core, interface)
        self._hosts[id(core), interface] = address.host
        if core not in self._cores:
            self._cores.append(core)

    def connect(
        self, core: Core, interface: str, host: str, transport: Transport, remote: Address
    ) -> Flow:
        """Have a connection from `host` at once: both cores get `Opened`, the caller its flow.

        Raises ConnectionRefusedError when nobody listens at `remote`.
        """
        if core not in self._cores:
            self._cores.append(core)
        self._hosts.setdefault((id(core), interface), host)
        flow = self._join(core, interface, transport, remote)
        if flow is None:
            raise ConnectionRefusedError(str(remote))
        return flow

    def cut(self, flow: Flow, reason: str = "cut") -> None:
        """End a connection now; both sides get `Closed` at once."""
        connection = self._connections.get(flow.token)
        for core, end in connection.ends if connection else ():
            del self._connections[end.token]
            core.handle(Closed(end, reason), self.clock.now)

    def run(self, seconds: float) -> None:
        """Let `seconds` pass: perform outputs, deliver inputs and timers in the order of time."""
        end = self.clock.now + seconds
        for _ in range(MAX_EVENTS):
            self._perform_all()
            at = self._next_time()
            if at is None or at > end:
                self.clock.set(end)
                return
            self.clock.set(max(at, self.clock.now))
            self._deliver()
        raise RuntimeError(f"more than {MAX_EVENTS} events in {seconds} s: a circle?")

    def _next_time(self) -> float | None:
        times = [deadline.at for core in self._cores if (deadline := core.next_deadline())]
        if self._queue:
            times.append(self._queue[0][0])
        return min(times, default=None)

    def _deliver(self) -> None:
        now = self.clock.now
        for core in self._cores:
            deadline = core.next_deadline()
            if deadline is not None and deadline.at <= now:
                core.handle(Expired(), now)
        while self._queue and self._queue[0][0] <= now:
            heappop(self._queue)[2]()

    def _perform_all(self) -> None:
        for core in self._cores:
            while (output := core.poll()) is not None:
                self._perform(core, output)

    def _perform(self, core: Core, output: object) -> None:
        if isinstance(output, Send):
            self._send(core, output)
        elif isinstance(output, Open):
            self._later(self.impairment.latency, lambda: self._open(core, output))
        elif isinstance(output, Close):
            self._later(self.impairment.latency, lambda: self.cut(output.flow, "closed"))
        else:
            self.outputs.append((core, output))

    def _open(self, core: Core, wish: Open) -> None:
        flow = self._join(core, wish.interface, wish.transport, wish.remote, wish.ticket)
        if flow is None:
            core.handle(OpenFailed(wish.ticket, "connection refused"), self.clock.now)

    def _join(
        self,
        core: Core,
        interface: str,
        transport: Transport,
        remote: Address,
        ticket: int | None = None,
    ) -> Flow | None:
        there = self._bound.get((transport, remote))
        if there is None:
            return None
        self._tokens += 2
        near, far = self._tokens - 1, self._tokens
        local = Address(self._hosts[id(core), interface], FIRST_EPHEMERAL + near)
        flow = Flow(near, interface, transport, local, remote)
        peer = Flow(far, there[1], transport, remote, local)
        self._connections[near] = self._connections[far] = _Connection(
            [(core, flow), (there[0], peer)]
        )
        there[0].handle(Opened(peer), self.clock.now)
        core.handle(Opened(flow, ticket), self.clock.now)
        return flow

    def _send(self, core: Core, output: Send) -> None:
        if output.flow.transport is Transport.UDP:
            self._send_datagram(output)
            return
        self.seen.append(Seen(self.clock.now, output.flow, output.data))
        if output.flow.token in self._connections:
            self._later(self.impairment.latency, lambda: self._arrive(output))
        else:
            gone = Closed(output.flow, "no such connection")
            self._later(0.0, lambda: core.handle(gone, self.clock.now))

    def _arrive(self, output: Send) -> None:
        connection = self._connections.get(output.flow.token)
        if connection is not None:
            core, flow = connection.other(output.flow)
            core.handle(Received(flow, output.data), self.clock.now)

    def _send_datagram(self, output: Send) -> None:
        how, random = self.impairment, self._random
        lost = random.random() < how.loss
        self.seen.append(Seen(self.clock.now, output.flow, output.data, lost))
        there = self._bound.get((Transport.UDP, output.flow.remote))
        if lost or there is None:
            return
        core, interface = there
        flow = Flow(0, interface, Transport.UDP, output.flow.remote, output.flow.local)
        arrived = Received(flow, output.data)
        for _ in range(2 if random.random() < how.duplicate else 1):
            delay = how.latency + how.jitter * random.random()
            if random.random() < how.reorder:
                delay += 3 * how.latency
            self._later(delay, lambda: core.handle(arrived, self.clock.now))

    def _later(self, delay: float, action: Callable[[], None]) -> None:
        self._serial += 1
        heappush(self._queue, (self.clock.now + delay, self._serial, action))
