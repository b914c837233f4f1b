"""Calls of baresip through a border whose policy records them and plays music to who is on hold."""

import asyncio
import itertools
import json
import shutil
import stat
import wave
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from farline.lab.lab import Lab
from farline.media.g711 import decode_alaw
from farline.mobile.wav import write_wav
from farline.testing.deployment import REGISTERED, event, heard, prepare_site, running, spoken
from farline.testing.sipp import listening

pytest.importorskip("baresip", reason="the PyPI package baresip-python is missing")
pytestmark = [
    pytest.mark.interop,
    pytest.mark.timeout(240),
    # A phone that is not scheduled for a moment drops a frame of its own (Makefile, FOREIGN).
    pytest.mark.flaky(reruns=2, only_rerun="frames of 20 ms are missing"),
]

needs_sipp = pytest.mark.skipif(
    shutil.which("sipp") is None, reason="Debian package sip-tester is missing"
)
SCENARIOS = Path(__file__).parent / "sipp"
TALK = 4.2
AFTER = 60.0
FLOW = """      received_interface: null
      end_point_policy_group: avaya-def-low-enc
"""
SERVER_FLOW = """      end_point_policy_group: avaya-def-low-enc
      routing_profile: default
"""
GROUPS = """
  recording_rules:
    - {name: both, record_to_file: true, recording_profile: SRS}
  media_rules:
    - {name: musical, encryption: "off", hold_music: MUSIC}
  end_point_policy_groups:
    - name: recorded
      sets:
        - {media: default-low-med-enc, recording: both, charging: default}
    - name: musical
      sets:
        - {media: musical}
"""
PROFILES = """  server_profiles:
"""
SERVER = """    - name: SRS
      server_type: recording
      addresses: [{address: 10.10.10.20, port: 5060, transport: TCP}]
"""
FLOWS = """  server_flows:
"""
TO_SERVER = """    - name: ToSRS
      server_profile: SRS
      received_interface: IPORWA1Sig
      signaling_interface: IPORWA1Sig
      media_interface: IPORWA1Media
      end_point_policy_group: default-low
"""
BORDER = "  # Device Specific Settings > End Point Flows > Subscriber Flows"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    directory = tmp_path_factory.mktemp("rec")
    music = directory / "music.wav"
    write_wav(music, spoken("dora"))
    site = prepare_site(
        directory,
        (FLOW, FLOW.replace("avaya-def-low-enc", "recorded")),
        (SERVER_FLOW, SERVER_FLOW.replace("avaya-def-low-enc", "musical")),
        (PROFILES, PROFILES + SERVER),
        (FLOWS, FLOWS + TO_SERVER),
        (BORDER, GROUPS.replace("MUSIC", str(music)) + BORDER),
    )
    with closing(site), running(Lab(site.prepared, lambda _text: None)):
        yield site
    assert site.trouble() == []


def one_side(path, channel, out):
    """A channel of a recording as a file of its own."""
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (2, 2, 8000)
        frames = np.frombuffer(file.readframes(file.getnframes()), np.int16).reshape(-1, 2)
    with wave.open(str(out), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(frames[:, channel].tobytes())
    return out


async def finished_file(site):
    """The only recording, once it has its name."""
    async with asyncio.timeout(AFTER):
        while True:
            files = list((site.run_dir / "recordings").glob("*"))
            if files and all(one.suffix == ".wav" for one in files):
                return files
            await asyncio.sleep(0.05)


async def traced(site, name):
    """The trace says that the recording has ended."""
    async with asyncio.timeout(AFTER):
        while True:
            files = (site.run_dir / "trace").glob("border*.jsonl")
            lines = [line for one in files for line in one.read_text().splitlines()]
            if any("recording ended" in line and name in line for line in lines):
                return
            await asyncio.sleep(0.05)


@pytest.mark.parametrize(("transport", "suite"), [("udp", None), ("tls", "sdes")])
async def test_both_speakers_are_in_the_file_whole(site, phones, tmp_path, transport, suite):
    before = set((site.run_dir / "recordings").glob("*.wav"))
    ruel, dora = site.user(), site.user()
    desk = await phones.farline(dora, "--answer-after-ms", "100")
    assert await desk.until(REGISTERED, AFTER)
    target = f"sip:{dora.extension}@{site.domain}"
    more = {"extra_params": ["mediaenc=srtp"]} if suite else {}
    baresip = await phones.baresip(ruel, transport, call=target, talk_seconds=TALK, **more)
    assert await baresip.until(event("established"), AFTER), baresip.child.tail()
    shown = await site.show("media")
    rtp = [one for one in shown["streams"] if one["kind"] == "rtp"]
    assert {one["path"] for one in rtp} == {"user"}
    assert bool(rtp[0]["suite"]) is bool(suite)
    assert await baresip.until(event("closed"), AFTER)
    (file,) = set(await finished_file(site)) - before
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    said = heard("ruel", one_side(file, 0, tmp_path / "left.wav"))
    answered = heard("dora", one_side(file, 1, tmp_path / "right.wav"))
    assert (said.ok, answered.ok) == (True, True), (said.reason, answered.reason)
    charges = (site.run_dir / "state" / "charges.jsonl").read_text().splitlines()
    assert json.loads(charges[-1])["recordings"] == file.name
    await traced(site, file.name)


async def test_who_is_on_hold_hears_the_music_whole(site, phones):
    ruel, dora = site.user(), site.user()
    desk = await phones.farline(dora, "--answer-after-ms", "100")
    assert await desk.until(REGISTERED, AFTER)
    target = f"sip:{dora.extension}@{site.domain}"
    baresip = await phones.baresip(ruel, "tcp", call=target, hold_after=0.5, talk_seconds=TALK)
    assert await baresip.until(event("held"), AFTER), baresip.child.tail()
    shown = await site.show("media")
    assert await baresip.until(event("closed"), AFTER), baresip.child.tail()
    assert await desk.until(event("audio"), AFTER)
    music = heard("dora", desk.recording)
    assert music.ok, (music.reason, shown["streams"])


class Ear(asyncio.DatagramProtocol):
    """A port of the recording server: what came, as samples."""

    def __init__(self):
        self.packets = []

    def connection_made(self, transport):
        self.port = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data, _address):
        self.packets.append(data)

    def write(self, path):
        head = [packet[:12] for packet in self.packets]
        assert {(one[0], one[1] & 0x7F) for one in head} == {(0x80, 8)}
        assert len({one[8:12] for one in head}) == 1
        write_wav(path, decode_alaw(b"".join(packet[12:] for packet in self.packets)))
        return path


