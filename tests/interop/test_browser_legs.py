"""A browser's leg against aiortc: ICE, DTLS-SRTP, and a phone without either."""

from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import numpy as np
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack

from farline.media.engine import Answer, Offer, Query, Side
from farline.sdp import parse
from farline.testing.media import audio_sdp, engine, tone
from farline.testing.ports import own_network

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import pytest

NET = own_network()
B1, A1 = f"{NET}.1.96", f"{NET}.2.7"
BROWSER, OFFICE = f"{NET}.3.61", f"{NET}.4.13"
OUTSIDE = Side("outside", "B1", BROWSER, "dtls")
INSIDE = Side("inside", "A1", OFFICE)
PROFILE = "UDP/TLS/RTP/SAVPF"


@asynccontextmanager
async def browser(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[RTCPeerConnection]:
    monkeypatch.setattr("aioice.ice.get_host_addresses", lambda **_which: [BROWSER])
    made = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    try:
        yield made
    finally:
        await made.close()


@asynccontextmanager
async def phone() -> AsyncIterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.bind((OFFICE, 0))
        made.setblocking(False)
        yield made


async def speaks_both_ways(peer: RTCPeerConnection, at: socket.socket, to: tuple[str, int]) -> None:
    """The phone hears the browser, and the browser the phone's tone."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(60):
        while True:
            arrived, source = await loop.sock_recvfrom(at, 2048)
            if arrived[1] & 0x7F == 8:
                break
    assert source == to
    assert len(arrived) == 172

    async def speak() -> None:
        for sequence in range(10_000):
            await loop.sock_sendto(at, tone(sequence), to)
            await asyncio.sleep(0.02)

    speaking = asyncio.create_task(speak())
    (receiver,) = peer.getReceivers()
    try:
        async with asyncio.timeout(60):
            loudness = 0.0
            while loudness < 4000:
                frame = await receiver.track.recv()
                loudness = float(np.abs(frame.to_ndarray().astype(float)).mean())
    finally:
        speaking.cancel()


async def test_a_browser_calls_a_phone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with engine(tmp_path, B1, A1) as client, browser(monkeypatch) as peer, phone() as office:
        peer.addTrack(AudioStreamTrack())
        await peer.setLocalDescription(await peer.createOffer())
        offer = peer.localDescription.sdp.encode()
        offered = await client.perform(Offer("call", offer, OUTSIDE, INSIDE))
        assert offered.sdp is not None, offered.error
        (inner,) = parse(offered.sdp).media
        assert inner.line.protocol == "RTP/AVP"
        for word in (b"ice-", b"fingerprint", b"candidate", b"ssrc", b"extmap", b"BUNDLE", b"msid"):
            assert word not in offered.sdp
        answer = Answer("call", audio_sdp(office), INSIDE, OUTSIDE)
        answered = await client.perform(answer)
        assert answered.sdp is not None, answered.error
        (outer,) = parse(answered.sdp).media
        assert (outer.line.protocol, outer.setup, outer.ice_lite) == (PROFILE, "passive", True)
        await peer.setRemoteDescription(RTCSessionDescription(answered.sdp.decode(), "answer"))
        await speaks_both_ways(peer, office, (A1, inner.port))
        stats = (await client.perform(Query("call"))).stats
        assert [one.suite is not None for one in stats] == [True, True, False, False]
        assert sum(one.refused_packets + one.unauthentic_packets for one in stats) == 0


async def test_a_phone_calls_a_browser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with engine(tmp_path, B1, A1) as client, browser(monkeypatch) as peer, phone() as office:
        offered = await client.perform(Offer("call", audio_sdp(office), INSIDE, OUTSIDE))
        assert offered.sdp is not None, offered.error
        (outer,) = parse(offered.sdp).media
        assert (outer.line.protocol, outer.setup) == (PROFILE, "actpass")
        await peer.setRemoteDescription(RTCSessionDescription(offered.sdp.decode(), "offer"))
        peer.addTrack(AudioStreamTrack())
        await peer.setLocalDescription(await peer.createAnswer())
        answer = peer.localDescription.sdp.encode()
        answered = await client.perform(Answer("call", answer, OUTSIDE, INSIDE))
        assert answered.sdp is not None, answered.error
        (inner,) = parse(answered.sdp).media
        assert inner.line.protocol == "RTP/AVP"
        await speaks_both_ways(peer, office, (A1, inner.port))


async def test_an_offer_or_answer_in_the_clear_is_refused_by_the_rule(tmp_path: Path) -> None:
    async with engine(tmp_path, B1, A1) as client, phone() as office:
        offered = await client.perform(Offer("call", audio_sdp(office), OUTSIDE, INSIDE))
        assert (offered.status, offered.sdp) == (488, None)
        assert offered.error is not None
        assert "Media Rule: Encryption is 'dtls'" in offered.error
        offered = await client.perform(Offer("call", audio_sdp(office), INSIDE, OUTSIDE))
        assert offered.sdp is not None, offered.error
        answered = await client.perform(Answer("call", audio_sdp(office), OUTSIDE, INSIDE))
        assert answered.status == 488
