"""A relay between two networks: three namespaces, two veth pairs, and what the relay's core does.

The phones of both sides are `blast.c`, whose sockets stand below IP. The relay's devices are in
threaded NAPI, so that receiving is a kernel thread of its own: CPU is that of these two threads and
of the relay's process, whatever relays. They have core 1, and go before whatever else the machine
does (the devices before the process, as interrupts do); the phones and their devices have core 0.
"""

from __future__ import annotations

import array
import ctypes
import fcntl
import json
import os
import socket
import struct
import subprocess
import tempfile
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

RELAY_CORE, LOAD_CORE = 1, 0
RELAY = ("10.86.1.1", "10.86.2.1")
"""The relay's address outside and inside."""
PHONES = ("10.86.1.2", "10.86.2.2")
MACS = tuple(tuple(f"02860{side}00000{end}" for end in (1, 2)) for side in (1, 2))
"""By side: the relay's and the phones'."""
MODERATION = 100
"""Microseconds for which the phones' devices let packets wait for more: else the relay pays for
waking their threads, packet by packet, which no network card asks of it. None for latency."""
HALT_POLL = Path("/sys/module/haltpoll/parameters")
HALT_POLL_WANTED = {
    "guest_halt_poll_ns": "2000000",
    "guest_halt_poll_grow_start": "2000000",
    "guest_halt_poll_allow_shrink": "N",
}
"""An idle virtual core polls before it halts: waking it would cost more than what is measured."""
FIRST_ON_ITS_CORE = (
    *("taskset", "-c", str(LOAD_CORE), "nice", "-n", "-20"),
    *("sh", "-c", 'echo -20 >/proc/self/autogroup; exec "$@"', "sh"),
)
"""What the phones run under: nice counts within a session, the session's own among all others."""
_CLONE_NEWNET = 0x40000000
_SIOCETHTOOL, _SET_TX_CHECKSUMS, _SET_GRO = 0x8946, 0x17, 0x2C


@dataclass(frozen=True, slots=True)
class Flow:
    """A phone's way to the relay, and the frames that it sends."""

    call: int
    phone: int
    """The phone's port."""
    relay: int
    """The relay's port for it."""


@dataclass(frozen=True, slots=True)
class Result:
    """One run of the phones."""

    sent: int
    received: int
    lost: str
    """Where packets were lost; empty: nowhere."""
    pace: float
    """Part of the packets that the phones had time to send: 1 unless the machine held them up."""
    cpu: float
    """µs on the relay's core for each packet that was relayed."""
    p50: int
    p99: int
    """Microseconds from phone to phone."""
    last: dict[tuple[int, int], bytes] = field(repr=False)
    """By side and call: the RTP packet that came last."""


def cpu_seconds(pid: int) -> float:
    """CPU clock of a process with all its threads, or of a kernel thread, in seconds."""
    return time.clock_gettime((~pid << 3) | 2)


