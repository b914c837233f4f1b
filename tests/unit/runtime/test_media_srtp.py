"""SRTP through the media process over real sockets: keys outside, RTP in the clear inside."""

from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from farline.media.engine import Answer, Delete, Offer, Query, Side
from farline.runtime.media_client import MediaClient
from farline.runtime.media_process import MediaPlace, MediaSettings, serve
from farline.sdp import Crypto, parse
from farline.testing.ports import own_network
from farline.testing.srtp import SUITE, Srtp

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

NET = own_network()
B1, A1 = f"{NET}.1.96", f"{NET}.2.7"
PHONE, OFFICE = f"{NET}.3.61", f"{NET}.4.13"
OUTSIDE = Side("outside", "B1", PHONE, "required")
INSIDE = Side("inside", "A1", OFFICE)
KEY = Crypto(1, SUITE, bytes(range(30)))
RTCP = bytes([0x80, 200, 0, 6]) + b"ssrc" + bytes(20)


def rtp(sequence: int) -> bytes:
    return bytes([0x80, 8, 0, sequence]) + bytes(4) + b"ssrc" + b"\xd5" * 160


def sdp(at: socket.socket, profile: str, *keys: Crypto) -> bytes:
    address, port = at.getsockname()
    head = f"v=0\r\no=- 1 1 IN IP4 {address}\r\ns=-\r\nc=IN IP4 {address}\r\nt=0 0\r\n"
    lines = b"".join(b"a=%b\r\n" % one.to_bytes() for one in keys)
    return f"{head}m=audio {port} {profile} 8\r\na=rtcp-mux\r\n".encode() + lines


def peer(address: str) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind((address, 0))
    made.setblocking(False)
    return made


class Call:
    """A call that is set up: packets in and out of both ends."""

    def __init__(self, client: MediaClient, phone: socket.socket, office: socket.socket) -> None:
        self.client, self.phone, self.office = client, phone, office
        self.theirs = Srtp(KEY.key)

    async def start(self) -> None:
        offer = Offer("call", sdp(self.phone, "RTP/SAVP", KEY), OUTSIDE, INSIDE)
        offered = await self.client.perform(offer)
        assert offered.sdp is not None, offered.error
        answer = Answer("call", sdp(self.office, "RTP/AVP"), INSIDE, OUTSIDE)
        answered = await self.client.perform(answer)
        assert answered.sdp is not None, answered.error
        (inner,), (outer,) = parse(offered.sdp).media, parse(answered.sdp).media
        assert (inner.line.protocol, outer.line.protocol) == ("RTP/AVP", "RTP/SAVP")
        assert inner.crypto == ()
        self.ours = Srtp(outer.crypto[0].key)
        self.outer, self.inner = outer.port, inner.port

    async def from_phone(self, data: bytes, *, rtcp: int = 0) -> None:
        await asyncio.get_running_loop().sock_sendto(self.phone, data, (B1, self.outer + rtcp))

    async def from_office(self, data: bytes, *, rtcp: int = 0) -> None:
        await asyncio.get_running_loop().sock_sendto(self.office, data, (A1, self.inner + rtcp))

    async def at(self, end: socket.socket) -> bytes:
        async with asyncio.timeout(30):
            return await asyncio.get_running_loop().sock_recv(end, 2048)


@asynccontextmanager
async def call(directory: Path) -> AsyncIterator[Call]:
    path = directory / "media.sock"
    places = [MediaPlace("B1", B1, 36000, 36099), MediaPlace("A1", A1, 36000, 36099)]
    ready = asyncio.Event()
    task = asyncio.create_task(serve(path, places, MediaSettings(threads=1), ready.set))
    client = MediaClient(path, lambda _timeout: None)
    try:
        await ready.wait()
        client.start()
        await client.wait_connected()
        with peer(PHONE) as phone, peer(OFFICE) as office:
            made = Call(client, phone, office)
            await made.start()
            yield made
    finally:
        await client.stop()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_srtp_outside_becomes_rtp_inside_and_back(tmp_path: Path) -> None:
    async with call(tmp_path) as made:
        await made.from_phone(made.theirs.protect(rtp(1)))
        assert await made.at(made.office) == rtp(1)
        await made.from_office(rtp(7))
        arrived = await made.at(made.phone)
        assert arrived != rtp(7)
        assert made.ours.unprotect(arrived) == rtp(7)
        # Both have agreed to RTCP on the RTP port (RFC 5761).
        await made.from_phone(made.theirs.protect_rtcp(RTCP, 1))
        assert await made.at(made.office) == RTCP
        await made.from_office(RTCP)
        assert made.ours.unprotect_rtcp(await made.at(made.phone)) == RTCP
        stats = (await made.client.perform(Query("call"))).stats
        assert [one.suite for one in stats] == [SUITE, SUITE, None, None]


async def test_what_does_not_authenticate_is_dropped_and_the_call_goes_on(tmp_path: Path) -> None:
    async with call(tmp_path) as made:
        stranger = Srtp(bytes(30))
        for sequence in range(100):
            await made.from_phone(stranger.protect(rtp(sequence)))
        await made.from_phone(rtp(1))
        good = made.theirs.protect(rtp(200))
        await made.from_phone(good)
        await made.from_phone(good)
        await made.from_phone(made.theirs.protect(rtp(201)))
        # In order, so whatever of the above had passed would have come first.
        assert await made.at(made.office) == rtp(200)
        assert await made.at(made.office) == rtp(201)
        stats = (await made.client.perform(Delete("call", "BYE"))).stats
        outside = stats[0]
        assert (outside.unauthentic_packets, outside.replayed_packets) == (101, 1)
        assert outside.received_packets == 2
        host, port = made.phone.getsockname()
        assert outside.latched == f"{host}:{port}"


async def test_a_downgrade_in_the_call_is_refused_and_what_was_agreed_stays(tmp_path: Path) -> None:
    async with call(tmp_path) as made:
        reoffer = Offer("call", sdp(made.phone, "RTP/AVP"), OUTSIDE, INSIDE)
        reply = await made.client.perform(reoffer)
        assert reply.status == 488
        assert "Media Rule: Encryption is 'required'" in (reply.error or "")
        await made.from_phone(rtp(1))
        await made.from_phone(made.theirs.protect(rtp(2)))
        assert await made.at(made.office) == rtp(2)
