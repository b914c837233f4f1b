"""baresip as a phone outside and as a desk phone; speech is judged by content, both ways."""

import pytest

from farline.runtime.tls.lab_authority import make_certificates
from farline.testing.deployment import REGISTERED, event, heard

pytest.importorskip("baresip", reason="the PyPI package baresip-python is missing")
pytestmark = [pytest.mark.interop, pytest.mark.timeout(240)]

TALK = 4.2
"""Seconds: longer than what is said (2.5) and what baresip keeps before it writes it down (0.6)."""
AFTER = 60.0


def told(*some):
    """What phones said last, for a failure."""
    return "\n".join(f"{one.child.name}: {one.events[-4:]}\n{one.child.tail()}" for one in some)


async def finished(ours, baresip):
    """The call has ended and both recordings are whole: what each heard of the other."""
    assert await baresip.until(event("closed"), AFTER), told(baresip, ours)
    assert await ours.until(event("audio"), AFTER), told(baresip, ours)
    assert await baresip.child.process.wait() == 0, told(baresip)
    return heard("ruel", ours.recording), heard("dora", baresip.recording)


def assert_whole(there, back):
    assert (there.ok, back.ok) == (True, True), (there.reason, back.reason)


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
async def test_outside_it_registers_through_the_border_and_calls(site, phones, transport):
    ruel, dora = site.user(), site.user()
    desk = await phones.farline(dora, "--answer-after-ms", "100")
    assert await desk.until(REGISTERED, AFTER), told(desk)
    target = f"sip:{dora.extension}@{site.domain}"
    baresip = await phones.baresip(ruel, transport, call=target, talk_seconds=TALK)
    assert await baresip.until(event("established"), AFTER), told(baresip, desk)
    assert_whole(*await finished(desk, baresip))
    assert ruel.extension in next(filter(event("call", state="incoming"), desk.events))["peer"]


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
async def test_outside_it_is_called_over_the_connection_that_it_registered_on(
    site, phones, transport
):
    ruel, dora = site.user(), site.user()
    baresip = await phones.baresip(ruel, transport)
    assert await baresip.until(event("registered"), AFTER), told(baresip)
    desk = await phones.farline(dora, "--call", ruel.extension, "--hangup-after", str(TALK))
    assert await baresip.until(event("established"), AFTER), told(baresip, desk)
    assert_whole(*await finished(desk, baresip))
    assert await desk.child.process.wait() == 0
    assert event("closed", by="peer")(baresip.events[-1])


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_on_a_desk_it_answers_the_mobile(site, phones, transport):
    ruel, dora = site.user(mobile=True), site.user()
    options = {"outside": False, "play": str(phones.short_speech("ruel"))}
    baresip = await phones.baresip(dora, transport, **options)
    assert await baresip.until(event("registered"), AFTER), told(baresip)
    play = ("--play", str(phones.short_speech("dora")))
    mobile = await phones.mobile(ruel, "--call", dora.extension, "--talk-seconds", str(TALK), *play)
    assert await baresip.until(event("established"), AFTER), told(baresip, mobile)
    assert_whole(*await finished(mobile, baresip))
    assert await mobile.child.process.wait() == 0, told(mobile)


async def test_a_server_of_another_authority_is_refused(site, phones, tmp_path):
    make_certificates(tmp_path / "tls", {"other": ["localhost"]})
    baresip = await phones.baresip(site.user(), "tls", ca=str(tmp_path / "tls" / "ca.pem"))
    assert await baresip.until(lambda _event: True, AFTER), told(baresip)
    assert event("failed")(baresip.events[0]), told(baresip)
