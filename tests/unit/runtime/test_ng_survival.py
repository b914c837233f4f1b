"""`farline media --ng` is killed and started again: its calls go on."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import pytest

from farline.media.ng.message import pack, unpack
from farline.sdp import parse
from farline.testing.ports import free_ports, own_network

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.timeout(60)
NET = own_network()
PUB, PRIV, NG = f"{NET}.1.96", f"{NET}.2.7", f"{NET}.5.1"
ONE, OTHER = f"{NET}.3.61", f"{NET}.4.13"


@contextmanager
def engine(state: Path, at: str, signal_number: int = signal.SIGTERM) -> Iterator[list[str]]:
    argv = [sys.executable, "-m", "farline.cli.main", "media", "--json", "--threads", "1"]
    argv += ["--ng", at, "--state", str(state)]
    argv += ["--interface", f"pub={PUB}:35000-35098", "--interface", f"priv={PRIV}:35000-35098"]
    said: list[str] = []
    environment = {**os.environ, "FARLINE_PARENT": str(os.getpid())}
    with subprocess.Popen(argv, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        try:
            assert json.loads(process.stdout.readline())["event"] == "ready"
            yield said
        finally:
            process.send_signal(signal_number)
            said += [line.decode() for line in process.stdout]


class Client:
    """Asks; a cookie is never used twice."""

    def __init__(self, at: str) -> None:
        host, _, port = at.rpartition(":")
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.connect((host, int(port)))
        self.socket.settimeout(30)
        self.asked = 0

    def ask(self, command: str, **keys: object) -> dict[str, object]:
        self.asked += 1
        known = {"command": command, "call-id": "c1", "from-tag": "alice"}
        known |= {name.replace("_", "-"): value for name, value in keys.items()}
        self.socket.send(pack(b"k%d" % self.asked, known))
        return unpack(self.socket.recv(65536))[1]


def udp(stack: ExitStack, ip: str) -> socket.socket:
    made = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    made.bind((ip, 0))
    made.settimeout(30)
    return made


def sdp(at: socket.socket) -> bytes:
    ip, port = at.getsockname()
    head = f"v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\n"
    return f"{head}m=audio {port} RTP/AVP 8\r\n".encode()


def port_of(reply: dict[str, object]) -> int:
    assert reply["result"] == b"ok", reply
    shown = reply["sdp"]
    assert isinstance(shown, bytes)
    return parse(shown).media[0].port


def speaks(source: socket.socket, to: tuple[str, int], sink: socket.socket, number: int) -> None:
    packet = bytes([0x80, 8, 0, number]) + bytes(8) + b"\xd5" * 160
    source.sendto(packet, to)
    assert sink.recv(2048) == packet


def test_a_call_goes_on_after_the_process_was_killed(tmp_path: Path) -> None:
    state, at = tmp_path / "state", f"{NG}:{free_ports(1, NG)[0]}"
    with ExitStack() as stack:
        one, other = udp(stack, ONE), udp(stack, OTHER)
        client = Client(at)
        stack.callback(client.socket.close)
        direction = [b"pub", b"priv"]
        with engine(state, at, signal.SIGKILL):
            offered = client.ask("offer", sdp=sdp(one), direction=direction)
            answered = client.ask("answer", sdp=sdp(other), to_tag="bob")
            to_other, to_one = (PRIV, port_of(offered)), (PUB, port_of(answered))
            speaks(one, to_one, other, 1)
            speaks(other, to_other, one, 1)
            other_call = client.ask("offer", call_id="c2", sdp=sdp(one), direction=direction)
            assert other_call["result"] == b"ok"
            assert client.ask("delete", call_id="c2")["result"] == b"ok"
        assert state.stat().st_mode & 0o077 == 0
        with engine(state, at) as said:
            speaks(one, to_one, other, 2)
            speaks(other, to_other, one, 2)
            assert client.ask("list")["calls"] == [b"c1"]
            query = client.ask("query")
            assert set(query["tags"]) == {"alice", "bob"}  # type: ignore[call-overload]
            again = client.ask("offer", sdp=sdp(one))  # a re-INVITE: the same ports
            assert port_of(again) == to_other[1]
            assert client.ask("delete")["result"] == b"ok"
            assert client.ask("query")["result"] == b"error"
        assert json.loads(said[-1])["calls"] == 0
        assert not state.exists()


def test_a_directory_that_others_can_read_is_refused(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir(mode=0o755)
    argv = [sys.executable, "-m", "farline.cli.main", "media", "--ng", f"{NG}:2223"]
    argv += ["--interface", f"pub={PUB}:35000-35098", "--state", str(state)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "mode 700" in done.stderr
