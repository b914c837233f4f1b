"""curl gets im-info and sip-info through the border's relay; TLS ends at the portal."""

import asyncio
import json
import shutil
import ssl
from contextlib import asynccontextmanager
from xml.etree import ElementTree

import pytest

from farline.border.relays.http_judge import HttpPolicy
from farline.border.relays.plan import RelayPlan
from farline.runtime.relays.stream import ByteRelay
from farline.testing.directory import account
from farline.testing.portal import DOMAIN, IP, running_portal

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(shutil.which("curl") is None, reason="Debian package curl is missing"),
    pytest.mark.skipif(shutil.which("prosody") is None, reason="Debian package prosody is missing"),
]

BASE = "/sipxconfig/rest/my/"


@asynccontextmanager
async def office(base, port_name="rest_port", *, ends_tls=False):
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
        tls = {}
        if ends_tls:  # the relay has a certificate of its own and reads what passes
            server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            server.load_cert_chain(base / "tls" / "portal.pem", base / "tls" / "portal.key")
            client = ssl.create_default_context(cafile=str(portal.ca))
            tls = {"server_tls": server, "client_tls": client}
        relay = ByteRelay(plan, trace=lambda _: None, **tls)
        await relay.start()
        try:
            yield portal, relay
        finally:
            await relay.stop()


async def curl(portal, relay, resource, *options, base=BASE):
    """Status and body."""
    process = await asyncio.create_subprocess_exec(
        "curl", "-sS", "--max-time", "10", "--cacert", str(portal.ca), "-w", "\n%{http_code}",
        "--resolve", f"{DOMAIN}:{relay.port}:{IP}", *options,
        f"https://{DOMAIN}:{relay.port}{base}{resource}",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    output, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    body, _, status = output.decode().rpartition("\n")
    return int(status), body


@pytest.mark.parametrize("ends_tls", [False, True])
@pytest.mark.parametrize("port_name", ["rest_port", "communicator_port"])
@pytest.mark.parametrize("scheme", ["--basic", "--digest"])
async def test_im_info_and_sip_info_through_the_relay(tmp_path, port_name, scheme, ends_tls):
    async with office(tmp_path, port_name, ends_tls=ends_tls) as (portal, relay):
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


async def test_curl_finds_no_way_around_the_relay(tmp_path):
    async with office(tmp_path, ends_tls=True) as (portal, relay):
        login = ("-u", "Ruel:ruel's own", "--basic")
        assert (await curl(portal, relay, "im-info", *login))[0] == 200
        attempts = [
            (404, ("--path-as-is",), "../../../admin"),
            (404, ("--path-as-is",), "%2e%2e/%2e%2e/%2e%2e/admin"),
            (400, ("--path-as-is",), "..%2f..%2fadmin"),
            (400, ("--path-as-is",), "..;/admin"),
            (403, ("-H", "Host: other.example"), "im-info"),
            (403, ("-H", f"Host: {DOMAIN}:22"), "im-info"),
            (403, ("--request-target", f"http://10.10.10.13{BASE}im-info"), "im-info"),
            (403, ("-X", "CONNECT", "--request-target", "10.10.10.13:22"), "im-info"),
            (403, ("-X", "TRACE"), "im-info"),
            (403, ("-H", "Connection: Upgrade", "-H", "Upgrade: h2c"), "im-info"),
            (403, ("-X", "GET", "-H", "Transfer-Encoding: chunked", "-H", "Content-Length: 4",
                   "--data-binary", "aaaa"), "im-info"),
        ]  # fmt: skip
        for status, options, resource in attempts:
            assert (await curl(portal, relay, resource, *login, *options))[0] == status, options
        refusals = relay.show()["refusals"]
        assert sum(refusals.values()) == len(attempts), refusals
