"""What a border adds to the way of a signalling message at half its load: ours and Kamailio's.

Phones send REGISTER cycles at a fixed rate, half of what our border can do on its core by the CPU
time of a cycle; the peer gets the same rate. Each of a cycle's four messages is timed from its
sending to its arrival: phone to server and back again, one process and one clock. The same without
a border between is taken off: that is what the generator and the kernel take.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from load import CallServer, Counters, Phone
from report import Row, turns
from signaling import CLIENT, LOAD_CORE, OUTSIDE, SERVER, cost, farline, kamailio

if TYPE_CHECKING:
    from collections.abc import Iterator

    from farline.sip import Message
    from load import Link

RUNS = 3
SECONDS = 5.0
BORDER, DIRECT = (OUTSIDE, 5060), (SERVER, 5080)
MOST_LOST = 0.01
"""Part of the cycles that may fail: nobody here sends again what the kernel dropped."""
MOST_AT_ONCE = 200
"""Phones that may wait for an answer: with all of them waiting the load would be no fixed one."""


class TimedServer(CallServer):
    """Notes when each request came and each answer left."""

    def __init__(self, ip: str, port: int) -> None:
        super().__init__(ip, port)
        self.came: dict[tuple[str, int], float] = {}
        self.left: dict[tuple[str, int], float] = {}

    def _received(self, link: Link, data: bytes) -> None:
        self._now = time.perf_counter()
        super()._received(link, data)

    def _answers(self, request: Message) -> list[tuple[int, str]]:
        key = request.from_tag, request.cseq
        self.came[key] = self._now
        self.left[key] = time.perf_counter()
        return super()._answers(request)


class TimedPhone(Phone):
    """Notes when each request left and each answer came."""

    server: TimedServer
    took: list[float]
    """Seconds of every message, request or answer."""

    async def _ask(self, text: str, call: str) -> Message:
        sent = time.perf_counter()
        answer = await super()._ask(text, call)
        key = answer.from_tag, answer.cseq
        self.took.append(self.server.came.pop(key) - sent)
        self.took.append(self.came - self.server.left.pop(key))
        return answer

    def _received(self, link: Link, data: bytes) -> None:
        self.came = time.perf_counter()
        super()._received(link, data)


async def timed(place: tuple[str, int], rate: float) -> list[float]:
    """Milliseconds of every message of REGISTER cycles at `rate` a second, in order of size."""
    server, counters = TimedServer(SERVER, 5080), Counters()
    await server.open()
    took: list[float] = []
    phones = [TimedPhone(number, CLIENT, place, "udp") for number in range(MOST_AT_ONCE)]
    free = list(phones)
    loop = asyncio.get_running_loop()
    missed = 0

    async def cycle(phone: TimedPhone) -> None:
        try:
            await phone.register(counters)
        except TimeoutError:
            counters.fail("a message was lost")
        free.append(phone)

    try:
        for phone in phones:
            phone.server, phone.took = server, took
            await phone.open()
            await phone.register(counters)
        took.clear()
        begin = loop.time()
        async with asyncio.TaskGroup() as group:
            for number in range(int(SECONDS * rate)):
                wait = begin + number / rate - loop.time()
                if wait > 0:
                    await asyncio.sleep(wait)
                if free:
                    group.create_task(cycle(free.pop(0)))
                else:
                    missed += 1
    finally:
        for phone in phones:
            phone.close()
        server.close()
    if counters.failed + missed > MOST_LOST * SECONDS * rate:
        raise SystemExit(f"{counters.failed} failed: {counters.failures}; {missed} came too late")
    return sorted(1e3 * one for one in took)


@contextmanager
def nothing(_transport: str, _work: Path) -> Iterator[list[int]]:
    """No border: phones and server on their own."""
    yield []


def measure() -> list[Row]:
    """Median and 99th percentile that each adds to a message."""
    os.sched_setaffinity(0, {LOAD_CORE})
    found: dict[str, list[tuple[float, float]]] = {"ours": [], "peer": []}
    rates = []
    sides = {"our CPU": farline, "no border": nothing, "ours": farline, "peer": kamailio}
    for who in turns("latency", RUNS, sides):
        with (
            tempfile.TemporaryDirectory(prefix="farline-bench-") as name,
            sides[who]("udp", Path(name)) as pids,
        ):
            if who == "our CPU":
                rates.append(0.5e6 / cost("register", "udp", pids))
                continue
            took = asyncio.run(timed(DIRECT if who == "no border" else BORDER, rates[-1]))
        median, p99 = statistics.median(took), took[int(len(took) * 0.99)]
        if who == "no border":
            bare = median, p99
        else:
            found[who].append((median - bare[0], p99 - bare[1]))
    rate = f"{statistics.median(rates):.0f} REGISTER cycles a second"
    return [
        Row(
            f"latency added to a message, {word}",
            "ms",
            [one[place] for one in found["ours"]],
            [one[place] for one in found["peer"]],
            f"Kamailio with topoh; at {rate}" if word == "median" else "Kamailio with topoh",
        )
        for place, word in enumerate(("median", "p99"))
    ]
