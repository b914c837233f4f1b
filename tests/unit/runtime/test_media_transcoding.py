"""A transcoded call through the real process: recorded, mixed, and with the process killed."""

from __future__ import annotations

import asyncio
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import pytest

from farline.media.engine import Answer, Delete, Offer, Query, Side, Subscribe, SubscribeAnswer
from farline.media.g711 import decode_alaw, encode_alaw
from farline.sdp import Crypto, parse
from farline.testing.media import MediaProcess, client_of, engine, recording, served
from farline.testing.opus import FRAME, RATE, OpusPhone, share_of_tone
from farline.testing.ports import own_network
from farline.testing.srtp import SUITE, Srtp

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from farline.runtime.media_client import MediaClient

pytestmark = pytest.mark.timeout(180)

NET = own_network()
B1, A1 = f"{NET}.1.96", f"{NET}.2.7"
PHONE, OFFICE = f"{NET}.3.61", f"{NET}.4.13"
OUTSIDE = Side("outside", "B1", PHONE, "required", transcoding=("opus",))
INSIDE = Side("inside", "A1", OFFICE, transcoding=("pcma",))
OURS = Crypto(1, SUITE, bytes(range(30)))
PHONE_HZ, OFFICE_HZ = 700, 1300
OPUS = "m=audio {port} RTP/SAVP 96\r\na=rtpmap:96 opus/48000/2\r\n"
ALAW = "m=audio {port} RTP/AVP 8\r\n"
BOTH = "m=audio {port} RTP/AVP 8 96\r\na=rtpmap:96 opus/48000/2\r\n"


@contextmanager
def bound(ip: str) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.bind((ip, 0))
        made.setblocking(False)
        yield made


def described(at: socket.socket, stream: str, *keys: Crypto) -> bytes:
    ip, port = at.getsockname()
    head = f"v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\n"
    lines = "".join(f"a={one.to_bytes().decode()}\r\n" for one in keys)
    return f"{head}{stream.format(port=port)}{lines}".encode()


class Speaker:
    """One side: what it sends, and what it has heard."""

    def __init__(self, at: socket.socket, number: int, step: int) -> None:
        self.at, self.number, self.step = at, number, step
        self.to: tuple[str, int] = ("", 0)
        self.seal: Srtp | None = None
        self.unseal: Srtp | None = None
        self.packets: list[bytes] = []
        self.sent = 65_530  # the sequence numbers pass their end

    def packet(self, payload: bytes) -> bytes:
        head = bytes([0x80, self.number]) + (self.sent % 65_536).to_bytes(2)
        return head + (self.sent * self.step).to_bytes(4) + b"them" + payload

    async def say(self, payload: bytes, other: Speaker) -> None:
        """Send the next packet, and wait until the other side has got one for it."""
        loop = asyncio.get_running_loop()
        packet = self.packet(payload)
        if self.seal is not None:
            packet = self.seal.protect(packet, self.sent >> 16)
        self.sent += 1
        await loop.sock_sendto(self.at, packet, self.to)
        while True:
            heard = await loop.sock_recv(other.at, 2048)
            if 64 <= heard[1] & 0x7F <= 95:
                continue  # a report
            # Ours begins below 65,536: a number that is small by now has passed the end.
            before = int.from_bytes(other.packets[0][2:4]) if other.packets else 0
            roc = int(int.from_bytes(heard[2:4]) < before)
            other.packets.append(
                heard if other.unseal is None else other.unseal.unprotect(heard, roc)
            )
            return

    def course(self) -> list[tuple[int, int]]:
        """Sequence numbers and timestamps as they count on from the first packet's."""
        first = self.packets[0]
        numbers = [(one[2:4], one[4:8]) for one in self.packets]
        return [
            (
                (int.from_bytes(number) - int.from_bytes(first[2:4])) % 2**16,
                (int.from_bytes(stamp) - int.from_bytes(first[4:8])) % 2**32,
            )
            for number, stamp in numbers
        ]


def alaw(number: int) -> bytes:
    at = np.arange(160) + 160 * number
    return encode_alaw((8000 * np.sin(2 * np.pi * OFFICE_HZ * at / 8000)).astype(np.int16))


