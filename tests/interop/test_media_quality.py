"""What `farline show media` says of a real phone's call, while it lasts and at its end."""

import asyncio

import pytest

from farline.cli.show_media import row
from farline.runtime.control import call
from farline.testing.deployment import REGISTERED, event

pytest.importorskip("baresip", reason="the PyPI package baresip-python is missing")
pytestmark = [pytest.mark.interop, pytest.mark.timeout(240)]

AFTER = 60.0


async def looked_at(site, wanted):
    """The RTP ports of the one call, once `wanted` holds of them; with what is said of them."""
    path = site.run_dir / "control" / "media.sock"
    while True:
        state = await call(path, "show")
        ports = [one for one in state["streams"] if one["kind"] == "rtp"]
        if ports and all(wanted(one) for one in ports):
            return ports, list(state["diagnoses"].values())
        await asyncio.sleep(0.1)


async def test_the_quality_of_a_call_is_shown(site, phones):
    ruel, dora = site.user(), site.user()
    desk = await phones.farline(dora, "--answer-after-ms", "100")
    assert await desk.until(REGISTERED, AFTER)
    target = f"sip:{dora.extension}@{site.domain}"
    baresip = await phones.baresip(ruel, "tcp", call=target, talk_seconds=4.2)
    assert await baresip.until(event("established"), AFTER)
    ports, said = await looked_at(
        site, lambda one: (one["quality"] or {}).get("expected_packets", 0) > 100
    )
    assert {one["side"] for one in ports} == {"outside", "inside"}
    for one in ports:
        assert one["quality"]["codec"] in {"PCMA", "PCMU", "G722", "opus"}
        assert one["quality"]["lost_packets"] <= 5
        assert one["mos_received"] > 4
        assert row(one)[3] == str(one["received_packets"])
    assert "outside sends" in said[0]
    assert await baresip.until(event("closed"), AFTER)
    assert await baresip.child.process.wait() == 0
    trace = site.run_dir / "trace" / "border.jsonl"
    while not _ended(trace.read_text().splitlines()):  # noqa: ASYNC110 - a file that grows
        await asyncio.sleep(0.1)


def _ended(lines):
    """Whether the counters of a call's end are in a trace; its writer gathers lines."""
    return any('"at the end"' in line and "MOS" in line for line in lines)