class Net:
    """The namespaces; made and removed by `network`."""

    def __init__(self, folder: Path, moderation: int, destinations: Sequence[str] = RELAY) -> None:
        self.names = tuple(f"up{os.getpid()}{end}" for end in "rab")
        self.folder = folder
        self.destinations = destinations
        self.moderation = moderation
        self.kernel_threads: list[int] = []

    def inside(self, which: int = 0) -> list[str]:
        """What runs a program in the relay's namespace, or in a side's (1, 2)."""
        return ["nsenter", f"--net=/run/netns/{self.names[which]}"]

    def build(self, *, forwarding: bool = False) -> None:
        """Make namespaces, devices and addresses, with neighbours that never change."""
        for name in self.names:
            ip("netns", "add", name)
        for side in (0, 1):
            ours, theirs = f"r{side}", f"p{side}"
            pair = ["link", "add", ours, "netns", self.names[0], "address", colons(MACS[side][0])]
            pair += ["type", "veth", "peer", "name", theirs, "netns", self.names[1 + side]]
            ip(*pair, "address", colons(MACS[side][1]))
            with in_namespace(self.names[0]):
                Path(f"/proc/sys/net/ipv6/conf/{ours}/disable_ipv6").write_text("1")
                ip("addr", "add", f"{RELAY[side]}/24", "dev", ours)
                self.kernel_threads += device(ours, RELAY_CORE, 0)
                neighbour = [PHONES[side], "lladdr", colons(MACS[side][1]), "dev", ours]
                ip("neigh", "replace", *neighbour, "nud", "permanent")
            with in_namespace(self.names[1 + side]):
                Path(f"/proc/sys/net/ipv6/conf/{theirs}/disable_ipv6").write_text("1")
                device(theirs, LOAD_CORE, self.moderation)
        with in_namespace(self.names[0]):
            ip("link", "set", "lo", "up")
            Path("/proc/sys/net/ipv4/ip_forward").write_text(str(int(forwarding)))

    def remove(self) -> None:
        """Remove everything."""
        for name in self.names:
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)

    def losses(self) -> dict[str, int]:
        """What the kernel has dropped in the relay's namespace, and at every device."""
        found: dict[str, int] = {}
        with in_namespace(self.names[0]):
            lines = Path("/proc/thread-self/net/snmp").read_text().splitlines()
        udp = [line.split()[1:] for line in lines if line.startswith("Udp:")]
        values = dict(zip(*udp, strict=True))
        for name in ("InErrors", "NoPorts", "RcvbufErrors", "SndbufErrors", "MemErrors"):
            found[name] = int(values.get(name, 0))
        for which, name in enumerate(self.names):
            with in_namespace(name):
                shown = json.loads(ip("-s", "-j", "link"))
            for one in (one for one in shown if one["ifname"] != "lo"):
                for way in ("rx", "tx"):
                    counts = one["stats64"][way]
                    # A phone's device hands its packets to no one: they count as dropped there.
                    if which == 0 or way == "tx":
                        found[f"{one['ifname']} {way}"] = counts["dropped"] + counts["errors"]
        return found

    def run(
        self,
        flows: tuple[Sequence[Flow], Sequence[Flow]],
        frames: tuple[Sequence[bytes], Sequence[bytes]],
        load: Load,
        pids: Sequence[int],
    ) -> Result:
        """Let the phones speak once; `pids` are the relay's."""
        argv = [str(generator())]
        for side in (0, 1):
            path, sound = self.folder / f"flows{side}", self.folder / f"frames{side}"
            path.write_text(
                "".join(
                    f"{one.call} {PHONES[side]} {one.phone} {self.destinations[side]} {one.relay}\n"
                    for one in flows[side]
                )
            )
            sound.write_bytes(b"".join(struct.pack("=H", len(one)) + one for one in frames[side]))
            space = f"/run/netns/{self.names[1 + side]}"
            argv.append(f"{space},p{side},{''.join(MACS[side])},{path},{sound}")
        last = self.folder / "last"
        argv += [str(load.rate), str(load.seconds), str(load.burst), str(load.first), str(last)]
        watched = [*self.kernel_threads, *pids]
        lost, before = self.losses(), sum(map(cpu_seconds, watched))
        done = subprocess.run(
            [*FIRST_ON_ITS_CORE, *argv],
            start_new_session=True,
            check=True,
            capture_output=True,
            text=True,
        )
        spent = sum(map(cpu_seconds, watched)) - before
        said = json.loads(done.stdout)
        gone = {name: count - lost[name] for name, count in self.losses().items()}
        gone |= {
            "the phones' rings": said["dropped"],
            "on the way": said["sent"] - said["received"],
        }
        return Result(
            sent=said["sent"],
            received=said["received"],
            lost=", ".join(f"{name} {count}" for name, count in gone.items() if count),
            pace=said["sent"] / (load.rate * load.seconds),
            cpu=spent * 1e6 / max(1, said["received"]),
            p50=said["p50"],
            p99=said["p99"],
            last=dict(read_last(last.read_bytes())),
        )


@dataclass(frozen=True, slots=True)
class Load:
    """How the phones of all calls speak."""

    rate: int
    """Packets a second, both sides together."""
    seconds: float = 3.0
    burst: int = 8
    """Packets at once: what a network card hands over under load."""
    first: int = 0
    """The first frame: packets that were protected before must not come again."""


