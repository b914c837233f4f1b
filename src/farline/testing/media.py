"""A media process in the test's own, and the plain phone that it relays for."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

import numpy as np

from farline.media.g711 import encode_alaw
from farline.runtime.media_client import MediaClient
from farline.runtime.media_process import MediaPlace, MediaSettings, serve

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncIterator
    from pathlib import Path

    from farline.sdp import Crypto


@asynccontextmanager
async def engine(directory: Path, outer: str, inner: str) -> AsyncIterator[MediaClient]:
    """The engine with the media interfaces B1 and A1 at these addresses."""
    path = directory / "media.sock"
    places = [MediaPlace("B1", outer, 36000, 36999), MediaPlace("A1", inner, 36000, 36999)]
    ready = asyncio.Event()
    task = asyncio.create_task(serve(path, places, MediaSettings(threads=1), ready.set))
    client = MediaClient(path, lambda _news: None)
    try:
        await ready.wait()
        client.start()
        await client.wait_connected()
        yield client
    finally:
        await client.stop()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def audio_sdp(at: socket.socket, profile: str = "RTP/AVP", *keys: Crypto) -> bytes:
    """A phone's description: A-law at a socket's address. aiortc wants the direction said."""
    address, port = at.getsockname()
    head = f"v=0\r\no=- 1 1 IN IP4 {address}\r\ns=-\r\nc=IN IP4 {address}\r\nt=0 0\r\n"
    media = f"m=audio {port} {profile} 8\r\na=rtpmap:8 PCMA/8000\r\na=sendrecv\r\n"
    lines = b"".join(b"a=%b\r\n" % one.to_bytes() for one in keys)
    return (head + media).encode() + lines


def tone(sequence: int) -> bytes:
    """An RTP packet with 20 ms of 1 kHz in A-law."""
    at = np.arange(160) + 160 * sequence
    samples = (8000 * np.sin(2 * np.pi * at / 8)).astype(np.int16)
    head = bytes([0x80, 8]) + sequence.to_bytes(2) + (160 * sequence).to_bytes(4) + b"ssrc"
    return head + encode_alaw(samples)
