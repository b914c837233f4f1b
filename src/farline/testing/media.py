"""A media process, in the test's own or beside it, and the plain phone that it relays for."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import wave
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Self

import numpy as np

from farline.media.engine import Query
from farline.media.g711 import encode_alaw
from farline.runtime.media_client import MediaClient
from farline.runtime.media_process import MediaPlace, MediaSettings, serve

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncIterator
    from pathlib import Path

    from numpy.typing import NDArray

    from farline.media.engine import MediaReply
    from farline.sdp import Crypto


FIRST, LAST = 36000, 36999
"""The ports of both media interfaces."""
WRITTEN_SECONDS = 20.0
START_SECONDS = 60.0


@asynccontextmanager
async def engine(
    directory: Path, outer: str, inner: str, recordings: Path | None = None
) -> AsyncIterator[MediaClient]:
    """The engine with the media interfaces B1 and A1 at these addresses."""
    path = directory / "media.sock"
    places = [MediaPlace("B1", outer, FIRST, LAST), MediaPlace("A1", inner, FIRST, LAST)]
    settings = MediaSettings(threads=1, recordings=recordings)
    ready = asyncio.Event()
    task = asyncio.create_task(serve(path, places, settings, ready.set))
    try:
        await ready.wait()
        async with client_of(path) as client:
            yield client
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@asynccontextmanager
async def client_of(path: Path) -> AsyncIterator[MediaClient]:
    """A client of the process that serves a socket."""
    client = MediaClient(path, lambda _news: None)
    client.start()
    try:
        await client.wait_connected()
        yield client
    finally:
        await client.stop()


async def served(client: MediaClient, session: str) -> None:
    """Wait until the process that follows a killed one serves a session."""
    async with asyncio.timeout(START_SECONDS):
        while (await client.perform(Query(session))).error is not None:
            continue  # each asks for as long as a process may be away


class MediaProcess:
    """A media process of its own, that can be killed."""

    def __init__(self, directory: Path, outer: str, inner: str) -> None:
        self.path = directory / "media.sock"
        self.argv = [sys.executable, "-m", "farline.runtime.media_process", "--threads", "1"]
        self.argv += ["--socket", str(self.path), "--state", str(directory / "state")]
        for name, ip in (("B1", outer), ("A1", inner)):
            self.argv += ["--interface", f"{name}={ip}:{FIRST}-{LAST}"]

    def __enter__(self) -> Self:
        environment = {**os.environ, "FARLINE_PARENT": str(os.getpid())}
        self.process = subprocess.Popen(self.argv, env=environment)  # noqa: S603
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.wait()

    def die_and_return(self) -> None:
        """SIGKILL, and another that goes on."""
        self.process.kill()
        self.process.wait()
        self.__enter__()


async def recording(directory: Path) -> tuple[int, NDArray[np.int16]]:
    """The only recording of a call that is over: its rate, and its samples, one column a side."""
    async with asyncio.timeout(WRITTEN_SECONDS):
        while not (files := list(directory.glob("*.wav"))):  # noqa: ASYNC110 - a thread writes it
            await asyncio.sleep(0.02)
    with wave.open(str(files[0])) as file:
        frames = np.frombuffer(file.readframes(file.getnframes()), np.int16)
        return file.getframerate(), frames.reshape(-1, 2)


def audio_sdp(at: socket.socket, profile: str = "RTP/AVP", *keys: Crypto) -> bytes:
    """A phone's description: A-law at a socket's address. aiortc wants the direction said."""
    address, port = at.getsockname()
    head = f"v=0\r\no=- 1 1 IN IP4 {address}\r\ns=-\r\nc=IN IP4 {address}\r\nt=0 0\r\n"
    media = f"m=audio {port} {profile} 8\r\na=rtpmap:8 PCMA/8000\r\na=sendrecv\r\n"
    lines = b"".join(b"a=%b\r\n" % one.to_bytes() for one in keys)
    return (head + media).encode() + lines


def bare_sdp(address: str, port: int, extra: str = "") -> bytes:
    """A description of one stream of A-law, by its payload type only; `extra`: more lines."""
    return (
        f"v=0\r\no=- 1 1 IN IP4 {address}\r\ns=-\r\nc=IN IP4 {address}\r\nt=0 0\r\n"
        f"m=audio {port} RTP/AVP 8\r\n{extra}"
    ).encode()


def shown_at(reply: MediaReply) -> tuple[str, int]:
    """Address and port of the first stream in an engine's reply."""
    if reply.error is not None or reply.sdp is None:
        raise AssertionError(reply)
    lines = reply.sdp.decode().splitlines()
    address = next(line.split()[-1] for line in lines if line.startswith("c="))
    return address, int(next(line.split()[1] for line in lines if line.startswith("m=")))


def tone(sequence: int) -> bytes:
    """An RTP packet with 20 ms of 1 kHz in A-law."""
    at = np.arange(160) + 160 * sequence
    samples = (8000 * np.sin(2 * np.pi * at / 8)).astype(np.int16)
    head = bytes([0x80, 8]) + sequence.to_bytes(2) + (160 * sequence).to_bytes(4) + b"ssrc"
    return head + encode_alaw(samples)
