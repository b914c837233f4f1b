"""baresip outside with SRTP over TLS, desk phones inside without: the border ends encryption.

A deployment for each media rule of the outside leg; speech is judged by content, both ways.
"""

import json
from contextlib import closing

import pytest

from farline.lab.lab import Lab
from farline.testing.deployment import REGISTERED, event, heard, prepare_site, running

pytest.importorskip("baresip", reason="the PyPI package baresip-python is missing")
pytestmark = [pytest.mark.interop, pytest.mark.timeout(240)]

TALK = 4.2
AFTER = 60.0
OUTSIDE_FLOW = (
    "      received_interface: null\n      end_point_policy_group: avaya-def-low-enc\n",
    "      received_interface: null\n      end_point_policy_group: outside\n",
)
MANDATORY = ("mediaenc=srtp-mand",)


@pytest.fixture(scope="module", params=["preferred", "required"])
def rule(request):
    """The media rule Encryption of the subscriber flow."""
    return request.param


@pytest.fixture(scope="module")
def site(rule, tmp_path_factory):
    group = f"    - {{name: outside, media_encryption: {rule}}}\n"
    groups = ("  subscriber_flows:\n", f"  end_point_policy_groups:\n{group}  subscriber_flows:\n")
    site = prepare_site(tmp_path_factory.mktemp("srtp"), groups, OUTSIDE_FLOW)
    with closing(site), running(Lab(site.prepared, lambda _text: None)):
        yield site
    assert site.trouble() == []
    refused = "End Point Policy Group, Media Rule: Encryption is 'required': m= line 1"
    # The trace is whole now that the border has ended.
    assert any(refused in one for one in decisions(site)) == (rule == "required"), decisions(site)


def told(*some):
    return "\n".join(f"{one.child.name}: {one.events[-4:]}\n{one.child.tail()}" for one in some)


async def assert_heard(ours, baresip):
    assert await baresip.until(event("closed"), AFTER), told(baresip, ours)
    assert await ours.until(event("audio"), AFTER), told(baresip, ours)
    assert await baresip.child.process.wait() == 0, told(baresip)
    there, back = heard("ruel", ours.recording), heard("dora", baresip.recording)
    assert (there.ok, back.ok) == (True, True), (there.reason, back.reason)


async def suites(site):
    """The crypto suite of each RTP stream of the border's calls, by side."""
    streams = (await site.show("media"))["streams"]
    return {one["side"]: one["suite"] for one in streams if one["kind"] == "rtp"}


def decisions(site):
    """What the border decided about media, as its trace says."""
    path = site.run_dir / "trace" / "border.jsonl"
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [one["because"] for one in lines if one.get("stage") == "anchor"]


async def test_srtp_from_outside_is_rtp_inside(site, phones):
    ruel, dora = site.user(), site.user()
    desk = await phones.farline(dora, "--answer-after-ms", "100")
    assert await desk.until(REGISTERED, AFTER), told(desk)
    target = f"sip:{dora.extension}@{site.domain}"
    options = {"call": target, "talk_seconds": TALK, "extra_params": MANDATORY}
    baresip = await phones.baresip(ruel, "tls", **options)
    assert await baresip.until(event("established"), AFTER), told(baresip, desk)
    assert await suites(site) == {"outside": "AES_CM_128_HMAC_SHA1_80", "inside": None}
    await assert_heard(desk, baresip)


async def test_a_call_to_the_phone_outside_is_offered_with_keys(site, rule, phones):
    # Where SRTP is preferred, RTP/AVP is offered with keys beside it (RFC 8643): a phone that wants
    # the profile RTP/SAVP and no other says 488 to that.
    ruel, dora = site.user(), site.user()
    wanted = MANDATORY if rule == "required" else ("mediaenc=srtp",)
    baresip = await phones.baresip(ruel, "tls", extra_params=wanted)
    assert await baresip.until(event("registered"), AFTER), told(baresip)
    desk = await phones.farline(dora, "--call", ruel.extension, "--hangup-after", str(TALK))
    assert await baresip.until(event("established"), AFTER), told(baresip, desk)
    assert (await suites(site))["outside"] is not None
    await assert_heard(desk, baresip)


async def test_rtp_in_the_clear_is_for_the_rule_to_allow(site, rule, phones):
    ruel, dora = site.user(), site.user()
    desk = await phones.farline(dora, "--answer-after-ms", "100")
    assert await desk.until(REGISTERED, AFTER), told(desk)
    target = f"sip:{dora.extension}@{site.domain}"
    baresip = await phones.baresip(ruel, "tls", call=target, talk_seconds=TALK)
    if rule == "preferred":
        assert await baresip.until(event("established"), AFTER), told(baresip, desk)
        assert await suites(site) == {"outside": None, "inside": None}
        await assert_heard(desk, baresip)
        return
    assert await baresip.until(event("failed"), AFTER), told(baresip, desk)
    assert "488" in baresip.events[-1]["reason"]
    assert not any(event("call")(one) for one in desk.events)
