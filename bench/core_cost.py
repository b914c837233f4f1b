"""What a REGISTER cycle and a call cost the border's core alone: no sockets, virtual time.

`python bench/core_cost.py [register|call] [udp|tcp] [--profile] [--trace]` prints microseconds
of CPU and calls of functions a cycle; with --profile what they are spent on. The load and its
server are those of the other benchmarks, and not counted.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import pstats
import statistics
import time
from typing import TYPE_CHECKING

from farline.border import BorderCore
from farline.config.load import load_deployment
from farline.runtime.collector import Collector
from farline.runtime.huge_pages import gather
from farline.runtime.ids import RealIds
from farline.sip import Address, Flow, Transport
from farline.sip.effects import Expired, Open, Opened, Received, Send, Started
from load import CallServer, Counters, Phone
from signaling import CLIENT, INNER, INSIDE, OUTSIDE, PORTS, SERVER, filled

if TYPE_CHECKING:
    from collections.abc import Callable

PHONES = 20
BATCH, BATCHES = 20, 200
TICK = 0.01
"""Seconds of virtual time that go by with each message: transactions end as fast as they begin."""


class WireLink:
    """A phone's or the server's end of a way to the core; stands for `load.Link`."""

    def __init__(
        self, core: VirtualCore, flow: Flow, take: Callable[[WireLink, bytes], None]
    ) -> None:
        self.kind = flow.transport.value.lower()
        self.local = tuple(flow.remote)
        self.peer = tuple(flow.local)
        self._core, self._flow, self.take = core, flow, take

    def send(self, data: bytes, _peer: object = None) -> None:
        self._core.queue.append(Received(self._flow, data))
        self._core.run()


class VirtualCore:
    """The core, its time, and the CPU seconds that it has used."""

    def __init__(self, transport: str, traced: bool) -> None:
        text = filled("border.yaml", PORTS=PORTS[transport], TRANSPORT=INNER[transport].upper())
        border = load_deployment(text, {}).border
        if border is None:
            raise SystemExit("border.yaml has no border")
        self.core = BorderCore(border, RealIds(), wall=lambda then: then + 1.7e9, traced=traced)
        self.kind = Transport(transport.upper())
        self.now = 1.0
        self.spent = 0.0
        self.profile: cProfile.Profile | None = None
        self.queue: list[object] = [Started()]
        self.links: dict[Flow, WireLink] = {}
        self.server = CallServer(SERVER, 5080)
        self._tokens = 0
        self._running = False
        self.run()

    def phone_flow(self, number: int) -> Flow:
        self._tokens += self.kind.reliable
        port = 20000 + number
        return Flow(
            self._tokens if self.kind.reliable else 0,
            "so",
            self.kind,
            Address(OUTSIDE, 5060),
            Address(CLIENT, port),
        )

    def run(self) -> None:
        """Work off what has come, unless that is being done."""
        if self._running:
            return
        self._running = True
        while self.queue:
            event, outputs = self.queue.pop(0), []
            self.now += TICK
            if self.profile is not None:
                self.profile.enable()
            before = time.thread_time()
            self.core.handle(event, self.now)
            while (output := self.core.poll()) is not None:
                outputs.append(output)
            deadline = self.core.next_deadline()
            self.spent += time.thread_time() - before
            if self.profile is not None:
                self.profile.disable()
            for output in outputs:
                self._perform(output)
            if deadline is not None and deadline.at <= self.now:
                self.queue.append(Expired())
        self._running = False

    def _perform(self, output: object) -> None:
        if isinstance(output, Send):
            link = self.links.get(output.flow)
            if link is None:
                link = self.links[output.flow] = WireLink(self, output.flow, self.server._received)
            link.take(link, output.data)
        elif isinstance(output, Open):
            self._tokens += 1
            local = Address(INSIDE, 40000 + self._tokens)
            flow = Flow(self._tokens, output.interface, output.transport, local, output.remote)
            self.queue.append(Opened(flow, output.ticket))


async def measure(
    what: str, transport: str, *, profile: bool, traced: bool
) -> tuple[list[float], float]:
    """Microseconds a cycle of each batch, and calls of Python functions a cycle."""
    virtual = VirtualCore(transport, traced)
    Collector().start()
    gather()
    counters = Counters()
    phones = []
    for number in range(PHONES):
        phone = Phone(number, CLIENT, (OUTSIDE, 5060), transport)
        flow = virtual.phone_flow(number)
        phone.link = virtual.links[flow] = WireLink(virtual, flow, phone._received)
        await phone.register(counters)
        phones.append(phone)

    async def batch(count: int) -> None:
        for turn in range(count):
            phone = phones[turn % PHONES]
            if what == "register":
                await phone.register(counters)
            else:
                await phone.call(counters, with_sdp=False)

    await batch(BATCH)
    costs = []
    for _ in range(BATCHES):
        virtual.spent = 0.0
        await batch(BATCH)
        costs.append(virtual.spent * 1e6 / BATCH)
    virtual.profile = cProfile.Profile()
    await batch(BATCH)
    if counters.failed:
        raise SystemExit(f"{counters.failed} cycles failed: {counters.failures}")
    stats = pstats.Stats(virtual.profile)
    if profile:
        stats.sort_stats("tottime").print_stats(60)
    calls = stats.total_calls  # type: ignore[attr-defined]  # typeshed does not name it
    return costs, calls / BATCH


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="?", choices=("register", "call"), default="register")
    parser.add_argument("transport", nargs="?", choices=("udp", "tcp"), default="udp")
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--trace", action="store_true", help="decisions and notes too")
    arguments = parser.parse_args()
    costs, calls = asyncio.run(
        measure(
            arguments.what, arguments.transport, profile=arguments.profile, traced=arguments.trace
        )
    )
    best = statistics.quantiles(costs, n=50)[0]
    print(
        f"{arguments.what}-{arguments.transport}, core: {best:.0f} us in the best fiftieth,"
        f" {statistics.median(costs):.0f} us median, {calls:.0f} calls a cycle"
    )


if __name__ == "__main__":
    main()
