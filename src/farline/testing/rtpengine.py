"""Debian's rtpengine-daemon for tests: in user space, in the foreground, ended by its own pid."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from farline.media.ng.message import pack, unpack
from farline.testing.ports import free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from farline.media.ng.bencode import Encodable
    from farline.media.ng.message import Document

START_TRIES = 100
TRY_SECONDS = 0.1
PATIENCE_TRIES = 200
"""Of a daemon that has started: a busy machine may let it wait."""
STOP_SECONDS = 10.0


class RtpEngine:
    """One daemon."""

    def __init__(
        self,
        ip: str,
        interfaces: Sequence[str],
        ports: tuple[int, int],
        log: Path,
        port: int | None = None,
        *options: str,
    ) -> None:
        """`interfaces`: NAME/IP each. Raises RuntimeError when it does not come up."""
        self.ip, self.port, self.log = ip, port or free_ports(1, ip)[0], log
        self._asked = 0
        argv = ["rtpengine", "--table=-1", "--foreground", "--log-stderr", "--log-level=6"]
        argv += ["--config-file=none", f"--listen-cli={ip}:{free_ports(1, ip)[0]}"]
        argv += [f"--listen-ng={ip}:{self.port}", "--num-threads=2"]
        argv += [f"--interface={one}" for one in interfaces]
        argv += [f"--port-min={ports[0]}", f"--port-max={ports[1]}", *options]
        with log.open("ab") as output:
            self.process = subprocess.Popen(argv, stdout=output, stderr=output)  # noqa: S603
        for _ in range(START_TRIES):
            if self.process.poll() is not None:
                break
            with suppress(OSError):
                self._try(b"ping-%d" % self.process.pid, {"command": "ping"})
                return
        self.stop()
        raise RuntimeError(f"rtpengine did not start:\n{log.read_text(errors='replace')[-2000:]}")

    def ask(self, document: dict[str, Encodable]) -> Document:
        """One exchange, blocking; asked again until it is answered. Raises OSError."""
        self._asked += 1
        for _ in range(PATIENCE_TRIES):
            with suppress(TimeoutError):
                return self._try(b"test-%d" % self._asked, document)
        raise TimeoutError(f"rtpengine does not answer {document}")

    def _try(self, cookie: bytes, document: dict[str, Encodable]) -> Document:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
            asker.connect((self.ip, self.port))
            asker.settimeout(TRY_SECONDS)
            try:
                asker.send(pack(cookie, document))
                return unpack(asker.recv(65535))[1]
            except ConnectionRefusedError:
                with suppress(TimeoutError, ConnectionRefusedError):
                    asker.recv(1)  # it starts: leave it the time
                raise

    def calls(self) -> list[str]:
        """The Call-IDs that it holds."""
        found = self.ask({"command": "list", "limit": 100})["calls"]
        assert isinstance(found, list)  # noqa: S101 - for tests only
        return [entry.decode() for entry in found if isinstance(entry, bytes)]

    def holds(self, name: str) -> bool:
        """Whether it knows a Call-ID."""
        return self.ask({"command": "query", "call-id": name})["result"] == b"ok"

    def pause(self) -> None:
        """It hears nothing and says nothing until `resume`."""
        self.process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED)  # all of its threads have stopped

    def resume(self) -> None:
        """End of `pause`."""
        self.process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """End it."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.terminate()
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


@contextmanager
def rtpengine(
    ip: str,
    interfaces: Sequence[str],
    ports: tuple[int, int],
    log: Path,
    port: int | None = None,
    *options: str,
) -> Iterator[RtpEngine]:
    """A daemon for the time of the block; `port`: of ng, else any."""
    engine = RtpEngine(ip, interfaces, ports, log, port, *options)
    try:
        yield engine
    finally:
        engine.stop()