class Call:
    """A phone with Opus alone and SRTP, an office with A-law."""

    def __init__(self, phone: socket.socket, office: socket.socket) -> None:
        self.opus = OpusPhone(PHONE_HZ)
        self.phone, self.office = Speaker(phone, 96, FRAME), Speaker(office, 8, 160)

    async def begin(self, client: MediaClient, inside: Side = INSIDE) -> None:
        offer = described(self.phone.at, OPUS, OURS)
        offered = await client.perform(Offer("call", offer, OUTSIDE, inside))
        assert offered.sdp is not None, offered.error
        answer = described(self.office.at, ALAW)
        answered = await client.perform(Answer("call", answer, inside, OUTSIDE))
        assert answered.sdp is not None, answered.error
        (outer,) = parse(answered.sdp).media
        self.phone.to, self.office.to = (B1, outer.port), (A1, parse(offered.sdp).media[0].port)
        self.phone.seal, self.phone.unseal = Srtp(OURS.key), Srtp(outer.crypto[0].key)

    async def talk(self, packets: int) -> None:
        async with asyncio.timeout(60):
            for number in range(packets):
                await self.phone.say(self.opus.sing(), self.office)
                await self.office.say(alaw(number), self.phone)

    def assert_heard(self) -> None:
        """Both tones are heard, and no noise, in every tenth of a second."""
        there = [decode_alaw(one[12:]) for one in self.office.packets]
        back = [self.opus.hear(one[12:]) for one in self.phone.packets]
        for begin in range(0, len(there), 5):
            part = slice(begin, begin + 5)
            assert share_of_tone(np.concatenate(there[part]), PHONE_HZ, 8000) > 0.9, begin
            assert share_of_tone(np.concatenate(back[part]), OFFICE_HZ, RATE) > 0.9, begin


async def test_a_transcoded_call_goes_on_when_the_process_is_killed(tmp_path: Path) -> None:
    with (
        MediaProcess(tmp_path, B1, A1) as process,
        bound(PHONE) as phone,
        bound(OFFICE) as office,
    ):
        async with client_of(process.path) as client:
            call = Call(phone, office)
            await call.begin(client)
            await call.talk(40)
            process.die_and_return()
            await served(client, "call")
            await call.talk(40)
            call.assert_heard()
            for side, step in ((call.phone, FRAME), (call.office, 160)):
                assert len({one[8:12] for one in side.packets}) == 1
                numbers = [number for number, _ in side.course()]
                # SRTP's index goes on with them: each number once, none left out.
                assert numbers == list(range(80))
                stamps = [stamp for _, stamp in side.course()]
                assert stamps == sorted(stamps)
                assert stamps[39] == 39 * step
            stats = (await client.perform(Query("call"))).stats
            assert {one.transcoding for one in stats if one.kind == "rtp"} == {"PCMA", "opus"}
            assert all(one.unauthentic_packets == one.replayed_packets == 0 for one in stats)


