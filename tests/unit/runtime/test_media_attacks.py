"""Strangers at the media ports of a call, before, during and after it: RTP bleed and injection.

EnableSecurity ES2025-01 and its kin: whoever is not the call's gets nothing out of a port, and gets
nothing into the call, whatever he sends and whenever.
"""

from __future__ import annotations

import asyncio
import socket
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack

from farline.media.engine import Answer, Delete, Offer, Query, Side
from farline.sdp import Crypto, parse
from farline.testing.media import audio_sdp, engine
from farline.testing.ports import own_network
from farline.testing.srtp import SUITE, Srtp

if TYPE_CHECKING:
    from pathlib import Path

    from farline.media.engine import StreamStats
    from farline.runtime.media_client import MediaClient

NET = own_network()
B1, A1 = f"{NET}.1.96", f"{NET}.2.7"
PHONE, OFFICE, STRANGER = f"{NET}.3.61", f"{NET}.4.13", f"{NET}.9.66"
INSIDE = Side("inside", "A1", OFFICE)
KEY = Crypto(1, SUITE, bytes(range(30)))
ROUNDS = 20

CLIENT_HELLO = bytes.fromhex("16fefd0000000000000000003a0100002e000000000000002efefd")
EVIL = (
    bytes([0x80, 8, 0, 1]) + bytes(4) + b"evil" + b"evil" * 40,
    bytes([0x80, 200, 0, 6]) + b"evil" * 6,
    bytes([0x80, 201, 0, 1]) + b"evil",
    bytes.fromhex("000100002112a442") + b"evilevilevil",
    CLIENT_HELLO + bytes(32),
    b"\x00",
    b"\r\n\r\n",
)
"""RTP, a sender's and a receiver's report, a STUN request, a ClientHello, noise."""


def rtp(sequence: int) -> bytes:
    return bytes([0x80, 8, 0, sequence]) + bytes(4) + b"ssrc" + b"\xd5" * 160


def end(stack: ExitStack, address: str) -> socket.socket:
    made = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    made.bind((address, 0))
    made.setblocking(False)
    return made


async def arrival(at: socket.socket) -> bytes:
    async with asyncio.timeout(30):
        return await asyncio.get_running_loop().sock_recv(at, 2048)


class Phone:
    """The outer end, with keys in SDP or without."""

    def __init__(self, at: socket.socket, rule: str) -> None:
        self.at, self.rule = at, rule
        self.theirs = Srtp(KEY.key)

    async def offer(self) -> bytes:
        return (
            audio_sdp(self.at, "RTP/SAVP", KEY)
            if self.rule == "required"
            else audio_sdp(self.at, "RTP/AVP")
        )

    async def answer(self, answer: bytes) -> None:
        self.to = (B1, parse(answer).media[0].port)

    async def speak(self) -> None:
        packet = rtp(1)
        packet = self.theirs.protect(packet) if self.rule == "required" else packet
        await asyncio.get_running_loop().sock_sendto(self.at, packet, self.to)

    async def close(self) -> None: ...


class Browser:
    """The outer end as a browser: aiortc."""

    def __init__(self) -> None:
        self.peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.peer.addTrack(AudioStreamTrack())

    async def offer(self) -> bytes:
        await self.peer.setLocalDescription(await self.peer.createOffer())
        return self.peer.localDescription.sdp.encode()

    async def answer(self, answer: bytes) -> None:
        self.answered = RTCSessionDescription(answer.decode(), "answer")

    async def speak(self) -> None:
        await self.peer.setRemoteDescription(self.answered)

    async def close(self) -> None:
        await self.peer.close()


class Stranger:
    """Sends all it has to every port of a call, and listens."""

    def __init__(self, at: socket.socket) -> None:
        self.at, self.sent = at, 0
        self.ports: list[tuple[str, int]] = []

    async def attack(self) -> None:
        loop = asyncio.get_running_loop()
        for _ in range(ROUNDS):
            for to in self.ports:
                for packet in EVIL:
                    await loop.sock_sendto(self.at, packet, to)
                    self.sent += 1

    def heard(self) -> bytes | None:
        try:
            return self.at.recv(2048)
        except (BlockingIOError, ConnectionRefusedError):
            return None


async def stats(client: MediaClient, judged: int) -> tuple[StreamStats, ...]:
    """The counters, once the relay has judged so many of the stranger's packets."""
    async with asyncio.timeout(30):
        while True:
            found = tuple((await client.perform(Query("call"))).stats)
            if sum(one.refused_packets + one.malformed_packets for one in found) >= judged:
                return found


@pytest.mark.parametrize("rule", ["off", "required", "dtls"])
async def test_a_stranger_gets_nothing_out_and_nothing_in(
    rule: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aioice.ice.get_host_addresses", lambda **_which: [PHONE])
    outside = Side("outside", "B1", PHONE, rule)
    with ExitStack() as stack:
        office, stranger = end(stack, OFFICE), Stranger(end(stack, STRANGER))
        peer = Browser() if rule == "dtls" else Phone(end(stack, PHONE), rule)
        async with engine(tmp_path, B1, A1) as client:
            offered = await client.perform(Offer("call", await peer.offer(), outside, INSIDE))
            assert offered.sdp is not None, offered.error
            inner = parse(offered.sdp).media[0].port
            answer = Answer("call", audio_sdp(office, "RTP/AVP"), INSIDE, outside)
            answered = await client.perform(answer)
            assert answered.sdp is not None, answered.error
            outer = parse(answered.sdp).media[0].port
            stranger.ports = [(B1, outer), (B1, outer + 1), (A1, inner), (A1, inner + 1)]
            # Before the first packet of the call.
            await stranger.attack()
            before = await stats(client, stranger.sent)
            assert sum(one.received_packets + one.sent_packets for one in before) == 0
            # While it is spoken.
            await peer.answer(answered.sdp)
            await peer.speak()
            first = await arrival(office)
            assert b"evil" not in first
            await asyncio.get_running_loop().sock_sendto(office, rtp(9), (A1, inner))
            await stranger.attack()
            during = await stats(client, stranger.sent)
            assert sum(one.received_packets for one in during if one.side == "inside") == 1
            assert {one.latched for one in during if one.side == "inside" and one.latched} == {
                f"{OFFICE}:{office.getsockname()[1]}"
            }
            assert all(STRANGER not in (one.latched or "") for one in during)
            # After the last.
            await client.perform(Delete("call", "test"))
            await stranger.attack()
        await peer.close()
        assert stranger.heard() is None
        while True:
            try:
                assert b"evil" not in office.recv(2048)
            except (BlockingIOError, ConnectionRefusedError):
                break
