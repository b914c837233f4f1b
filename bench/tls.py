"""What phones on TLS cost a border: a new connection with a REGISTER cycle, and the memory of one.

ECDSA P-256 on both sides, no client certificates. Each cycle is a phone that connects anew, goes
through REGISTER, 401, REGISTER, 200, and closes; it names itself by +sip.instance, as RFC 5626
wants, so that it is the same binding each time. Inside both borders use TCP; ours keeps a
connection of its own there for each binding. Memory: proportional set size (PSS) that the border's
processes gained, a connection that is open and registered.
"""

from __future__ import annotations

import asyncio
import gc
import os
import ssl
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from bindings import gained_kb
from farline.runtime.process import raise_file_limit
from farline.runtime.tls.lab_authority import make_certificates
from load import CallServer, Counters, Phone, cycles
from report import Row, turns
from signaling import CLIENT, LOAD_CORE, OUTSIDE, SERVER, cpu_seconds, farline, kamailio

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from contextlib import AbstractContextManager

    Border = Callable[[str, Path], AbstractContextManager[list[int]]]
    Measure = Callable[[list[int], Path], Coroutine[None, None, float]]

PHONES = 20
CYCLES = 1000
WARM = 200
CONNECTIONS = 1000
AT_ONCE = 20
RUNS = 3


def phones_of(count: int, work: Path, first: int = 0) -> list[Phone]:
    """Phones on TLS that trust the benchmark's authority and resume no session."""
    judged = ssl.create_default_context(cafile=work / "ca.pem")
    found = []
    for number in range(first, first + count):
        phone = Phone(number, CLIENT, (OUTSIDE, 5061), "tls")
        phone.tls = judged
        phone.instance = f';+sip.instance="<urn:uuid:{number:032x}>";reg-id=1'
        found.append(phone)
    return found


async def connect_and_register(phone: Phone, counters: Counters) -> None:
    """One cycle."""
    await phone.open()
    await phone.register(counters)
    phone.close()


async def cost(pids: list[int], work: Path) -> float:
    """Microseconds of the border's CPU a cycle."""
    server, counters = CallServer(SERVER, 5080), Counters()
    await server.open()
    phones = phones_of(PHONES, work)
    try:
        await cycles(phones, WARM, lambda phone: connect_and_register(phone, counters))
        counters.done, before = 0, cpu_seconds(pids)
        await cycles(phones, CYCLES, lambda phone: connect_and_register(phone, counters))
        spent = cpu_seconds(pids) - before
    finally:
        server.close()
    if counters.failed:
        raise SystemExit(f"{counters.failed} cycles failed: {counters.failures}")
    return spent * 1e6 / counters.done


async def memory(pids: list[int], work: Path) -> float:
    """Kilobytes of the border a connection, beyond WARM that are there before."""
    return await gained_kb(phones_of(WARM + CONNECTIONS, work, first=1000), pids, AT_ONCE, WARM)


def in_fresh(start: Border, what: Measure) -> float:
    """One measurement of a border of its own.

    Kamailio refuses some connections after a thousand others have come and gone.
    """
    with tempfile.TemporaryDirectory(prefix="farline-bench-") as name:
        work = Path(name)
        make_certificates(work, {"here": ["bench"]})
        with start("tls", work) as pids:
            found = asyncio.run(what(pids, work))
    gc.collect()
    return found


def measure() -> list[Row]:
    """Ours and the peer in turn."""
    os.sched_setaffinity(0, {LOAD_CORE})
    raise_file_limit()
    found: dict[str, list[float]] = {"ours": [], "peer": [], "ours kB": [], "peer kB": []}
    for who in turns("tls-register", RUNS, ("ours", "peer")):
        start = farline if who == "ours" else kamailio
        found[who].append(in_fresh(start, cost))
        found[f"{who} kB"].append(in_fresh(start, memory))
    name = "Kamailio with topoh"
    return [
        Row("tls-register", "us CPU", found["ours"], found["peer"], name),
        Row("tls-register, memory a connection", "kB", found["ours kB"], found["peer kB"], name),
    ]
