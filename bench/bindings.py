"""Memory of a border with 10,000 bindings (5,000 on TCP), ours and Kamailio's, on UDP and on TCP.

Each phone has a socket of its own and stays registered; the figure is how much proportional set
size (PSS) the border's processes gained, divided by the bindings.
"""

from __future__ import annotations

import asyncio
import os
import re
import tempfile
from pathlib import Path

from farline.runtime.process import raise_file_limit
from load import CallServer, Counters, Phone
from report import Row
from signaling import CLIENT, LOAD_CORE, OUTSIDE, SERVER, farline, kamailio

BINDINGS = {"udp": 10_000, "tcp": 5_000}
"""On TCP a phone is two descriptors, and a process got 20,000 where the figures were measured."""
RUNS = 3
AT_ONCE = 50


def memory_kb(pids: list[int]) -> int:
    """PSS of the processes, kB."""
    total = 0
    for pid in pids:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        total += int(re.search(r"^Pss:\s+(\d+)", text, re.MULTILINE)[1])  # type: ignore[index]
    return total


async def fill(transport: str, pids: list[int]) -> float:
    """Register as many phones as BINDINGS says; kB of border memory each."""
    # 127.61.0.4 and upwards: a client address has too few ports for 10,000 phones and their past
    first, last = CLIENT.rsplit(".", 1)
    count = BINDINGS[transport]
    phones = [
        Phone(number, f"{first}.{int(last) + number // 5000}", (OUTSIDE, 5060), transport)
        for number in range(count)
    ]
    return await gained_kb(phones, pids, AT_ONCE)


async def gained_kb(phones: list[Phone], pids: list[int], at_once: int, warm: int = 0) -> float:
    """Kilobytes that the processes gain with each phone that registers, beyond the first `warm`."""
    server, counters = CallServer(SERVER, 5080), Counters()
    await server.open()
    before = 0
    try:
        for start in range(0, len(phones), at_once):
            if start == warm:
                before = memory_kb(pids)
            group = phones[start : start + at_once]
            await asyncio.gather(*(phone.open() for phone in group))
            await asyncio.gather(*(phone.register(counters) for phone in group))
        after = memory_kb(pids)
    finally:
        for phone in phones:
            phone.close()
        server.close()
    if counters.failed:
        raise SystemExit(f"{counters.failed} registrations failed: {counters.failures}")
    return (after - before) / (len(phones) - warm)


def measure() -> list[Row]:
    """Both transports, ours and the peer in turn."""
    os.sched_setaffinity(0, {LOAD_CORE})
    raise_file_limit()
    rows = []
    for transport in ("udp", "tcp"):
        ours: list[float] = []
        peer: list[float] = []
        for _ in range(RUNS):
            with tempfile.TemporaryDirectory(prefix="farline-bench-") as name:
                with farline(transport, Path(name)) as pids:
                    ours.append(asyncio.run(fill(transport, pids)))
                with kamailio(transport, Path(name)) as pids:
                    peer.append(asyncio.run(fill(transport, pids)))
        title = f"bindings, memory each, {BINDINGS[transport]} on {transport}"
        rows.append(Row(title, "kB", ours, peer, "Kamailio with topoh (keeps no bindings)"))
    return rows
