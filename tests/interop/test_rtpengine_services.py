"""What Debian's rtpengine does for the border besides relaying: transcoding, PCAP, digits."""

import asyncio
import shutil
from contextlib import ExitStack

import numpy as np
import pytest
from msgspec.structs import replace

from farline.config import MediaNode
from farline.media.engine import Answer, Delete, Dial, Offer, Side
from farline.media.g711 import decode_alaw, encode_alaw
from farline.media.ng.client import NgPlaces
from farline.runtime.ng_client import NgClient
from farline.runtime.ng_settings import NgSettings
from farline.sdp import parse
from farline.testing.opus import FRAME, OpusPhone, share_of_tone
from farline.testing.peers import peers
from farline.testing.ports import own_network
from farline.testing.rtpengine import rtpengine

pytestmark = [
    pytest.mark.interop,
    pytest.mark.timeout(120),
    pytest.mark.skipif(shutil.which("rtpengine") is None, reason="rtpengine-daemon is missing"),
]

NET = own_network()
B1, A1, NODE = f"{NET}.1.96", f"{NET}.1.7", f"{NET}.2.1"
PHONE, OFFICE = f"{NET}.3.61", f"{NET}.4.13"
OUTSIDE = Side("outside", "B1", PHONE, transcoding=("opus",))
INSIDE = Side("inside", "A1", OFFICE, transcoding=("pcma",))
PLACES = NgPlaces({"B1": "pub", "A1": "priv"}, {"B1": B1, "A1": A1}, digits=True)
OPUS = "96\r\na=rtpmap:96 opus/48000/2"
ALAW = "8\r\na=rtpmap:8 PCMA/8000"
EVENTS = "8 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000"
HZ = 800


def sdp(peer, formats):
    return (
        f"v=0\r\no=- 1 1 IN IP4 {peer.ip}\r\ns=-\r\nc=IN IP4 {peer.ip}\r\nt=0 0\r\n"
        f"m=audio {peer.port} RTP/AVP {formats}\r\na=sendrecv\r\n"
    ).encode()


class Talker:
    """A phone's end of the stream."""

    def __init__(self, peer, number, step, payload):
        self.peer, self.number, self.step, self.payload = peer, number, step, payload
        self.sent = 0

    def say(self, to):
        head = bytes([0x80, self.number]) + self.sent.to_bytes(2)
        head += (self.sent * self.step).to_bytes(4) + self.peer.ip.encode()[-4:]
        self.peer.transport.sendto(head + self.payload(self.sent), to)
        self.sent += 1

    def heard(self):
        """Packets of RTP that came so far."""
        found = []
        while not self.peer.heard.empty():
            packet = self.peer.heard.get_nowait()[0]
            if not 64 <= packet[1] & 0x7F <= 95:
                found.append(packet)
        return found


def alaw(number):
    at = np.arange(160) + 160 * number
    return encode_alaw((8000 * np.sin(2 * np.pi * HZ * at / 8000)).astype(np.int16))


@pytest.fixture
async def world(tmp_path):
    """A node that records, a client of it, and phones' sockets."""
    files = tmp_path / "pcap"
    files.mkdir()
    options = (f"--recording-dir={files}", "--recording-method=pcap")
    interfaces = [f"priv/{A1}", f"pub/{B1}"]
    with ExitStack() as stack:
        log = tmp_path / "rtpengine.log"
        node = stack.enter_context(rtpengine(NODE, interfaces, (38000, 38098), log, None, *options))
        async with peers() as peer:
            form = MediaNode(address=node.ip, port=node.port)
            settings = NgSettings((form,), PLACES)
            client = NgClient(settings, lambda _report: None)
            client.start()
            try:
                await asyncio.wait_for(client.wait_connected(), 5)
                yield client, await peer(PHONE), await peer(OFFICE), files
            finally:
                await client.stop()


async def described(client, phone, office, formats, inside=INSIDE):
    """A call from the phone: where each talks to, and the answer as the phone reads it."""
    offered = await client.perform(Offer("call", sdp(phone, formats[0]), OUTSIDE, inside))
    assert offered.error is None, offered
    answered = await client.perform(Answer("call", sdp(office, formats[1]), inside, OUTSIDE))
    assert answered.error is None, answered
    (inner,), (outer,) = parse(offered.sdp).media, parse(answered.sdp).media
    return (B1, outer.port), (A1, inner.port), inner, outer


async def until(condition, *talks):
    """Talk every 20 ms until something is so."""
    async with asyncio.timeout(30):
        while not condition():
            for talker, to in talks:
                talker.say(to)
            await asyncio.sleep(0.02)


async def test_an_opus_phone_and_a_desk_with_g711_are_transcoded(world):
    client, phone, office, _files = world
    opus = OpusPhone(HZ)
    caller = Talker(phone, 96, FRAME, lambda _number: opus.sing())
    desk = Talker(office, 8, 160, alaw)
    to_border, to_inner, inner, outer = await described(client, phone, office, (OPUS, ALAW))
    assert {one.name for one in inner.formats} >= {"opus", "PCMA"}
    assert [one.name for one in outer.formats] == ["opus"]
    there, back = [], []

    def enough():
        there.extend(one for one in desk.heard() if one[1] & 0x7F == 8)
        back.extend(one for one in caller.heard() if one[1] & 0x7F == 96)
        return len(there) > 50 and len(back) > 50

    await until(enough, (caller, to_border), (desk, to_inner))
    heard = np.concatenate([decode_alaw(one[12:]) for one in there])
    assert share_of_tone(heard[-1600:], HZ, 8000) > 0.8
    heard = np.concatenate([opus.hear(one[12:]) for one in back])
    assert share_of_tone(heard[-9600:], HZ, 48_000) > 0.8


async def test_a_call_whose_policy_records_it_is_in_the_nodes_pcap(world):
    client, phone, office, files = world
    recorded = replace(INSIDE, record=True)
    caller, desk = (Talker(one, 8, 160, alaw) for one in (phone, office))
    to_border, _, _, _ = await described(client, phone, office, (ALAW, ALAW), recorded)
    await until(lambda: len(desk.heard()) > 0, (caller, to_border))
    assert (await client.perform(Delete("call", "over"))).error is None
    async with asyncio.timeout(20):
        while not (found := list(files.rglob("*.pcap"))):  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.02)
    assert alaw(0)[:40] in b"".join(one.read_bytes() for one in found)


async def test_a_digit_from_signaling_becomes_an_event(world):
    client, phone, office, _files = world
    caller, desk = (Talker(one, 8, 160, alaw) for one in (phone, office))
    to_border, to_inner, _, _ = await described(client, phone, office, (EVENTS, EVENTS))
    talks = ((caller, to_border), (desk, to_inner))
    heard = []

    def spoken():
        heard.extend(desk.heard())
        return len(heard) > 5

    await until(spoken, *talks)
    reply = await client.perform(Dial("call", "inside", "7", 160))
    assert reply.error is None, reply
    events = []

    def dialled():
        events.extend(one for one in desk.heard() if one[1] & 0x7F == 101)
        return any(one[13] & 0x80 for one in events)

    await until(dialled, *talks)
    assert {one[12] for one in events} == {7}
