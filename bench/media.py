"""What relaying costs, ours beside rtpengine: CPU a packet, latency, calls that a core carries.

As veth.py says: receiving (the devices' kernel threads), relaying and sending, on one core. A run
in which a packet was lost anywhere is no figure. G.711 packets of 172 bytes, fifty a second each
way of each call, every call on ports of its own. With SRTP the phones outside speak
AES_CM_128_HMAC_SHA1_80 (SDES) and the desks inside RTP; all phones have one key and one SSRC, so
that their frames are protected before the clock starts, and what came last is checked at the end.
"""

from __future__ import annotations

import re
import shutil
from base64 import b64decode, b64encode
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import relays
from farline.testing.srtp import SUITE, Srtp
from report import Row, turns
from veth import MODERATION, PHONES, Flow, Load, Net, Result, network

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

RUNS = 5
TRIES = 4
"""Of one run: the machine has other work too, and may lose packets because of it."""
PEER = "rtpengine (user space)"
KEY = bytes(range(30))
FIRST_PORT = 10_000
FRAMES = 8_000
MOST_CALLS, STEP = 2_400, 50
"""Where the search for the largest number of calls ends, and how finely it searches."""
PACKET_TIME = 20_000
"""Microseconds between two packets of a phone: more than that on the way is late."""
KEPT_PACE = 0.98
RATE = 40_000
"""Packets a second for CPU: 400 calls, two thirds of what rtpengine carries on a core."""
LATENCY_RATE = 10_000
STARTS: dict[tuple[str, bool], relays.Start] = {
    ("ours", False): relays.farline,
    ("kernel", False): relays.kernel,
    ("ours", True): partial(relays.farline, encryption="required"),
    ("peer", False): relays.rtpengine,
    ("peer", True): partial(relays.rtpengine, transport_protocol="RTP/AVP"),
}
"""By whose and whether the phones outside speak SRTP."""


@dataclass
class Calls:
    """Calls that a relay has, and what their phones send."""

    net: Net
    pids: list[int]
    flows: tuple[list[Flow], list[Flow]]
    frames: tuple[list[bytes], list[bytes]]
    keys: list[Srtp]
    """The relay's key towards each phone, with SRTP."""
    next: int = 0
    """The first frame that no phone has sent."""

    def run(self, rate: int, seconds: float, calls: int | None = None) -> Result:
        """Let the first `calls` of them (all) speak; `rate` packets a second together."""
        flows = (self.flows[0][:calls], self.flows[1][:calls])
        load = Load(rate=rate, seconds=seconds, first=self.next)
        self.next += int(rate * seconds / (2 * len(flows[0]))) + 100
        if self.next > FRAMES:
            raise RuntimeError("the phones have no more to say")
        result = self.net.run(flows, self.frames, load, self.pids)
        self._check(result, len(flows[0]))
        return result

    def _check(self, result: Result, calls: int) -> None:
        """Every desk heard its phone in RTP; every phone its desk, in SRTP where it speaks that."""
        clear = set(self.frames[1])
        for call in range(calls) if not result.lost else ():
            heard = result.last[0, call]
            heard = self.keys[call].unprotect(heard) if self.keys else heard
            if heard not in clear or result.last[1, call] not in clear:
                raise RuntimeError(f"call {call} was not relayed as it should")


def spoken() -> list[bytes]:
    """What a phone says: RTP, G.711."""
    head = b"\x80\x08%b%b" + b"load"
    return [
        head % (number.to_bytes(2, "big"), (number * 160).to_bytes(4, "big")) + bytes(160)
        for number in range(FRAMES)
    ]


def make_calls(net: Net, relay: relays.Relay, count: int, *, srtp: bool) -> Calls:
    """Negotiate `count` calls."""
    flows: tuple[list[Flow], list[Flow]] = ([], [])
    keys = []
    for number in range(count):
        port = FIRST_PORT + 2 * number
        offer, answer = (relays.sdp(address, port) for address in PHONES)
        if srtp:
            line = f"a=crypto:1 {SUITE} inline:{b64encode(KEY).decode()}\r\n".encode()
            offer = offer.replace(b"RTP/AVP", b"RTP/SAVP") + line
        offered, answered = relay.negotiate(f"bench-{number}", offer, answer)
        if srtp:
            key = re.search(rb"a=crypto:1 " + SUITE.encode() + rb" inline:([^|\s]+)", answered)
            if key is None or b"RTP/SAVP" in offered:
                raise RuntimeError(f"not SRTP to RTP: {offered!r} {answered!r}")
            keys.append(Srtp(b64decode(key[1])))
        flows[0].append(Flow(number, port, relays.media_port(answered)))
        flows[1].append(Flow(number, port, relays.media_port(offered)))
    clear = spoken()
    phone = Srtp(KEY)
    sent = [phone.protect(one) for one in clear] if srtp else clear
    return Calls(net, relay.pids, flows, (sent, clear), keys)


@contextmanager
def relayed(whose: str, calls: int, *, srtp: bool, moderation: int = MODERATION) -> Iterator[Calls]:
    """A relay with calls, in networks of its own; each phone has spoken once."""
    with ExitStack() as stack:
        net = stack.enter_context(network(moderation=moderation))
        relay = stack.enter_context(STARTS[whose, srtp](net))
        made = make_calls(net, relay, calls, srtp=srtp)
        made.run(10_000, max(0.3, calls / 2_000))
        yield made


