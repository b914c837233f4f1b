"""What a media session costs besides its packets: CPU to set it up and tear it down, and memory.

One G.711 stream, offer and answer and delete, one after the other. Our engine is measured behind
its own socket, as the border uses it, and behind the ng protocol, as rtpengine is.
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

import relays
from report import Row, turns
from veth import PHONES, cpu_seconds, network

if TYPE_CHECKING:
    from collections.abc import Callable

RUNS = 5
SESSIONS = 2_000
WARM_UP = 50
HELD = 1_500
"""Calls at once, for memory: rtpengine and we are asked for 6,000 ports."""
SETTLE = 1.5
"""Seconds until what a relay puts off is done too."""
PEER = "rtpengine (user space)"
OURS: dict[str, relays.Start] = {"socket": relays.farline, "ng": relays.farline_ng}
CACHES = ("UDP", "UDPv6", "sock_inode_cache", "filp", "dentry", "eventpoll_epi", "eventpoll_pwq")
"""What the kernel keeps for a socket that is watched."""


def describe(number: int) -> tuple[bytes, bytes]:
    """Offer and answer of a call."""
    offer, answer = (relays.sdp(address, 10_000 + 2 * number) for address in PHONES)
    return offer, answer


def set_up_cost(start: relays.Start) -> float:
    """Microseconds of the relay's CPU for a session from offer to delete."""
    with network() as net, start(net) as relay:
        for number in range(WARM_UP + SESSIONS):
            if number == WARM_UP:
                time.sleep(SETTLE)
                before = sum(map(cpu_seconds, relay.pids))
            relay.negotiate(f"call-{number}", *describe(number))
            relay.delete(f"call-{number}")
        time.sleep(SETTLE)
        return round((sum(map(cpu_seconds, relay.pids)) - before) * 1e6 / SESSIONS, 1)


def memory(start: relays.Start) -> tuple[float, float]:
    """Kilobytes of a call: the relay's resident memory, and the kernel's for its sockets."""
    with network() as net, start(net) as relay:
        for number in range(WARM_UP):
            relay.negotiate(f"warm-{number}", *describe(number))
        time.sleep(SETTLE)
        before = sum(map(resident, relay.pids)), kernel()
        for number in range(HELD):
            relay.negotiate(f"call-{number}", *describe(number))
        time.sleep(SETTLE)
        after = sum(map(resident, relay.pids)), kernel()
    return tuple(round((b - a) / 1024 / HELD, 2) for a, b in zip(before, after, strict=True))


def resident(pid: int) -> int:
    """Resident memory of a process, in bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) * 1024


def kernel() -> int:
    """Bytes in the kernel's caches for sockets; other programs' too."""
    total = 0
    for line in Path("/proc/slabinfo").read_text().splitlines():
        name, *numbers = line.split()
        if name in CACHES:
            total += int(numbers[0]) * int(numbers[2])
    return total


def measured(cost: Callable[[relays.Start], float], name: str, unit: str) -> list[Row]:
    """A row for each way to our engine, the peer measured beside them."""
    found: dict[str, list[float]] = {way: [] for way in (*OURS, "peer")}
    starts = OURS | ({"peer": relays.rtpengine} if shutil.which("rtpengine") else {})
    for way in turns(name, RUNS, starts):
        found[way].append(cost(starts[way]))
    return [Row(f"{name} {way}", unit, found[way], found["peer"], PEER) for way in OURS]


def set_up() -> list[Row]:
    """CPU of offer, answer and delete."""
    return measured(set_up_cost, "media-setup", "µs CPU a session")


def held() -> list[Row]:
    """Memory of a call that is up."""
    found: dict[str, list[tuple[float, float]]] = {"ours": [], "peer": []}
    starts: dict[str, relays.Start] = {"ours": relays.farline, "peer": relays.rtpengine}
    for whose in turns("media-memory", RUNS, starts if shutil.which("rtpengine") else ("ours",)):
        found[whose].append(memory(starts[whose]))
    return [
        Row(
            f"media-memory {kind}",
            "kB a call",
            [one[at] for one in found["ours"]],
            [one[at] for one in found["peer"]],
            PEER,
        )
        for at, kind in enumerate(("resident", "kernel"))
    ]


def measure(name: str) -> list[Row]:
    """The rows of one benchmark."""
    return {"setup": set_up, "memory": held}[name]()
