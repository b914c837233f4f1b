"""The relays that are measured: our media process, our ng server, rtpengine."""

from __future__ import annotations

import itertools
import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Protocol

from farline.media.engine import Answer, Delete, MediaReply, MediaRequest, Offer, Query, Side
from farline.media.ng.message import pack, unpack
from farline.media.wire import decode_reply, encode_request
from veth import PHONES, RELAY, RELAY_CORE, Net, in_namespace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

CONTROL = "127.0.0.1"
NG_PORT = 2223
PORTS = (20_000, 59_999)


class Relay(Protocol):
    """A running relay."""

    pids: list[int]
    """Its processes that work for calls."""

    def negotiate(self, call: str, offer: bytes, answer: bytes) -> tuple[bytes, bytes]:
        """Make a call; what the answerer and the offerer are shown."""

    def delete(self, call: str) -> None:
        """End a call."""


Start = Callable[[Net], "AbstractContextManager[Relay]"]


@contextmanager
def process(net: Net, argv: list[str], ready: Callable[[], bool]) -> Iterator[int]:
    """A relay on its core, with priority over other work of the machine; gives its pid."""
    command = [*net.inside(), "taskset", "-c", str(RELAY_CORE), "chrt", "-f", "1", *argv]
    child = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + 20
        while not ready():
            if child.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{argv} did not start")
            time.sleep(0.05)
        yield child.pid
    finally:
        child.terminate()
        try:
            child.wait(10)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


@dataclass
class Farline:
    """Our media process, on its Unix socket."""

    pids: list[int]
    lines: Any
    outside: Side
    inside: Side

    def ask(self, request: MediaRequest) -> MediaReply:
        """One request."""
        self.lines.write(json.dumps({"id": 1, **encode_request(request)}).encode() + b"\n")
        self.lines.flush()
        reply = decode_reply(json.loads(self.lines.readline()))
        if reply.error is not None:
            raise RuntimeError(reply.error)
        return reply

    def negotiate(self, call: str, offer: bytes, answer: bytes) -> tuple[bytes, bytes]:
        offered = self.ask(Offer(call, offer, self.outside, self.inside)).sdp
        answered = self.ask(Answer(call, answer, self.inside, self.outside)).sdp
        if offered is None or answered is None:
            raise RuntimeError("no SDP")
        return offered, answered

    def delete(self, call: str) -> None:
        self.ask(Delete(call, "bench"))


@contextmanager
def farline(net: Net, encryption: str = "off", fast_path: str = "off") -> Iterator[Farline]:
    """Our media process with one relay thread; `encryption`: the media rule of the leg outside."""
    with TemporaryDirectory() as folder, ExitStack() as stack:
        path = Path(folder) / "media.sock"
        argv = [sys.executable, "-m", "farline.runtime.media_process", "--socket", str(path)]
        argv += ["--threads", "1", "--fast-path", fast_path]
        for name, address in zip(("out", "in"), RELAY, strict=True):
            argv += ["--interface", f"{name}={address}:{PORTS[0]}-{PORTS[1]}"]
        pid = stack.enter_context(process(net, argv, path.exists))
        control = stack.enter_context(socket.socket(socket.AF_UNIX))
        control.connect(str(path))
        outside = Side("outside", "out", PHONES[0], encryption)
        inside = Side("inside", "in", PHONES[1])
        yield Farline([pid], control.makefile("rwb"), outside, inside)


@contextmanager
def kernel(net: Net) -> Iterator[Farline]:
    """The same with its fast path. Raises RuntimeError where a call did not stay in the kernel."""
    with farline(net, fast_path="auto") as relay:
        yield relay
        stats = relay.ask(Query("bench-0")).stats
        kept = [one.why for one in stats if one.kind == "rtp" and one.path != "kernel"]
        if kept:
            raise RuntimeError(f"the kernel did not relay: {kept}")


@dataclass
class Ng:
    """A relay that speaks ng."""

    pids: list[int]
    control: socket.socket
    more: dict[str, Any]
    """More words of the protocol for an offer."""
    cookies: Iterator[int]

    def ask(self, **values: Any) -> dict[str, Any]:
        """One request; `_` stands for `-` in a name."""
        cookie = b"%d" % next(self.cookies)
        self.control.send(
            pack(cookie, {name.replace("_", "-"): one for name, one in values.items()})
        )
        _, reply = unpack(self.control.recv(65_535))
        if reply["result"] == b"error":
            raise RuntimeError(f"ng: {reply}")
        return reply

    def answers(self) -> bool:
        """Whether it is there."""
        try:
            return bool(self.ask(command="ping")["result"] == b"pong")
        except OSError:
            return False

    def negotiate(self, call: str, offer: bytes, answer: bytes) -> tuple[bytes, bytes]:
        common: dict[str, Any] = {"call_id": call, "from_tag": "a", "replace": ["origin"]}
        common["ICE"] = "remove"
        offered = self.ask(
            command="offer", sdp=offer, direction=["out", "in"], **common, **self.more
        )
        answered = self.ask(command="answer", sdp=answer, to_tag="b", **common)
        return offered["sdp"], answered["sdp"]

    def delete(self, call: str) -> None:
        self.ask(command="delete", call_id=call, from_tag="a", delete_delay=0)


@contextmanager
def ng(net: Net, argv: list[str], **more: Any) -> Iterator[Ng]:
    """A program that takes ng commands on CONTROL:NG_PORT of the relay's namespace."""
    with ExitStack() as stack:
        with in_namespace(net.names[0]):
            control = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        control.connect((CONTROL, NG_PORT))
        control.settimeout(0.5)
        relay = Ng([], control, more, itertools.count())
        relay.pids.append(stack.enter_context(process(net, argv, relay.answers)))
        yield relay


def rtpengine(net: Net, **more: Any) -> AbstractContextManager[Ng]:
    """Debian's rtpengine without its kernel module, one thread for media."""
    argv = ["rtpengine", "--foreground", "--table=-1", "--num-threads=1", "--timeout=3600"]
    argv += [f"--interface=out/{RELAY[0]}", f"--interface=in/{RELAY[1]}", "--log-level=3"]
    argv += [f"--listen-ng={CONTROL}:{NG_PORT}", f"--port-min={PORTS[0]}", f"--port-max={PORTS[1]}"]
    return ng(net, [*argv, "--log-stderr", "--config-file=none"], **more)


def farline_ng(net: Net) -> AbstractContextManager[Ng]:
    """Our engine behind the same protocol."""
    argv = [str(Path(sys.executable).with_name("farline")), "media", "--ng", f"{CONTROL}:{NG_PORT}"]
    for name, address in zip(("out", "in"), RELAY, strict=True):
        argv += ["--interface", f"{name}={address}:{PORTS[0]}-{PORTS[1]}"]
    return ng(net, [*argv, "--threads", "1"])


def sdp(address: str, port: int) -> bytes:
    """The description of one G.711 stream."""
    return (
        f"v=0\r\no=- 1 1 IN IP4 {address}\r\ns=-\r\nc=IN IP4 {address}\r\nt=0 0\r\n"
        f"m=audio {port} RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\na=ptime:20\r\na=sendrecv\r\n"
    ).encode()


def media_port(description: bytes) -> int:
    """Where a description wants its first stream."""
    found = re.search(rb"^m=audio (\d+)", description, re.MULTILINE)
    if found is None:
        raise RuntimeError(f"no port in {description!r}")
    return int(found[1])
