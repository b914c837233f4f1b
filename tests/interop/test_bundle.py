"""Audio and video of aiortc on one port (BUNDLE), and of a plain phone on a pair each."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from aiortc import RTCBundlePolicy, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack, VideoStreamTrack

from farline.media.engine import Answer, MediaReply, Offer, Query, Side
from farline.sdp import bundle_group, parse
from farline.testing.av_phone import AvPhone
from farline.testing.media import MediaProcess, client_of, engine
from farline.testing.ports import own_network

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from farline.runtime.media_client import MediaClient

pytestmark = pytest.mark.timeout(240)

NET = own_network()
B1, A1 = f"{NET}.1.96", f"{NET}.2.7"
BROWSER, OFFICE = f"{NET}.3.61", f"{NET}.4.13"
OUTSIDE = Side("outside", "B1", BROWSER, "dtls")
INSIDE = Side("inside", "A1", OFFICE)


@asynccontextmanager
async def browser(
    monkeypatch: pytest.MonkeyPatch, policy: RTCBundlePolicy
) -> AsyncIterator[RTCPeerConnection]:
    monkeypatch.setattr("aioice.ice.get_host_addresses", lambda **_which: [BROWSER])
    made = RTCPeerConnection(RTCConfiguration(iceServers=[], bundlePolicy=policy))
    try:
        yield made
    finally:
        await made.close()


def shown(reply: MediaReply) -> bytes:
    assert reply.sdp is not None, reply.error
    return reply.sdp


async def sees_and_hears(peer: RTCPeerConnection, phone: AvPhone) -> None:
    """Packets of both kinds arrive at the phone's ports, and come back as sound and picture."""
    async with asyncio.timeout(60):
        for receiver in peer.getReceivers():
            for _ in range(5):
                await receiver.track.recv()
        await phone.all_reported()
    streams = [phone.sources[name] for name in phone.names]
    assert not set.intersection(*streams), "each source came to one port"
    assert not phone.stray


async def ports_of(client: MediaClient) -> list[tuple[str, bool, int]]:
    """The browser's RTP ports as `show media` has them: address, whether shared, packets.

    A process that has just been started again may take its time on a busy machine.
    """
    async with asyncio.timeout(60):
        while (reply := await client.perform(Query("call"))).error is not None:
            pass  # it waits for the process itself
    outer = [one for one in reply.stats if (one.side, one.kind) == ("outside", "rtp")]
    assert all(one.unauthentic_packets == one.malformed_packets == 0 for one in outer), outer
    return [(one.local, one.bundled, one.received_packets) for one in outer]


@pytest.mark.parametrize("policy", [RTCBundlePolicy.MAX_BUNDLE, RTCBundlePolicy.BALANCED])
async def test_audio_and_video_of_a_browser_that_calls_share_a_port(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, policy: RTCBundlePolicy
) -> None:
    async with (
        engine(tmp_path, B1, A1) as client,
        browser(monkeypatch, policy) as peer,
        AvPhone(OFFICE) as phone,
    ):
        peer.addTrack(AudioStreamTrack())
        peer.addTrack(VideoStreamTrack())
        await peer.setLocalDescription(await peer.createOffer())
        offer = peer.localDescription.sdp.encode()
        inner = shown(await client.perform(Offer("call", offer, OUTSIDE, INSIDE)))
        assert len({media.port for media in parse(inner).media}) == 2
        for word in (b"BUNDLE", b"bundle-only", b"a=mid", b"extmap"):
            assert word not in inner
        answer = phone.describe(inner)
        outer = shown(await client.perform(Answer("call", answer, INSIDE, OUTSIDE)))
        description = parse(outer)
        assert bundle_group(description) == (0, 1)
        assert len({media.port for media in description.media}) == 1
        assert [media.mid_extension for media in description.media] == [1, 1]
        await peer.setRemoteDescription(RTCSessionDescription(outer.decode(), "answer"))
        phone.speak(inner)
        await sees_and_hears(peer, phone)
        (audio, video) = await ports_of(client)
        assert audio[0] == video[0]
        assert audio[1] is video[1] is True
        assert min(audio[2], video[2]) > 10


