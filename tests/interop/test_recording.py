"""Calls of baresip through a border whose policy records them and plays music to who is on hold."""

import asyncio
import json
import stat
import wave
from contextlib import closing

import numpy as np
import pytest

from farline.lab.lab import Lab
from farline.mobile.wav import write_wav
from farline.testing.deployment import REGISTERED, event, heard, prepare_site, running, spoken
from farline.testing.deployment import phones as make_phones

pytest.importorskip("baresip", reason="the PyPI package baresip-python is missing")
pytestmark = [pytest.mark.interop, pytest.mark.timeout(120)]

TALK = 4.2
AFTER = 30.0
FLOW = """      received_interface: null
      end_point_policy_group: avaya-def-low-enc
"""
SERVER_FLOW = """      end_point_policy_group: avaya-def-low-enc
      routing_profile: default
"""
GROUPS = """
  media_rules:
    - {name: musical, encryption: "off", hold_music: MUSIC}
  end_point_policy_groups:
    - name: recorded
      sets:
        - {media: default-low-med-enc, recording: file, charging: default}
    - name: musical
      sets:
        - {media: musical}
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
        (BORDER, GROUPS.replace("MUSIC", str(music)) + BORDER),
    )
    with closing(site), running(Lab(site.prepared, lambda _text: None)):
        yield site
    assert site.trouble() == []


@pytest.fixture
async def phones(site, tmp_path):
    async with make_phones(site, tmp_path) as made:
        yield made


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
