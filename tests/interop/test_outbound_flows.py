"""baresip with two outbound flows (RFC 5626), and short leases that the office does not hear of."""

import asyncio
from contextlib import closing

import pytest

from farline.lab.lab import Lab
from farline.testing.deployment import event, prepare_site, running
from farline.testing.deployment import phones as make_phones

pytest.importorskip("baresip", reason="the PyPI package baresip-python is missing")
pytestmark = [pytest.mark.interop, pytest.mark.timeout(240)]

FIELD = "      presence_server_address: null\n"
OPTIONS = "      registrations: {outbound: true, phone_lease: 30, office_lease: 7200}\n"
AFTER = 60.0


@pytest.fixture(scope="module")
def split(tmp_path_factory):
    """A deployment whose subscriber flow has Outbound and Lease to the Phone."""
    site = prepare_site(tmp_path_factory.mktemp("split"), (FIELD, FIELD + OPTIONS))
    with closing(site), running(Lab(site.prepared, lambda _text: None)):
        yield site
    assert site.trouble() == []


async def registered(site, extension):
    """The bindings of a user, once two are registered."""
    async with asyncio.timeout(AFTER):
        while True:
            rows = [row for row in (await site.show())["bindings"] if row["registered"]]
            rows = [row for row in rows if row["aor"].startswith(extension)]
            if len(rows) == 2:
                return rows
            await asyncio.sleep(0.05)


async def test_two_flows_of_one_device(split, tmp_path):
    ruel, dora = split.user(), split.user()
    second = f'outbound2="sip:{split.border_ip}:5060;transport=udp"'
    async with make_phones(split, tmp_path) as phones:
        baresip = await phones.baresip(
            ruel,
            "tcp",
            extra_params=["sipnat=outbound", second],
            instance="00000000-0000-4000-8000-000000000001",
        )
        rows = await registered(split, ruel.extension)
        assert {(row["reg_id"], row["transport"]) for row in rows} == {("1", "TCP"), ("2", "UDP")}
        assert len({row["instance"] for row in rows}) == 1
        for row in rows:
            assert row["phone_lease_left"] <= 32
            assert row["expires_in"] > row["phone_lease_left"]
        desk = await phones.farline(dora, "--call", ruel.extension, "--hangup-after", "2")
        assert await baresip.until(event("established"), AFTER), baresip.events
        assert await desk.child.process.wait() == 0
        assert await baresip.until(event("closed"), AFTER), baresip.events
        assert await baresip.child.process.wait() == 0