@contextmanager
def network(*, moderation: int = MODERATION, forwarding: bool = False) -> Iterator[Net]:
    """The namespaces, and an idle core that polls, until the block is left."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        net = Net(folder, moderation, PHONES[::-1] if forwarding else RELAY)
        stack.callback(net.remove)
        stack.enter_context(halt_poll())
        net.build(forwarding=forwarding)
        yield net


@contextmanager
def halt_poll() -> Iterator[None]:
    """In a virtual machine: an idle core polls for 2 ms; as it was, afterwards."""
    before = {
        name: (HALT_POLL / name).read_text() for name in HALT_POLL_WANTED if HALT_POLL.is_dir()
    }
    try:
        for name in before:
            (HALT_POLL / name).write_text(HALT_POLL_WANTED[name])
        yield
    finally:
        for name, value in before.items():
            (HALT_POLL / name).write_text(value)


@contextmanager
def in_namespace(name: str) -> Iterator[None]:
    """This thread is in another network namespace meanwhile."""
    with open("/proc/thread-self/ns/net") as home, open(f"/run/netns/{name}") as there:
        _enter(there.fileno())
        try:
            yield
        finally:
            _enter(home.fileno())


def _enter(namespace: int) -> None:
    """setns(2), which Python has from 3.12 on."""
    if ctypes.CDLL(None, use_errno=True).setns(namespace, _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


def ip(*words: str) -> str:
    """Run iproute2."""
    return subprocess.run(["ip", *words], check=True, capture_output=True, text=True).stdout


def colons(mac: str) -> str:
    """A MAC address as people write it."""
    return ":".join(mac[at : at + 2] for at in range(0, 12, 2))


def device(name: str, core: int, moderation: int) -> list[int]:
    """Bring a device of this namespace up in threaded NAPI (which veth has with GRO); its threads.

    Checksums are computed, as behind a network card that does not.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        for command, value in ((_SET_TX_CHECKSUMS, 0), (_SET_GRO, 1)):
            words = array.array("B", struct.pack("II", command, value))
            request = struct.pack("16sP", name.encode(), words.buffer_info()[0])
            fcntl.ioctl(control, _SIOCETHTOOL, request)
    ip("link", "set", name, "up")
    before = set(kernel_threads(name))
    # /sys shows the namespace in which it was mounted.
    there = f"/sys/class/net/{name}"
    script = f"mount -t sysfs none /sys && echo 1 >{there}/threaded"
    if moderation:
        script += f" && echo 2 >{there}/napi_defer_hard_irqs"
        script += f" && echo {moderation * 1000} >{there}/gro_flush_timeout"
    subprocess.run(["unshare", "-m", "sh", "-c", script], check=True)
    threads = wait_for(lambda: [one for one in kernel_threads(name) if one not in before])
    for thread in threads:
        os.sched_setaffinity(thread, {core})
        os.sched_setscheduler(thread, os.SCHED_FIFO, os.sched_param(2))
    return threads


def kernel_threads(device_name: str) -> list[int]:
    """The NAPI threads of devices of this name, in whatever namespace."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if (entry / "comm").read_text().startswith(f"napi/{device_name}-"):
                    found.append(int(entry.name))
            except OSError:  # it has ended meanwhile
                continue
    return found


def wait_for(found: Callable[[], Any]) -> Any:
    """What `found` gives once it gives something."""
    deadline = time.monotonic() + 10
    while not (value := found()):
        if time.monotonic() > deadline:
            raise RuntimeError("waited 10 s in vain")
        time.sleep(0.01)
    return value


def generator() -> Path:
    """`blast.c`, built with the C compiler of the system."""
    source = Path(__file__).with_name("blast.c")
    built = Path(tempfile.gettempdir()) / f"farline-blast-{source.stat().st_mtime_ns}"
    if not built.exists():
        fresh = built.with_suffix(f".{os.getpid()}")
        subprocess.run(["cc", "-O2", "-o", str(fresh), str(source)], check=True)
        fresh.rename(built)
    return built


def read_last(data: bytes) -> Iterator[tuple[tuple[int, int], bytes]]:
    """The records that `blast` writes at the end."""
    at = 0
    while at < len(data):
        side, call, length = struct.unpack_from("=iii", data, at)
        yield (side, call), data[at + 12 : at + 12 + length]
        at += 12 + length
