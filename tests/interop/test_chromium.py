"""A browser's leg against Chromium: a page with WebRTC, a phone with plain RTP, audio both ways."""

from __future__ import annotations

import asyncio
import shutil
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import pytest

from farline.media.engine import Answer, Offer, Side
from farline.media.g711 import decode_alaw
from farline.sdp import parse
from farline.testing.chromium import MOUTH, chromium
from farline.testing.media import audio_sdp, engine, tone
from farline.testing.ports import own_network

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from farline.testing.chromium import Page

pytestmark = pytest.mark.skipif(shutil.which("chromium") is None, reason="needs chromium")

NET = own_network()
B1, A1, OFFICE = f"{NET}.1.96", f"{NET}.2.7", f"{NET}.4.13"
OUTSIDE = Side("outside", "B1", "127.0.0.1", "dtls")
INSIDE = Side("inside", "A1", OFFICE)

PREPARE = f"""(async () => {{{MOUTH}
  window.peer = new RTCPeerConnection();
  peer.ontrack = (event) => {{
    window.ear = new Audio();
    ear.srcObject = new MediaStream([event.track]);
    ear.play();
  }};
  peer.addTrack(voice, mouth.stream);
}})()"""
HEARD = """(async () => {
  for (const one of (await peer.getStats()).values())
    if (one.type === 'inbound-rtp') return [one.packetsReceived, one.audioLevel];
  return [0, 0];
})()"""


@contextmanager
def phone() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.bind((OFFICE, 0))
        made.setblocking(False)
        yield made


async def hears(page: Page, at: socket.socket, to: tuple[str, int]) -> None:
    """The phone hears Chromium's tone, and Chromium the phone's."""
    loop = asyncio.get_running_loop()

    async def speak() -> None:
        for sequence in range(10_000):
            await loop.sock_sendto(at, tone(sequence), to)
            await asyncio.sleep(0.02)

    speaking = asyncio.create_task(speak())
    try:
        async with asyncio.timeout(60):
            loudness = 0.0
            while loudness < 1000:
                arrived, source = await loop.sock_recvfrom(at, 2048)
                assert source == to
                if arrived[1] & 0x7F == 8:
                    loudness = float(np.abs(decode_alaw(arrived[12:]).astype(float)).mean())
            packets, level = 0, 0.0
            while packets < 25 or (level or 0.0) < 0.05:
                packets, level = await page.run(HEARD)
    finally:
        speaking.cancel()


async def test_chromium_calls_a_phone(tmp_path: Path) -> None:
    with phone() as office:
        async with engine(tmp_path, B1, A1) as client, chromium(tmp_path / "profile") as page:
            await page.run(PREPARE)
            offered = await client.perform(Offer("call", await page.offer(), OUTSIDE, INSIDE))
            assert offered.sdp is not None, offered.error
            (inner,) = parse(offered.sdp).media
            assert inner.line.protocol == "RTP/AVP"
            answered = await client.perform(Answer("call", audio_sdp(office), INSIDE, OUTSIDE))
            assert answered.sdp is not None, answered.error
            await page.accept(answered.sdp)
            await hears(page, office, (A1, inner.port))
            assert await page.run("peer.connectionState") == "connected"


async def test_a_phone_calls_chromium(tmp_path: Path) -> None:
    with phone() as office:
        async with engine(tmp_path, B1, A1) as client, chromium(tmp_path / "profile") as page:
            await page.run(PREPARE)
            offered = await client.perform(Offer("call", audio_sdp(office), INSIDE, OUTSIDE))
            assert offered.sdp is not None, offered.error
            answer = await page.answer(offered.sdp)
            answered = await client.perform(Answer("call", answer, OUTSIDE, INSIDE))
            assert answered.sdp is not None, answered.error
            (inner,) = parse(answered.sdp).media
            await hears(page, office, (A1, inner.port))