@pytest.fixture
async def ears():
    """Opens ports, and closes them."""
    opened = []

    async def listen(ip):
        """A port, and the one above it for RTCP."""
        loop = asyncio.get_running_loop()
        for _ in range(20):
            transport, ear = await loop.create_datagram_endpoint(Ear, local_addr=(ip, 0))
            opened.append(transport)
            try:
                above, control = await loop.create_datagram_endpoint(
                    Ear, local_addr=(ip, ear.port + 1)
                )
            except (OSError, OverflowError):
                continue
            opened.append(above)
            return ear, control
        raise AssertionError("no two ports beside one another")

    yield listen
    for transport in opened:
        transport.close()


@pytest.fixture
async def recording(site, phones, ears, tmp_path):
    """Records a call of both speakers by SIPp; the ears of ruel and dora, RTP and RTCP each."""

    async def record(scenario):
        server = next(one for one in site.deployment.border.server_profiles if one.name == "SRS")
        ip = server.addresses[0].address
        pairs = {"ruel": await ears(ip), "dora": await ears(ip)}
        one, two = (pair[0].port for pair in pairs.values())
        argv = ["sipp", "-sf", str(SCENARIOS / scenario), "-i", ip, "-p", "5060", "-t", "t1"]
        argv += ["-m", "1", "-nostdin", "-key", "one", str(one), "-key", "two", str(two)]
        argv += ["-timeout", "120s", "-timeout_error", "-trace_err"]
        argv += ["-error_file", str(tmp_path / "sipp.err")]
        recorder = await phones.children.start("recorder", argv, tmp_path / "sipp.log")
        await listening(ip, 5060, "TCP")
        ruel, dora = site.user(), site.user()
        desk = await phones.farline(dora, "--answer-after-ms", "100")
        assert await desk.until(REGISTERED, AFTER)
        target = f"sip:{dora.extension}@{site.domain}"
        baresip = await phones.baresip(ruel, "udp", call=target, talk_seconds=TALK)
        assert await baresip.until(event("closed"), AFTER), baresip.child.tail()
        status = await recorder.process.wait()
        errors = tmp_path / "sipp.err"
        assert status == 0, errors.read_text()[-3000:] if errors.exists() else recorder.tail()
        return pairs

    return record


@needs_sipp
async def test_a_recording_server_gets_both_speakers_whole(recording, tmp_path):
    for who, (ear, control) in (await recording("recorder.xml")).items():
        found = heard(who, ear.write(tmp_path / f"{who}.wav"))
        assert found.ok, (who, found.reason)
        assert all(200 <= packet[1] <= 207 for packet in control.packets)  # RTCP, where it was due


@needs_sipp
async def test_a_recording_server_pauses_and_gets_the_rest(recording):
    """SIPp's own re-INVITE and UPDATEs: pause, go on, refresh, metadata once more."""
    for who, (ear, _) in (await recording("recorder_asks.xml")).items():
        numbers = [int.from_bytes(packet[2:4]) for packet in ear.packets]
        steps = [(new - old) % 65536 for old, new in itertools.pairwise(numbers)]
        assert max(steps) > 30, (who, "nothing was left out", max(steps))  # of the 50 in a second
        assert steps.count(1) > 60, (who, "before and after the pause", len(steps))
