"""What relaying a packet costs where one leg is SRTP and the other RTP: ours and rtpengine.

As bench/rtp.py, with the phones outside speaking AES_CM_128_HMAC_SHA1_80 (SDES) and the desks
inside RTP: half of the packets is unprotected, half protected. All phones have one key and one SSRC
and send the same frames, so that these are protected before the clock starts; the keys of the relay
are its own. Every phone checks the last packet that it got: a relay that did no cryptography fails.
"""

from __future__ import annotations

import os
import re
import shutil
from base64 import b64decode, b64encode
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import rtp
from farline.testing.srtp import SUITE, Srtp
from report import Row, show

if TYPE_CHECKING:
    import select
    import socket
    from contextlib import AbstractContextManager

RUNS = 5
KEY = bytes(range(30))
FRAMES = 600
"""More than a phone sends in a run with its warm-up, fifty a second."""


@dataclass
class Load(rtp.Load):
    """Phones with SRTP and desks without, in turn."""

    protected: list[bytes] = field(default_factory=list)
    clear: list[bytes] = field(default_factory=list)
    frame: list[int] = field(default_factory=list)
    last: dict[int, bytes] = field(default_factory=dict)
    """By file number: what came last."""

    def _send(self) -> None:
        at = self.sent % len(self.sockets)
        frames = self.clear if at % 2 else self.protected
        self.sockets[at].send(frames[self.frame[at]])
        self.frame[at] += 1
        self.sent += 1

    def _take(self, poller: select.epoll, by_fd: dict[int, socket.socket], wait: float) -> int:
        ready = poller.poll(wait)
        for fd, _ in ready:
            self.last[fd] = by_fd[fd].recv(2048)
        self.received += len(ready)
        return len(ready)


def frames() -> list[bytes]:
    """What a phone says: RTP, G.711."""
    made = []
    for number in range(FRAMES):
        head = bytes([0x80, 8]) + number.to_bytes(2, "big") + (number * 160).to_bytes(4, "big")
        made.append(head + b"load" + bytes(160))
    return made


def set_up(negotiate: rtp.Negotiate, stack: ExitStack) -> tuple[Load, list[Srtp]]:
    """Make every call; the relay's key towards each phone comes along."""
    sockets, keys = [], []
    line = f"a=crypto:1 {SUITE} inline:{b64encode(KEY).decode()}\r\n".encode()
    for number in range(rtp.CALLS):
        pair = [stack.enter_context(rtp.udp(address)) for address in (rtp.PHONES, rtp.DESKS)]
        offer, answer = (rtp.sdp(*one.getsockname()) for one in pair)
        secure = offer.replace(b"RTP/AVP", b"RTP/SAVP") + line
        offered, answered = negotiate(f"bench-{number}", secure, answer)
        if b"RTP/SAVP" in offered or b"RTP/SAVP" not in answered:
            raise RuntimeError(f"not SRTP to RTP: {offered!r} {answered!r}")
        key = re.search(rb"a=crypto:1 " + SUITE.encode() + rb" inline:([A-Za-z0-9+/=]+)", answered)
        if key is None:
            raise RuntimeError(f"no key in {answered!r}")
        keys.append(Srtp(b64decode(key[1])))
        pair[0].connect(rtp.place(answered))
        pair[1].connect(rtp.place(offered))
        sockets += pair
    clear = frames()
    phone = Srtp(KEY)
    protected = [phone.protect(one) for one in clear]
    load = Load(sockets, bytearray(), protected=protected, clear=clear, frame=[0] * len(sockets))
    return load, keys


def check(load: Load, keys: list[Srtp]) -> None:
    """Every phone heard its desk in SRTP, every desk its phone in RTP."""
    known = set(load.clear)
    for number, key in enumerate(keys):
        phone, desk = (load.sockets[2 * number + one].fileno() for one in (0, 1))
        if key.unprotect(load.last[phone]) not in known or load.last[desk] not in known:
            raise RuntimeError(f"call {number} was not relayed as it should")


def cost(relay: rtp.Relay) -> float:
    """Microseconds of CPU a relayed packet costs, in one run."""
    with ExitStack() as stack:
        pid, negotiate = stack.enter_context(relay())
        load, keys = set_up(negotiate, stack)
        load.run(0.5)
        load.sent = load.received = 0
        before = rtp.cpu_seconds(pid)
        load.run(rtp.SECONDS)
        spent = rtp.cpu_seconds(pid) - before
        check(load, keys)
    if load.received < load.sent * (1 - rtp.MAX_LOSS):
        raise RuntimeError(f"{relay}: {load.received} of {load.sent} packets arrived")
    return round(spent * 1e6 / load.received, 3)


def farline() -> AbstractContextManager[tuple[int, rtp.Negotiate]]:
    """Our media process, with SRTP required outside."""
    return rtp.farline("required")


def rtpengine() -> AbstractContextManager[tuple[int, rtp.Negotiate]]:
    """Rtpengine, told to speak RTP inside."""
    return rtp.rtpengine(transport_protocol="RTP/AVP")


def measure(runs: int = RUNS) -> list[Row]:
    """The row of this benchmark; without rtpengine installed there is no peer."""
    with_peer = shutil.which("rtpengine") is not None
    cores = os.sched_getaffinity(0)
    peer = "rtpengine (user space)" if with_peer else ""
    row = Row("srtp vs rtpengine", "µs CPU a packet", [], [], peer)
    os.sched_setaffinity(0, {rtp.LOAD_CORE})
    try:
        for _ in range(runs):
            row.ours.append(cost(farline))
            if with_peer:
                row.peer.append(cost(rtpengine))
    finally:
        os.sched_setaffinity(0, cores)
    return [row]


if __name__ == "__main__":
    show([row.as_json() for row in measure()])
