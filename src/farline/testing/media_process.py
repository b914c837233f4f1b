"""What tests of the media process share: its addresses, plain peers, and the process itself."""

from __future__ import annotations

import asyncio
import socket
import sys
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from farline.media.engine import Query, Side
from farline.runtime.media_client import MediaClient
from farline.runtime.media_process import MediaPlace, serve
from farline.testing.ports import own_network

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from farline.media.reports import MediaReport
    from farline.runtime.media_process import MediaSettings

NET = own_network()
B1, A1 = f"{NET}.1.96", f"{NET}.2.7"
PHONE, OFFICE, MOVED = f"{NET}.3.61", f"{NET}.4.13", f"{NET}.5.99"
OUTSIDE = Side("outside", "B1", PHONE)
INSIDE = Side("inside", "A1", OFFICE)


def media_port(sdp: bytes | None) -> int:
    """The port of the only audio stream of a description."""
    if sdp is None:
        raise AssertionError("no description")
    return int(sdp.split(b"m=audio ")[1].split()[0])


def packet(sequence: int) -> bytes:
    """A packet of 20 ms of silence in A-law."""
    return bytes([0x80, 8, 0, sequence]) + bytes(8) + b"\xd5" * 160


def peer(address: str) -> socket.socket:
    """A phone's socket."""
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind((address, 0))
    made.setblocking(False)
    return made


@asynccontextmanager
async def serving(path: Path, settings: MediaSettings, first: int = 36000) -> AsyncIterator[None]:
    """An engine in this process, with a hundred ports from `first` on a side."""
    places = [MediaPlace(name, ip, first, first + 99) for name, ip in (("B1", B1), ("A1", A1))]
    ready = asyncio.Event()
    task = asyncio.create_task(serve(path, places, settings, ready.set))
    waiter = asyncio.create_task(ready.wait())
    await asyncio.wait({task, waiter}, return_when=asyncio.FIRST_COMPLETED)
    if not ready.is_set():
        raise AssertionError(task.exception())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@asynccontextmanager
async def asking(path: Path) -> AsyncIterator[tuple[MediaClient, asyncio.Queue[MediaReport]]]:
    """A client of an engine, and what it is told."""
    told: asyncio.Queue[MediaReport] = asyncio.Queue()
    client = MediaClient(path, told.put_nowait)
    client.start()
    try:
        await client.wait_connected()
        yield client, told
    finally:
        await client.stop()


@asynccontextmanager
async def process(
    path: Path, *more: str, first: int = 36200
) -> AsyncIterator[asyncio.subprocess.Process]:
    """An engine in a process of its own; `more`: further options of its command line."""
    places = [f"{name}={ip}:{first}-{first + 99}" for name, ip in (("B1", B1), ("A1", A1))]
    command = [sys.executable, "-m", "farline.runtime.media_process", "--socket", str(path)]
    command += ["--threads", "1", "--interface", places[0], "--interface", places[1], *more]
    started = await asyncio.create_subprocess_exec(*command)
    try:
        yield started
    finally:
        if started.returncode is None:
            started.terminate()
        await started.wait()


async def refused(client: MediaClient) -> None:
    """Until the relay has judged a packet of a stranger: it reads its ports beside us."""
    async with asyncio.timeout(30):
        while not any(one.refused_packets for one in (await client.perform(Query("call"))).stats):
            pass  # each look is a request of its own


async def heard(one: socket.socket, to: tuple[str, int], other: socket.socket, n: int) -> None:
    """Packets of `one` to a port of the relay arrive at `other`."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(20):
        while True:
            one.sendto(packet(n), to)
            with suppress(TimeoutError):
                async with asyncio.timeout(0.05):
                    while await loop.sock_recv(other, 2048) != packet(n):
                        pass
                    return
