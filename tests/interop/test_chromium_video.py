"""Chromium with audio and video on one port, and a plain phone with a pair of ports for each."""

from __future__ import annotations

import asyncio
import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest
from msgspec.structs import replace

from farline.media.engine import Answer, Delete, MediaReply, Offer, Query, Side
from farline.sdp import bundle_group, parse
from farline.testing.av_phone import AvPhone
from farline.testing.chromium import MOUTH, chromium
from farline.testing.media import engine, recording
from farline.testing.opus import share_of_tone
from farline.testing.ports import own_network

if TYPE_CHECKING:
    from pathlib import Path

    from farline.runtime.media_client import MediaClient
    from farline.testing.chromium import Page

pytestmark = [
    pytest.mark.skipif(shutil.which("chromium") is None, reason="needs chromium"),
    pytest.mark.timeout(240),
]

NET = own_network()
B1, A1, OFFICE = f"{NET}.1.96", f"{NET}.2.7", f"{NET}.4.13"
OUTSIDE = Side("outside", "B1", "127.0.0.1", "dtls")
INSIDE = Side("inside", "A1", OFFICE)

PREPARE = """(async () => {MOUTH
  const camera = (color) => {
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [160, 120];
    const pen = canvas.getContext('2d');
    let at = 0;
    setInterval(() => {
      pen.fillStyle = color;
      pen.fillRect(0, 0, 160, 120);
      pen.fillStyle = 'white';
      pen.fillRect(at++ % 150, 40, 10, 40);
    }, 40);
    return canvas.captureStream(25).getVideoTracks()[0];
  };
  window.peer = new RTCPeerConnection({bundlePolicy: 'POLICY'});
  peer.ontrack = (event) => {
    const screen = document.createElement(event.track.kind);
    screen.srcObject = new MediaStream([event.track]);
    screen.muted = true;
    screen.play();
    document.body.append(screen);
  };
  peer.addTrack(voice, mouth.stream);
  for (const color of ['red', 'blue'].slice(0, CAMERAS)) peer.addTrack(camera(color));
})()"""
SEEN = """(async () => {
  const found = [];
  for (const one of (await peer.getStats()).values())
    if (one.type === 'inbound-rtp')
      found.push([one.kind, one.kind === 'video' ? one.framesDecoded : one.packetsReceived]);
  return found;
})()"""


def shown(reply: MediaReply) -> bytes:
    assert reply.sdp is not None, reply.error
    return reply.sdp


def prepare(policy: str, cameras: int) -> str:
    words = {"MOUTH": MOUTH, "POLICY": policy, "CAMERAS": str(cameras)}
    script = PREPARE
    for word, meant in words.items():
        script = script.replace(word, meant)
    return script


async def sees_and_hears(page: Page, phone: AvPhone, client: MediaClient) -> None:
    """The phone gets every stream at its own port, and Chromium decodes what it sends back."""
    wanted = sorted(name.split()[0] for name in phone.names)
    async with asyncio.timeout(60):
        while True:
            seen = await page.run(SEEN)
            if sorted(kind for kind, count in seen if count >= 10) == wanted:
                break
        await phone.all_reported()
    assert not set.intersection(*phone.sources.values())
    assert not phone.stray
    stats = (await client.perform(Query("call"))).stats
    outer = [one for one in stats if (one.side, one.kind) == ("outside", "rtp")]
    assert len({one.local for one in outer}) == 1
    assert all(one.bundled for one in outer)
    assert sum(one.unauthentic_packets for one in outer) == 0


@pytest.mark.parametrize(("policy", "cameras"), [("max-bundle", 1), ("balanced", 2)])
async def test_chromium_calls_with_audio_and_video(
    tmp_path: Path, policy: str, cameras: int
) -> None:
    """Its sound is recorded too: the phone says again what it hears, so both have the tone."""
    inside = replace(INSIDE, record=True)
    async with (
        engine(tmp_path, B1, A1, tmp_path / "files") as client,
        chromium(tmp_path / "profile") as page,
        AvPhone(OFFICE, video_ports=cameras) as phone,
    ):
        await page.run(prepare(policy, cameras))
        inner = shown(await client.perform(Offer("call", await page.offer(), OUTSIDE, inside)))
        assert len({one.port for one in parse(inner).media}) == 1 + cameras
        outer = shown(await client.perform(Answer("call", phone.describe(inner), inside, OUTSIDE)))
        assert len(bundle_group(parse(outer))) == 1 + cameras
        await page.accept(outer)
        phone.speak(inner)
        await sees_and_hears(page, phone, client)
        await client.perform(Delete("call", "over"))
        rate, frames = await recording(tmp_path / "files")
    for side in frames.T:
        tones = [share_of_tone(part, 440, rate) for part in np.split(side, [len(side) // 2])]
        assert max(tones) > 0.8, tones


async def test_a_phone_calls_chromium_with_audio_and_video(tmp_path: Path) -> None:
    async with (
        engine(tmp_path, B1, A1) as client,
        chromium(tmp_path / "profile") as page,
        AvPhone(OFFICE, video_ports=2) as phone,
    ):
        await page.run(prepare("balanced", 2))
        outer = shown(await client.perform(Offer("call", phone.describe(), INSIDE, OUTSIDE)))
        answer = await page.answer(outer)
        inner = shown(await client.perform(Answer("call", answer, OUTSIDE, INSIDE)))
        phone.speak(inner)
        await sees_and_hears(page, phone, client)
        # A section of the bundle goes; the others go on at the port that they have.
        left = phone.describe(inner.replace(b"m=audio ", b"m=audio 0 RTP/AVP 8\r\na=was:", 1))
        again = shown(await client.perform(Offer("call", left, INSIDE, OUTSIDE)))
        assert {one.port for one in parse(again).media[1:]} == {parse(outer).media[0].port}
        answer = await page.answer(again)
        shown(await client.perform(Answer("call", answer, OUTSIDE, INSIDE)))
        # Chromium then makes its transport anew, with the same certificate.
        before = dict(phone.heard)
        async with asyncio.timeout(60):
            while any(phone.heard[name] < before[name] + 50 for name in phone.names[1:]):
                await page.run("peer.connectionState")
        assert await page.run("peer.connectionState") == "connected"