@contextmanager
def forwarded(calls: int, moderation: int = 0) -> Iterator[Calls]:
    """Linux forwards the packets of as many calls, with no relay."""
    with network(moderation=moderation, forwarding=True) as net:
        flows = [Flow(one, FIRST_PORT + 2 * one, FIRST_PORT + 2 * one) for one in range(calls)]
        yield Calls(net, [], (flows, flows), (spoken(), spoken()), [])


def without_loss(calls: Calls, rate: int, seconds: float) -> Result:
    """A run in which every packet arrived; raises RuntimeError when none is."""
    lost = []
    for _ in range(TRIES):
        result = calls.run(rate, seconds)
        if not result.lost:
            return result
        lost.append(result.lost)
    raise RuntimeError(f"packets are lost: {'; '.join(lost)}")


def sides() -> Sequence[str]:
    """Whom to measure: without rtpengine installed there is no peer."""
    return ("ours", "peer") if shutil.which("rtpengine") else ("ours",)


def measure_cost(name: str, *, srtp: bool, runs: int = RUNS) -> list[Row]:
    """CPU a packet; the two are measured in turn."""
    found: dict[str, list[float]] = {"ours": [], "peer": []}
    for whose in turns(name, runs, sides()):
        with relayed(whose, RATE // 100, srtp=srtp) as calls:
            found[whose].append(round(without_loss(calls, RATE, 3.0).cpu, 3))
    return [Row(f"{name} vs rtpengine", "µs CPU a packet", found["ours"], found["peer"], PEER)]


def fast(runs: int = RUNS) -> list[Row]:
    """Settled RTP in the kernel, beside Linux forwarding the same packets, and rtpengine."""
    found: dict[str, list[float]] = {"kernel": [], "forwarding": [], "peer": []}
    for whose in turns("rtp-fast", runs, ("kernel", "forwarding", *sides()[1:])):
        if whose == "forwarding":
            calls = forwarded(RATE // 100, MODERATION)
        else:
            calls = relayed(whose, RATE // 100, srtp=False)
        with calls as made:
            found[whose].append(round(without_loss(made, RATE, 3.0).cpu, 3))
    unit, ours = "µs CPU a packet", found["kernel"]
    return [
        Row("rtp-fast vs forwarding", unit, ours, found["forwarding"], "Linux IP forwarding"),
        Row("rtp-fast vs rtpengine", unit, ours, found["peer"], PEER),
    ]


def user() -> list[Row]:
    """RTP to RTP in user space."""
    return measure_cost("rtp-user", srtp=False)


def with_srtp() -> list[Row]:
    """SRTP outside, RTP inside."""
    return measure_cost("srtp", srtp=True)


def latency(runs: int = RUNS) -> list[Row]:
    """Phone to phone, less the same packets' time through Linux forwarding."""
    rows = []
    for name, ours, srtp in (
        ("fast", "kernel", False),
        ("user", "ours", False),
        ("srtp", "ours", True),
    ):
        found: dict[str, dict[str, list[float]]] = {
            point: {"ours": [], "peer": []} for point in ("p50", "p99")
        }
        for whose in turns(f"media-latency {name}", runs, ("forwarding", *sides())):
            if whose == "forwarding":
                with forwarded(LATENCY_RATE // 100) as calls:
                    base = without_loss(calls, LATENCY_RATE, 3.0)
                continue
            relay = ours if whose == "ours" else whose
            with relayed(relay, LATENCY_RATE // 100, srtp=srtp, moderation=0) as calls:
                result = without_loss(calls, LATENCY_RATE, 3.0)
            found["p50"][whose].append(result.p50 - base.p50)
            found["p99"][whose].append(result.p99 - base.p99)
        rows += [
            Row(f"media-latency {name} {point}", "µs added", both["ours"], both["peer"], PEER)
            for point, both in found.items()
        ]
    return rows


def carried(result: Result) -> bool:
    """Whether a core carries calls so: nothing lost, nothing late, and as many packets as they say.

    A call's sockets hold all that it says in a run: what is too much shows as delay at first.
    """
    return not result.lost and result.p99 < PACKET_TIME and result.pace > KEPT_PACE


def most_calls(calls: Calls, near: int | None = None) -> int:
    """The largest number of calls, to a STEP, that are carried.

    `near` is what another run found: tried first, then numbers further and further from it.
    """
    good, bad = 0, MOST_CALLS + STEP
    number, stride = near or (good + bad) // 2, STEP
    while bad - good > STEP:
        number = min(max(number // STEP * STEP, good + STEP), bad - STEP)
        results = (calls.run(number * 100, 2.0, number) for _ in range(2))
        if any(map(carried, results)):
            good, number = number, number + stride
        else:
            bad, number = number, number - stride
        stride *= 2
        if near is None or (good and bad <= MOST_CALLS):
            number = (good + bad) // 2
    return good


def most(runs: int = RUNS) -> list[Row]:
    """Calls of fifty packets a second each way on one core, with no packet lost."""
    rows = []
    for name, srtp in (("user", False), ("srtp", True)):
        found: dict[str, list[float]] = {"ours": [], "peer": []}
        for whose in turns(f"media-calls {name}", runs, sides()):
            figures = found[whose]
            with relayed(whose, MOST_CALLS, srtp=srtp) as calls:
                figures.append(most_calls(calls, figures[-1] if figures else None))
        rows.append(Row(f"media-calls {name}", "calls", found["ours"], found["peer"], PEER))
    return rows


def measure(name: str) -> list[Row]:
    """The rows of one benchmark."""
    found = {"fast": fast, "user": user, "srtp": with_srtp, "latency": latency, "calls": most}
    return found[name]()
