"""Digits that the media process hears in a call, puts into it, and keeps from a side."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from msgspec.structs import replace

from farline.media.engine import Answer, Delete, Dial, Offer
from farline.media.reports import DigitDialled
from farline.runtime.media_process import MediaSettings
from farline.testing.media import bare_sdp
from farline.testing.media_process import (
    B1,
    INSIDE,
    OFFICE,
    OUTSIDE,
    PHONE,
    asking,
    packet,
    peer,
    serving,
)

if TYPE_CHECKING:
    from pathlib import Path


def with_events(sdp: bytes) -> bytes:
    return sdp.replace(b"AVP 8\r\n", b"AVP 8 101\r\na=rtpmap:101 telephone-event/8000\r\n")


async def test_digits_and_quality_are_told(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    path = tmp_path / "media.sock"
    with peer(PHONE) as phone, peer(OFFICE) as office:
        settings = MediaSettings(threads=1, first_port=36040)
        async with serving(path, settings), asking(path) as (client, reports):
            offer = with_events(bare_sdp(PHONE, phone.getsockname()[1]))
            await client.perform(Offer("call", offer, OUTSIDE, INSIDE))
            answer = with_events(bare_sdp(OFFICE, office.getsockname()[1]))
            await client.perform(Answer("call", answer, INSIDE, OUTSIDE))
            for sequence in (1, 2, 4):
                await loop.sock_sendto(phone, packet(sequence), (B1, 36040))
                await loop.sock_recvfrom(office, 2048)
            header = bytes([0x80, 101, 0, 5, 0, 0, 4, 0, 0, 0, 0, 0])
            for duration in (320, 640, 640, 640):
                end = bytes([11, 0x8A if duration == 640 else 0x0A])
                event = header + end + duration.to_bytes(2, "big")
                await loop.sock_sendto(phone, event, (B1, 36040))
                assert (await loop.sock_recvfrom(office, 2048))[0] == event
            assert await reports.get() == DigitDialled("call", "outside", "#", 80)
            stats = (await client.perform(Delete("call", "BYE"))).stats
            assert reports.empty()
            quality = stats[0].quality
            assert quality is not None
            assert (quality.codec, quality.ssrc) == ("PCMA", 0)
            assert quality.expected_packets == 5


async def test_a_digit_from_signaling_takes_the_place_of_speech(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    path = tmp_path / "media.sock"
    with peer(PHONE) as phone, peer(OFFICE) as office:
        settings = MediaSettings(threads=1, first_port=36044)
        async with serving(path, settings), asking(path) as (client, _):
            offer = with_events(bare_sdp(PHONE, phone.getsockname()[1]))
            await client.perform(Offer("call", offer, OUTSIDE, INSIDE))
            answer = with_events(bare_sdp(OFFICE, office.getsockname()[1]))
            await client.perform(Answer("call", answer, INSIDE, OUTSIDE))
            assert (await client.perform(Dial("call", "inside", "7", 40))).error is None
            assert (await client.perform(Dial("call", "nobody", "7", 40))).status == 500
            heard = []
            for sequence in range(1, 7):
                await loop.sock_sendto(phone, packet(sequence), (B1, 36044))
                heard.append((await loop.sock_recvfrom(office, 2048))[0])
            assert [data[1] for data in heard] == [0x80 | 101, 101, 101, 101, 8, 8]
            assert [data[3] for data in heard] == [1, 2, 3, 4, 5, 6]
            assert heard[0][12] == 7


async def test_events_are_kept_from_a_side_that_signaling_tells(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    path = tmp_path / "media.sock"
    told = replace(INSIDE, events=False)
    with peer(PHONE) as phone, peer(OFFICE) as office:
        settings = MediaSettings(threads=1, first_port=36048)
        async with serving(path, settings), asking(path) as (client, reports):
            offer = with_events(bare_sdp(PHONE, phone.getsockname()[1]))
            await client.perform(Offer("call", offer, OUTSIDE, told))
            answer = with_events(bare_sdp(OFFICE, office.getsockname()[1]))
            await client.perform(Answer("call", answer, told, OUTSIDE))
            end = bytes([0x80, 101, 0, 2, 0, 0, 4, 0, 0, 0, 0, 0, 5, 0x8A, 2, 128])
            for data in (packet(1), end, packet(3)):
                await loop.sock_sendto(phone, data, (B1, 36048))
            heard = [(await loop.sock_recvfrom(office, 2048))[0] for _ in range(2)]
            assert [(data[1], data[3]) for data in heard] == [(8, 1), (8, 2)]
            assert await reports.get() == DigitDialled("call", "outside", "5", 80)