async def test_a_browser_that_is_called_may_take_one_port(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        engine(tmp_path, B1, A1) as client,
        browser(monkeypatch, RTCBundlePolicy.BALANCED) as peer,
        AvPhone(OFFICE) as phone,
    ):
        offer = phone.describe()
        outer = shown(await client.perform(Offer("call", offer, INSIDE, OUTSIDE)))
        description = parse(outer)
        assert bundle_group(description) == (0, 1)
        assert len({media.port for media in description.media}) == 2, "until it has answered"
        await peer.setRemoteDescription(RTCSessionDescription(outer.decode(), "offer"))
        peer.addTrack(AudioStreamTrack())
        peer.addTrack(VideoStreamTrack())
        await peer.setLocalDescription(await peer.createAnswer())
        answer = peer.localDescription.sdp.encode()
        inner = shown(await client.perform(Answer("call", answer, OUTSIDE, INSIDE)))
        assert len({media.port for media in parse(inner).media}) == 2
        phone.speak(inner)
        await sees_and_hears(peer, phone)
        (audio, video) = await ports_of(client)
        assert audio[:2] == video[:2]


async def test_a_bundle_outlives_the_media_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with MediaProcess(tmp_path, B1, A1) as process:
        async with (
            client_of(process.path) as client,
            browser(monkeypatch, RTCBundlePolicy.MAX_BUNDLE) as peer,
            AvPhone(OFFICE) as phone,
        ):
            await goes_on(process, client, peer, phone)


async def goes_on(
    process: MediaProcess, client: MediaClient, peer: RTCPeerConnection, phone: AvPhone
) -> None:
    """A call is set up, the process dies, and everybody sees and hears as before."""
    peer.addTrack(AudioStreamTrack())
    peer.addTrack(VideoStreamTrack())
    await peer.setLocalDescription(await peer.createOffer())
    offer = peer.localDescription.sdp.encode()
    inner = shown(await client.perform(Offer("call", offer, OUTSIDE, INSIDE)))
    answer = phone.describe(inner)
    outer = shown(await client.perform(Answer("call", answer, INSIDE, OUTSIDE)))
    await peer.setRemoteDescription(RTCSessionDescription(outer.decode(), "answer"))
    phone.speak(inner)
    await sees_and_hears(peer, phone)
    process.die_and_return()
    before = await ports_of(client)
    async with asyncio.timeout(60):
        for receiver in peer.getReceivers():
            for _ in range(100):
                await receiver.track.recv()
    after = await ports_of(client)
    assert [one[:2] for one in after] == [one[:2] for one in before]
    for (_, _, old), (_, _, new) in zip(before, after, strict=True):
        assert new > old
    assert not phone.stray


async def test_without_a_group_each_stream_has_a_port(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        engine(tmp_path, B1, A1) as client,
        browser(monkeypatch, RTCBundlePolicy.BALANCED) as peer,
        AvPhone(OFFICE) as phone,
    ):
        peer.addTrack(AudioStreamTrack())
        peer.addTrack(VideoStreamTrack())
        await peer.setLocalDescription(await peer.createOffer())
        lines = peer.localDescription.sdp.splitlines(keepends=True)
        offer = "".join(line for line in lines if "BUNDLE" not in line).encode()
        inner = shown(await client.perform(Offer("call", offer, OUTSIDE, INSIDE)))
        answer = phone.describe(inner)
        outer = shown(await client.perform(Answer("call", answer, INSIDE, OUTSIDE)))
        assert b"BUNDLE" not in outer
        assert len({media.port for media in parse(outer).media}) == 2
        await peer.setRemoteDescription(RTCSessionDescription(outer.decode(), "answer"))
        phone.speak(inner)
        await sees_and_hears(peer, phone)
        assert [bundled for _, bundled, _ in await ports_of(client)] == [False, False]
