"""curl gets im-info and sip-info through the border's relay; TLS ends at the portal."""

import asyncio
import json
import shutil
from contextlib import asynccontextmanager
from xml.etree import ElementTree

import pytest

from farline.border.relay_http import HttpPolicy
from farline.border.relays import RelayPlan
from farline.runtime.relay import ByteRelay
from farline.testing.directory import account
from farline.testing.portal import DOMAIN, IP, running_portal

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(shutil.which("curl") is None, reason="Debian package curl is missing"),
    pytest.mark.skipif(shutil.which("prosody") is None, reason="Debian package prosody is missing"),
]

BASE = "/sipxconfig/rest/my/"


@asynccontextmanager
async def office(base, port_name="rest_port"):
    users = [account("Ruel", "ruel's own", "3001"), account("Dora", "d", "3003", mobile_voip=False)]
    async with running_portal(base, users) as portal:
        remote = (IP, getattr(portal, port_name))
        plan = RelayPlan(
            "1xm HTTP", "HTTP", (IP, 0), None, "127.0.0.7", remote, None, 100, 100, 60.0, 5.0,
            policy=HttpPolicy(
                methods=("GET",), hosts=(DOMAIN,), paths=(BASE,), bootstrap_paths=None,
                tls_passthrough=True, websocket=False, forwarded_for="set", max_body=0,
            ),
        )  # fmt: skip
        relay = ByteRelay(plan, trace=lambda _: None)
        await relay.start()
        try:
            yield portal, relay
        finally:
            await relay.stop()


async def curl(portal, relay, resource, *options):
    """Status and body."""
    process = await asyncio.create_subprocess_exec(
        "curl", "-sS", "--max-time", "10", "--cacert", str(portal.ca), "-w", "\n%{http_code}",
        "--resolve", f"{DOMAIN}:{relay.port}:{IP}", *options,
        f"https://{DOMAIN}:{relay.port}{BASE}{resource}",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    output, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    body, _, status = output.decode().rpartition("\n")
    return int(status), body


@pytest.mark.parametrize("port_name", ["rest_port", "communicator_port"])
@pytest.mark.parametrize("scheme", ["--basic", "--digest"])
async def test_im_info_and_sip_info_through_the_relay(tmp_path, port_name, scheme):
    async with office(tmp_path, port_name) as (portal, relay):
        login = ("-u", "Ruel:ruel's own", scheme)
        status, body = await curl(portal, relay, "im-info", *login)
        root = ElementTree.fromstring(body)
        assert (status, root.tag, root.findtext("im-id")) == (200, "im-info", f"ruel@{DOMAIN}")
        status, body = await curl(
            portal, relay, "sip-info", *login, "-H", "Accept: application/json"
        )
        assert json.loads(body)["sip-info"]["identity"] == f"3001@{DOMAIN}"
        assert relay.show()["bytes_down"] > 0


async def test_doors_that_stay_shut(tmp_path):
    async with office(tmp_path) as (portal, relay):
        for login in ("Ruel:wrong", "Nobody:wrong"):
            for scheme in ("--basic", "--digest"):
                assert (await curl(portal, relay, "im-info", "-u", login, scheme))[0] == 401
        assert (await curl(portal, relay, "im-info"))[0] == 401
        assert (await curl(portal, relay, "sip-info", "-u", "Dora:d"))[0] == 403
        assert (await curl(portal, relay, "other", "-u", "Ruel:ruel's own"))[0] == 404
