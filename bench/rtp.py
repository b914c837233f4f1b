"""What relaying an RTP packet costs: our media process and rtpengine in user space, side by side.

CPU time is that of the relay's whole process (the kernel's work inside its system calls included:
receiving, and sending up to the peer's socket), per packet that arrived. Each relay has one thread
and core 1; the phones are this process, on core 0. Loopback addresses, G.711 packets of 172 bytes,
every call on ports of its own, both directions. The two are measured in turn.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import re
import select
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from farline.media.engine import Answer, Offer, Side
from farline.media.wire import decode_reply, encode_request
from report import Row, show

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    Relay = Callable[[], AbstractContextManager[tuple[int, "Negotiate"]]]

OUTSIDE, INSIDE, PHONES, DESKS, CONTROL = (f"127.86.{n}.1" for n in range(1, 6))
RELAY_CORE, LOAD_CORE = 1, 0
PACKETS_PER_SECOND = 20_000
CALLS = PACKETS_PER_SECOND // 100
"""Fifty packets a second each way, as calls with 20 ms frames have."""
TICK = 0.001
RUNS = 3
SECONDS = 4.0
MAX_LOSS = 0.01

Negotiate = Callable[[str, bytes, bytes], tuple[bytes, bytes]]
"""Call, offer and answer in; what the answerer and the offerer are shown out."""


@dataclass
class Load:
    """The phones of all calls: a socket each, connected to the relay's port for it."""

    sockets: list[socket.socket]
    packet: bytearray
    sent: int = 0
    received: int = 0

    def run(self, seconds: float) -> None:
        """Send at the rate, a packet from each phone in turn, and take what arrives.

        It never sleeps: waking a sleeping receiver would be charged to the relay that sends.
        """
        poller = select.epoll()
        by_fd = {one.fileno(): one for one in self.sockets}
        for fd in by_fd:
            poller.register(fd, select.EPOLLIN)
        start = tick = time.monotonic()
        while (now := time.monotonic()) < start + seconds:
            if now >= tick:
                tick = now + TICK
                due = int((now - start) * PACKETS_PER_SECOND) - self.sent
                for _ in range(min(due, len(self.sockets))):
                    self._send()
            self._take(poller, by_fd, 0)
        while self._take(poller, by_fd, 0.2):
            pass
        poller.close()

    def _send(self) -> None:
        frame = self.sent // len(self.sockets)
        struct.pack_into(">HI", self.packet, 2, frame & 0xFFFF, frame * 160)
        self.sockets[self.sent % len(self.sockets)].send(self.packet)
        self.sent += 1

    def _take(self, poller: select.epoll, by_fd: dict[int, socket.socket], wait: float) -> int:
        ready = poller.poll(wait)
        for fd, _ in ready:
            by_fd[fd].recv(2048)
        self.received += len(ready)
        return len(ready)


def cpu_seconds(pid: int) -> float:
    """CPU clock of a process with all its threads, in seconds."""
    return time.clock_gettime((~pid << 3) | 2)


def sdp(address: str, port: int) -> bytes:
    """The description of one G.711 stream."""
    return (
        f"v=0\r\no=- 1 1 IN IP4 {address}\r\ns=-\r\nc=IN IP4 {address}\r\nt=0 0\r\n"
        f"m=audio {port} RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\na=ptime:20\r\na=sendrecv\r\n"
    ).encode()


def place(description: bytes) -> tuple[str, int]:
    """Where a description wants its first stream."""
    text = description.decode()
    address = re.search(r"^c=IN IP4 (\S+)", text, re.MULTILINE)
    port = re.search(r"^m=audio (\d+)", text, re.MULTILINE)
    if address is None or port is None:
        raise RuntimeError(f"no address in {text!r}")
    return address[1], int(port[1])


def set_up(negotiate: Negotiate, stack: ExitStack) -> Load:
    """Make every call: two phones, an offer and an answer."""
    sockets = []
    for number in range(CALLS):
        pair = [stack.enter_context(udp(address)) for address in (PHONES, DESKS)]
        offer, answer = (sdp(*one.getsockname()) for one in pair)
        offered, answered = negotiate(f"bench-{number}", offer, answer)
        pair[0].connect(place(answered))
        pair[1].connect(place(offered))
        sockets += pair
    packet = bytearray(172)
    packet[0:2] = b"\x80\x08"
    packet[8:12] = b"load"
    return Load(sockets, packet)


