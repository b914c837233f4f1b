"""What registered phones cost a border: memory each, and the work of a REGISTER cycle among many.

On UDP one border takes 1,000 phones, then 100,000; each registers from a port of its own, which is
closed again (nobody calls them). With either number twenty other phones go through REGISTER cycles,
and the two costs are set beside each other. On TCP each phone keeps its connection. The memory is
how much proportional set size (PSS) the border's processes gained, divided by the bindings.
"""

from __future__ import annotations

import asyncio
import os
import re
import tempfile
from pathlib import Path

from farline.runtime.process import raise_file_limit
from load import CallServer, Counters, Phone
from report import Row, turns
from signaling import CLIENT, LOAD_CORE, OUTSIDE, SERVER, cost, farline, kamailio

FEW, MANY = 1_000, 100_000
ON_TCP = 5_000
"""On TCP a phone is two descriptors, and a process got 20,000 where the figures were measured."""
RUNS = 3
AT_ONCE = 50
SETTLE_SECONDS = 34.0
"""Server transactions on UDP last 32 s beyond their answer: they are no part of a binding."""
PORTS_EACH = 5_000
"""Phones at one client address: it has too few ports for all of them and their past."""
FIRST_NUMBER = 1_000
"""Numbers below it are those of the phones whose cycles are measured."""


def memory_kb(pids: list[int]) -> int:
    """PSS of the processes, kB."""
    total = 0
    for pid in pids:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        total += int(re.search(r"^Pss:\s+(\d+)", text, re.MULTILINE)[1])  # type: ignore[index]
    return total


def phones_of(first: int, count: int, transport: str) -> list[Phone]:
    """Phones by their numbers, spread over addresses from CLIENT's next one on."""
    net, host = CLIENT.rsplit(".", 1)
    return [
        Phone(
            FIRST_NUMBER + number,
            f"{net}.{int(host) + 1 + number // PORTS_EACH}",
            (OUTSIDE, 5060),
            transport,
        )
        for number in range(first, first + count)
    ]


async def gained_kb(
    phones: list[Phone], pids: list[int], at_once: int, warm: int = 0, *, leave: bool = False
) -> float:
    """Kilobytes that the processes gain with each phone that registers, beyond the first `warm`.

    `leave`: close each phone's socket when it is registered, and let transactions end first.
    """
    server, counters = CallServer(SERVER, 5080), Counters()
    await server.open()
    before = 0
    try:
        for start in range(0, len(phones), at_once):
            if start == warm:
                await asyncio.sleep(SETTLE_SECONDS if leave else 0)
                before = memory_kb(pids)
            group = phones[start : start + at_once]
            await asyncio.gather(*(phone.open() for phone in group))
            await asyncio.gather(*(phone.register(counters) for phone in group))
            for phone in group if leave else ():
                phone.close()
        await asyncio.sleep(SETTLE_SECONDS if leave else 0)
        after = memory_kb(pids)
    finally:
        for phone in phones:
            phone.close()
        server.close()
    if counters.failed:
        raise SystemExit(f"{counters.failed} registrations failed: {counters.failures}")
    return (after - before) / (len(phones) - warm)


def among_many() -> list[Row]:
    """Memory a binding on UDP, and what a REGISTER cycle costs with few and with many bindings."""
    with (
        tempfile.TemporaryDirectory(prefix="farline-bench-") as name,
        farline("udp", Path(name)) as pids,
    ):
        asyncio.run(gained_kb(phones_of(0, FEW, "udp"), pids, AT_ONCE, leave=True))
        cycle = "bindings, REGISTER cycle"
        few = [cost("register", "udp", pids) for _ in turns(cycle, RUNS, [f"among {FEW:,}"])]
        rest = phones_of(FEW, MANY - FEW, "udp")
        memory = asyncio.run(gained_kb(rest, pids, AT_ONCE, leave=True))
        many = [cost("register", "udp", pids) for _ in turns(cycle, RUNS, [f"among {MANY:,}"])]
    return [
        Row(f"bindings, memory each, {FEW:,} to {MANY:,} on udp", "kB", [memory], [], ""),
        Row(f"{cycle} among {MANY:,}", "us CPU", many, few, f"among {FEW:,}"),
    ]


def measure() -> list[Row]:
    """Few and many on UDP; ours and the peer in turn on TCP."""
    os.sched_setaffinity(0, {LOAD_CORE})
    raise_file_limit()
    ours: list[float] = []
    peer: list[float] = []
    title = f"bindings, memory each, {ON_TCP:,} on tcp"
    for whose in turns(title, RUNS, ("ours", "peer")):
        found, start = (ours, farline) if whose == "ours" else (peer, kamailio)
        with (
            tempfile.TemporaryDirectory(prefix="farline-bench-") as name,
            start("tcp", Path(name)) as pids,
        ):
            phones = phones_of(0, ON_TCP, "tcp")
            found.append(asyncio.run(gained_kb(phones, pids, AT_ONCE)))
    return [*among_many(), Row(title, "kB", ours, peer, "Kamailio with topoh (keeps no bindings)")]