async def test_a_transcoded_call_is_recorded_as_both_sides_spoke(tmp_path: Path) -> None:
    files = tmp_path / "files"
    recorded = Side("inside", "A1", OFFICE, record=True, transcoding=("pcma",))
    with bound(PHONE) as phone, bound(OFFICE) as office:
        async with engine(tmp_path, B1, A1, files) as client:
            call = Call(phone, office)
            await call.begin(client, recorded)
            async with asyncio.timeout(30):
                for number in range(50):
                    await call.phone.say(call.opus.sing(), call.office)
                    await call.office.say(alaw(number), call.phone)
                    await asyncio.sleep(0.02)  # a file is as long as the call
            call.assert_heard()
            await client.perform(Delete("call", "over"))
            rate, frames = await recording(files)
    for channel, hz in ((0, PHONE_HZ), (1, OFFICE_HZ)):
        spoken = frames[rate // 4 : rate // 2, channel]
        assert share_of_tone(spoken, hz, rate) > 0.8, channel


async def test_a_codec_that_only_the_answerer_knows_is_transcoded_when_it_comes(
    tmp_path: Path,
) -> None:
    """The office offers A-law; the phone answers with it and with Opus, and speaks first one."""
    outside = Side("outside", "B1", PHONE, transcoding=("opus",))
    with bound(PHONE) as phone, bound(OFFICE) as office:
        async with engine(tmp_path, B1, A1) as client:
            offer = described(office, ALAW)
            offered = await client.perform(Offer("call", offer, INSIDE, outside))
            assert offered.sdp is not None, offered.error
            answer = described(phone, BOTH)
            answered = await client.perform(Answer("call", answer, outside, INSIDE))
            assert answered.sdp is not None, answered.error
            (told,) = parse(answered.sdp).media
            assert [one.name for one in told.formats] == ["PCMA"]
            speaks, hears = Speaker(phone, 8, 160), Speaker(office, 8, 160)
            speaks.to, hears.to = (B1, parse(offered.sdp).media[0].port), (A1, told.port)
            await speaks.say(alaw(0), hears)
            assert hears.packets[0] == speaks.packet(alaw(0)).replace(
                (65_531).to_bytes(2), (65_530).to_bytes(2), 1
            ).replace((65_531 * 160).to_bytes(4), (65_530 * 160).to_bytes(4), 1)
            opus = OpusPhone(PHONE_HZ)
            speaks.number, speaks.step = 96, FRAME
            for _ in range(30):
                await speaks.say(opus.sing(), hears)
            told_now = hears.packets[1:]
            assert {one[1] & 0x7F for one in told_now} == {8}
            there = decode_alaw(b"".join(one[12:] for one in told_now))
            assert share_of_tone(there, PHONE_HZ, 8000) > 0.9
            await hears.say(alaw(1), speaks)
            assert speaks.packets[0][8:12] == b"them", "the other direction passes"


async def test_a_recording_server_gets_each_side_as_it_spoke(tmp_path: Path) -> None:
    """Opus in SRTP outside, A-law inside: the copies are each side's own codec, in the clear."""
    server = Side("recorder", "A1", "")
    with (
        bound(PHONE) as phone,
        bound(OFFICE) as office,
        bound(OFFICE) as one,
        bound(OFFICE) as two,
    ):
        async with engine(tmp_path, B1, A1) as client:
            call = Call(phone, office)
            await call.begin(client)
            shown = await client.perform(Subscribe("call", server, "outside"))
            assert shown.sdp is not None, shown.error
            offered = parse(shown.sdp).media
            named = {it.attributes[-2]: [known.name for known in it.formats] for it in offered}
            assert named == {b"label:1": ["opus"], b"label:2": ["PCMA"]}
            lines = [
                f"m=audio {ear.getsockname()[1]} RTP/AVP {media.line.formats[0]}\r\na=recvonly\r\n"
                for ear, media in zip((one, two), offered, strict=True)
            ]
            head = f"v=0\r\no=- 1 1 IN IP4 {OFFICE}\r\ns=-\r\nc=IN IP4 {OFFICE}\r\nt=0 0\r\n"
            answer = (head + "".join(lines)).encode()
            assert (await client.perform(SubscribeAnswer("call", answer))).error is None
            await call.talk(50)
            call.assert_heard()
            copies = [rtp_of(ear) for ear in (one, two)]
    assert [{packet[1] & 0x7F for packet in heard} for heard in copies] == [{96}, {8}]
    for heard in copies:
        numbers = [int.from_bytes(packet[2:4]) for packet in heard]
        assert numbers == [(numbers[0] + at) % 2**16 for at in range(50)]
    ear = OpusPhone(PHONE_HZ)
    spoken = np.concatenate([ear.hear(packet[12:]) for packet in copies[0]])
    assert share_of_tone(spoken[-9600:], PHONE_HZ, RATE) > 0.8
    spoken = decode_alaw(b"".join(packet[12:] for packet in copies[1]))
    assert share_of_tone(spoken[-1600:], OFFICE_HZ, 8000) > 0.8


def rtp_of(ear: socket.socket) -> list[bytes]:
    """The packets of RTP that came."""
    found: list[bytes] = []
    while True:
        try:
            packet = ear.recv(2048)
        except BlockingIOError:
            return found
        if not 64 <= packet[1] & 0x7F <= 95:
            found.append(packet)
