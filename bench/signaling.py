"""What a REGISTER cycle and a call cost a border: ours and Kamailio with topology hiding.

CPU time is that of all the border's processes (the kernel's work inside their system calls
included), per finished cycle. Both run on core 1, the load on core 0, on loopback addresses of
their own. The two are measured in turn, so that a drift of the machine touches both.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from load import CallServer, Counters, Phone, cycles
from report import Row, turns

if TYPE_CHECKING:
    from collections.abc import Iterator

OUTSIDE, INSIDE, SERVER, CLIENT = "127.61.0.1", "127.61.0.2", "127.61.0.3", "127.61.0.4"
PHONES = 20
RUNS = 3
COUNTS = {"register": 3000, "call": 1500}
BORDER_CORE, LOAD_CORE = 1, 0
PORTS = {"udp": "udp_port: 5060", "tcp": "tcp_port: 5060"}
PORTS["tls"] = "tcp_port: 5060, tls_port: 5061, tls_profile: bench"
INNER = {"udp": "udp", "tcp": "tcp", "tls": "tcp"}
"""What each goes over inside: TLS is for phones."""

TLS_PROFILE = "tls_server_profiles: [{name: bench, certificate: here.pem, key: here.key}]\n"
KAMAILIO_TLS = """[server:default]
method = TLSv1.2+
verify_certificate = no
require_certificate = no
private_key = WORK/here.key
certificate = WORK/here.pem
"""


def cpu_seconds(pids: list[int]) -> float:
    """CPU clock of whole processes, in seconds."""
    return sum(time.clock_gettime((~pid << 3) | 2) for pid in pids)


def family(pid: int) -> list[int]:
    """A process and all its descendants."""
    found, todo = [], [pid]
    while todo:
        one = todo.pop()
        found.append(one)
        for task in Path(f"/proc/{one}/task").iterdir():
            todo += [int(child) for child in (task / "children").read_text().split()]
    return found


@contextmanager
def process(
    argv: list[str], ready: float = 0.0, **options: object
) -> Iterator[subprocess.Popen[bytes]]:
    """A process of ours on the border's core, ended by its own group."""
    child = subprocess.Popen(
        ["taskset", "-c", str(BORDER_CORE), *argv],
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        **options,  # type: ignore[call-overload]  # stdout, stderr
    )
    try:
        time.sleep(ready)
        if child.poll() is not None:
            raise SystemExit(f"{argv[0]} ended with status {child.returncode}")
        yield child
    finally:
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGTERM)
            try:
                child.wait(5)
            except subprocess.TimeoutExpired:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()


def filled(template: str, **more: str) -> str:
    """A file of this folder with the benchmark's addresses filled in."""
    text = (Path(__file__).parent / template).read_text()
    words = {"OUTSIDE": OUTSIDE, "INSIDE": INSIDE, "SERVER": SERVER, **more}
    for word, value in words.items():
        text = text.replace(word, value)
    return text


@contextmanager
def farline(transport: str, work: Path, *, trace: bool = False) -> Iterator[list[int]]:
    """Our border and its media engine; gives their process ids."""
    config = work / "border.yaml"
    text = filled("border.yaml", PORTS=PORTS[transport], TRANSPORT=INNER[transport].upper())
    config.write_text((TLS_PROFILE if transport == "tls" else "") + text)
    run = [sys.executable, "-m", "farline.cli.main", "run", "--config", str(config)]
    run += ["--run-dir", str(work / "run")] + ([] if trace else ["--no-trace"])
    log = (work / "farline.log").open("wb")
    with (
        process([*run, "--role", "media"], stdout=log, stderr=log) as media,
        process([*run, "--role", "border"], stdout=log, stderr=log) as border,
    ):
        wait_for_socket(work / "run" / "control" / "border.sock")
        yield [*family(border.pid), *family(media.pid)]


def wait_for_socket(path: Path, seconds: float = 20.0) -> None:
    """Until a role's control socket is there."""
    until = time.monotonic() + seconds
    while not path.exists():
        if time.monotonic() > until:
            raise SystemExit(f"no {path} after {seconds} s")
        time.sleep(0.05)
    time.sleep(0.3)


@contextmanager
def kamailio(transport: str, work: Path) -> Iterator[list[int]]:
    """The peer; gives its process ids."""
    config = work / "kamailio.cfg"
    config.write_text(filled("kamailio.cfg", WORK=str(work)))
    (work / "tls.cfg").write_text(KAMAILIO_TLS.replace("WORK", str(work)))
    wanted = {"udp": (), "tcp": ("WITH_TCP",), "tls": ("WITH_TCP", "WITH_TLS")}[transport]
    defines = [word for define in wanted for word in ("-A", define)]
    argv = ["kamailio", "-DD", "-E", "-f", str(config), "-m", "1024", "-M", "16"]
    argv += ["-P", str(work / "kamailio.pid"), "-Y", str(work), "-w", str(work), *defines]
    log = (work / "kamailio.log").open("wb")
    with process(argv, 2.5, stdout=log, stderr=log) as child:
        yield family(child.pid)


async def drive(what: str, transport: str, count: int, pids: list[int], sdp: bool) -> float:
    """One measurement: microseconds of border CPU a cycle."""
    server = CallServer(SERVER, 5080)
    await server.open()
    phones = [Phone(number, CLIENT, (OUTSIDE, 5060), transport) for number in range(PHONES)]
    counters = Counters()
    try:
        for phone in phones:
            await phone.open()
            await phone.register(counters)
        one = (
            (lambda p: p.register(counters))
            if what == "register"
            else (lambda p: p.call(counters, sdp))
        )
        await cycles(phones, min(count, 200), one)
        counters.done = 0
        before = cpu_seconds(pids)
        await cycles(phones, count, one)
        spent = cpu_seconds(pids) - before
    finally:
        for phone in phones:
            phone.close()
        server.close()
    if counters.failed:
        raise SystemExit(f"{counters.failed} cycles failed: {counters.failures}")
    return spent * 1e6 / counters.done


def measure(what: str, transport: str) -> list[Row]:
    """Ours and the peer in turn, RUNS times; ours also with its trace written, and with media."""
    os.sched_setaffinity(0, {LOAD_CORE})
    ours: list[float] = []
    traced: list[float] = []
    peer: list[float] = []
    media: list[float] = []
    sides = {
        "ours": (farline, ours),
        "peer": (kamailio, peer),
        "ours, trace written": (partial(farline, trace=True), traced),
    }
    title = f"{what}-{transport}"
    for side in turns(title, RUNS, sides):
        start, found = sides[side]
        with (
            tempfile.TemporaryDirectory(prefix="farline-bench-") as name,
            start(transport, Path(name)) as pids,
        ):
            found.append(cost(what, transport, pids))
            if side == "ours" and what == "call":
                media.append(cost(what, transport, pids, sdp=True))
    rows = [
        Row(title, "us CPU", ours, peer, "Kamailio with topoh"),
        Row(f"{title}, trace written", "us CPU", traced, peer, "Kamailio with topoh, no trace"),
    ]
    if media:
        rows.append(Row(f"{title}, media set up and torn down", "us CPU", media, [], ""))
    return rows


def cost(what: str, transport: str, pids: list[int], *, sdp: bool = False) -> float:
    """Microseconds of the processes' CPU a cycle."""
    return asyncio.run(drive(what, transport, COUNTS[what], pids, sdp=sdp))
