"""baresip outside with Opus or G.722 alone, a desk phone inside with G.711 alone.

The two share no codec: the border's engine transcodes. Speech is judged by content, both ways.
"""

from contextlib import closing

import pytest

from farline.lab.lab import Lab
from farline.testing.deployment import REGISTERED, event, heard, prepare_site, running

pytest.importorskip("baresip", reason="the PyPI package baresip-python is missing")
pytestmark = [
    pytest.mark.interop,
    pytest.mark.timeout(240),
    # A phone that is not scheduled for a moment drops a frame of its own (Makefile, FOREIGN).
    pytest.mark.flaky(reruns=2, only_rerun="frames of 20 ms are missing"),
]

TALK = 4.2
AFTER = 60.0
SPEC = {"opus": "opus/48000/2", "G722": "g722/16000/1"}
REQUIRED = {"opus": 0.8, "G722": 0.97}
"""Correlation: Opus keeps the sound of speech more than its samples."""


def rule(name, *codecs):
    media = f"{{name: {name}, audio: {{transcoding: [{', '.join(codecs)}]}}}}"
    return f"    - {{name: {name}, sets: [{{media: {media}}}]}}\n"


GROUPS = rule("outside", "opus", "g722") + rule("office", "pcma")
CHANGES = (
    ("  subscriber_flows:\n", f"  end_point_policy_groups:\n{GROUPS}  subscriber_flows:\n"),
    (
        "      received_interface: null\n      end_point_policy_group: avaya-def-low-enc\n",
        "      received_interface: null\n      end_point_policy_group: outside\n",
    ),
    (
        "      end_point_policy_group: avaya-def-low-enc\n      routing_profile: default\n",
        "      end_point_policy_group: office\n      routing_profile: default\n",
    ),
)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    site = prepare_site(tmp_path_factory.mktemp("transcoding"), *CHANGES)
    with closing(site), running(Lab(site.prepared, lambda _text: None)):
        yield site
    assert site.trouble() == []


def told(*some):
    return "\n".join(f"{one.child.name}: {one.events[-4:]}\n{one.child.tail()}" for one in some)


async def assert_heard(ours, baresip, codec):
    assert await baresip.until(event("closed"), AFTER), told(baresip, ours)
    assert await ours.until(event("audio"), AFTER), told(baresip, ours)
    assert await baresip.child.process.wait() == 0, told(baresip)
    there = heard("ruel", ours.recording, required=REQUIRED[codec])
    back = heard("dora", baresip.recording, required=REQUIRED[codec])
    assert (there.ok, back.ok) == (True, True), (there.reason, back.reason)


async def flows(site):
    """Of each RTP port of the border: what becomes of what comes in, and who forwards it."""
    streams = (await site.show("media"))["streams"]
    return {
        one["side"]: (one["transcoding"], one["why"]) for one in streams if one["kind"] == "rtp"
    }


async def test_an_opus_phone_calls_a_desk_phone(site, phones):
    ruel, dora = site.user(), site.user()
    desk = await phones.farline(dora, "--answer-after-ms", "100")
    assert await desk.until(REGISTERED, AFTER), told(desk)
    options = {"call": f"sip:{dora.extension}@{site.domain}", "talk_seconds": TALK}
    baresip = await phones.baresip(ruel, "tls", codecs=[SPEC["opus"]], **options)
    assert await baresip.until(event("established"), AFTER), told(baresip, desk)
    assert await flows(site) == {
        "outside": ("PCMA", "transcoded"),
        "inside": ("opus", "transcoded"),
    }
    await assert_heard(desk, baresip, "opus")


async def test_a_desk_phone_calls_a_phone_with_g722(site, phones):
    ruel, dora = site.user(), site.user()
    baresip = await phones.baresip(ruel, "tls", codecs=[SPEC["G722"]])
    assert await baresip.until(event("registered"), AFTER), told(baresip)
    desk = await phones.farline(dora, "--call", ruel.extension, "--hangup-after", str(TALK))
    assert await baresip.until(event("established"), AFTER), told(baresip, desk)
    assert (await flows(site))["inside"] == ("G722", "transcoded")
    await assert_heard(desk, baresip, "G722")


async def test_phones_that_share_a_codec_are_left_alone(site, phones):
    ruel, dora = site.user(), site.user()
    desk = await phones.farline(dora, "--answer-after-ms", "100")
    assert await desk.until(REGISTERED, AFTER), told(desk)
    options = {"call": f"sip:{dora.extension}@{site.domain}", "talk_seconds": 1.0}
    baresip = await phones.baresip(ruel, "tls", **options)
    assert await baresip.until(event("established"), AFTER), told(baresip, desk)
    assert {one for one, _ in (await flows(site)).values()} == {None}
    assert await baresip.until(event("closed"), AFTER), told(baresip, desk)