@contextmanager
def udp(address: str) -> Iterator[socket.socket]:
    """A phone's socket."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind((address, 0))
        yield one


@contextmanager
def process(argv: list[str], ready: Callable[[], bool]) -> Iterator[subprocess.Popen[bytes]]:
    """A relay on its core; ended when the block is left."""
    child = subprocess.Popen(
        ["taskset", "-c", str(RELAY_CORE), *argv],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + 10
        while not ready():
            if child.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{argv[0]} did not start")
            time.sleep(0.02)
        yield child
    finally:
        child.terminate()
        try:
            child.wait(5)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


@contextmanager
def farline(encryption: str = "off") -> Iterator[tuple[int, Negotiate]]:
    """Our media process; gives its pid and how to negotiate a call with it.

    `encryption`: the media rule of the leg outside.
    """
    outside, inside = Side("outside", "out", PHONES, encryption), Side("inside", "in", DESKS)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "media.sock"
        argv = [sys.executable, "-m", "farline.runtime.media_process", "--socket", str(path)]
        argv += ["--threads", "1", "--interface", f"out={OUTSIDE}:20000-29999"]
        argv += ["--interface", f"in={INSIDE}:20000-29999"]
        with process(argv, path.exists) as child, socket.socket(socket.AF_UNIX) as control:
            control.connect(str(path))
            lines = control.makefile("rwb")

            def ask(request: Offer | Answer) -> bytes:
                lines.write(json.dumps({"id": 1, **encode_request(request)}).encode() + b"\n")
                lines.flush()
                reply = decode_reply(json.loads(lines.readline()))
                if reply.sdp is None:
                    raise RuntimeError(reply.error)
                return reply.sdp

            def negotiate(call: str, offer: bytes, answer: bytes) -> tuple[bytes, bytes]:
                offered = ask(Offer(call, offer, outside, inside))
                return offered, ask(Answer(call, answer, inside, outside))

            yield child.pid, negotiate


@contextmanager
def rtpengine(**in_offer: str) -> Iterator[tuple[int, Negotiate]]:
    """Rtpengine without its kernel module; gives its pid and how to negotiate a call with it.

    `in_offer`: more of its control protocol's words for an offer, "_" for "-".
    """
    more = {name.replace("_", "-"): value for name, value in in_offer.items()}
    argv = ["rtpengine", "--foreground", "--table=-1", "--num-threads=1", "--timeout=3600"]
    argv += [f"--interface=out/{OUTSIDE}", f"--interface=in/{INSIDE}", "--log-level=3"]
    argv += [f"--listen-ng={CONTROL}:2223", "--port-min=30000", "--port-max=39999"]
    argv += ["--log-stderr", "--config-file=none"]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        control.settimeout(0.5)
        cookies = itertools.count()  # a repeated one would get the earlier answer again
        control.connect((CONTROL, 2223))

        def ask(**values: Any) -> dict[str, Any]:
            cookie = b"%d " % next(cookies)
            control.send(cookie + bencode(values))
            reply = bdecode(control.recv(65_535).removeprefix(cookie))
            if reply["result"] == b"error":
                raise RuntimeError(f"rtpengine: {reply['error-reason'].decode()}")
            return reply

        def ready() -> bool:
            try:
                return bool(ask(command="ping")["result"] == b"pong")
            except OSError:
                return False

        def negotiate(call: str, offer: bytes, answer: bytes) -> tuple[bytes, bytes]:
            common = {"call-id": call, "from-tag": "a", "replace": ["origin"], "ICE": "remove"}
            offered = ask(command="offer", sdp=offer, direction=["out", "in"], **common, **more)
            answered = ask(command="answer", sdp=answer, **common, **{"to-tag": "b"})
            return offered["sdp"], answered["sdp"]

        with process(argv, ready) as child:
            yield child.pid, negotiate


def bencode(value: Any) -> bytes:
    """A value of rtpengine's control protocol."""
    if isinstance(value, dict):
        items = (bencode(key) + bencode(one) for key, one in sorted(value.items()))
        return b"d" + b"".join(items) + b"e"
    if isinstance(value, list):
        return b"l" + b"".join(map(bencode, value)) + b"e"
    if isinstance(value, int):
        return b"i%de" % value
    data = value.encode() if isinstance(value, str) else value
    return b"%d:%b" % (len(data), data)


def bdecode(data: bytes) -> dict[str, Any]:
    """A flat dictionary of byte strings, which is all that we read of a reply."""
    found: dict[str, Any] = {}
    words: list[bytes] = []
    at = 1
    while data[at : at + 1].isdigit():
        colon = data.index(b":", at)
        end = colon + 1 + int(data[at:colon])
        words.append(data[colon + 1 : end])
        at = end
    for key, value in zip(words[::2], words[1::2], strict=False):
        found[key.decode()] = value
    return found


def cost(relay: Relay) -> float:
    """Microseconds of CPU a relayed packet costs, in one run."""
    with ExitStack() as stack:
        pid, negotiate = stack.enter_context(relay())
        load = set_up(negotiate, stack)
        load.run(0.5)
        load.sent = load.received = 0
        before = cpu_seconds(pid)
        load.run(SECONDS)
        spent = cpu_seconds(pid) - before
    if load.received < load.sent * (1 - MAX_LOSS):
        raise RuntimeError(f"{relay}: {load.received} of {load.sent} packets arrived")
    return round(spent * 1e6 / load.received, 3)


def measure(runs: int = RUNS) -> list[Row]:
    """The row of this benchmark; without rtpengine installed there is no peer."""
    with_peer = shutil.which("rtpengine") is not None
    cores = os.sched_getaffinity(0)
    row = Row("rtp", "µs CPU a packet", [], [], "rtpengine (user space)" if with_peer else "")
    os.sched_setaffinity(0, {LOAD_CORE})
    try:
        for _ in range(runs):
            row.ours.append(cost(farline))
            if with_peer:
                row.peer.append(cost(rtpengine))
    finally:
        os.sched_setaffinity(0, cores)
    return [row]


def run(runs: int = RUNS) -> list[dict[str, Any]]:
    """The rows as plain values."""
    return [row.as_json() for row in measure(runs)]


def main() -> int:
    """Measure, print a table, and write JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write the rows here")
    parser.add_argument("--runs", type=int, default=RUNS)
    given = parser.parse_args()
    rows = run(given.runs)
    show(rows)
    if given.json:
        given.json.write_text(json.dumps(rows, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
