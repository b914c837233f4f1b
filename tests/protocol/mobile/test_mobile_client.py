"""The whole client on loopback: DNS, a portal of aiohttp, Prosody, and the scripted SIP server."""

from __future__ import annotations

import asyncio
import shutil
import socket
import ssl
from datetime import UTC

import numpy as np
import pytest
from aiohttp import web
from dnslib import QTYPE, RCODE, RR, A, DNSRecord
from slixmpp import ClientXMPP

from farline.config import Secret
from farline.mobile.asks import ConnectIm
from farline.mobile.clientlog import ClientLog
from farline.mobile.im import ImClient
from farline.mobile.login import Settings
from farline.mobile.resolve import resolve
from farline.mobile.steps import Door, StepError
from farline.runtime.phones import mobile
from farline.runtime.phones.mobile import MobileClient, MobileOptions
from farline.runtime.phones.reaching import client_tls
from farline.runtime.sip import Listener, SipDriver
from farline.runtime.tls.lab_authority import make_certificates
from farline.sip.transport import Address, Transport
from farline.testing.ports import free_ports

HERE, ELSEWHERE, THERE = "127.0.0.66", "127.0.0.67", "127.0.0.68"
DOMAIN = "ipo1xp.ipolab.com"

CONFIG = """
run_as_root = true
pidfile = "{directory}/prosody.pid"
data_path = "{directory}/data"
log = {{ error = "{directory}/prosody.log" }}
interfaces = {{ "{ip}" }}
c2s_ports = {{ {port} }}
modules_enabled = {{ "roster", "saslauth", "tls", "disco" }}
modules_disabled = {{ "s2s", "http" }}
c2s_require_encryption = true
authentication = "internal_plain"
VirtualHost "{domain}"
    ssl = {{ certificate = "{certificates}/server.pem"; key = "{certificates}/server.key" }}
"""


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    directory = tmp_path_factory.mktemp("tls")
    make_certificates(directory, {"server": [DOMAIN]})
    return directory


def accounts(directory):
    """Ruel and mybuddy, each on the other's roster."""
    host = directory / "data" / DOMAIN.replace(".", "%2e")
    for kind in ("accounts", "roster"):
        (host / kind).mkdir(parents=True)
    for name, other, password in (("ruel", "mybuddy", "ruelpwd"), ("mybuddy", "ruel", "buddypwd")):
        (host / "accounts" / f"{name}.dat").write_text(f'return {{ password = "{password}" }};')
        (host / "roster" / f"{name}.dat").write_text(
            f'return {{ [false] = {{ version = 1 }}; ["{other}@{DOMAIN}"] = '
            '{ subscription = "both"; groups = {} } };'
        )


@pytest.fixture
async def prosody(tmp_path, certificates):
    """Its port."""
    program = shutil.which("prosody")
    if program is None:
        pytest.skip("prosody is not installed (apt-get install prosody)")
    [port] = free_ports(1, THERE)
    accounts(tmp_path)
    config = tmp_path / "prosody.cfg.lua"
    config.write_text(
        CONFIG.format(
            directory=tmp_path, ip=THERE, port=port, domain=DOMAIN, certificates=certificates
        )
    )
    process = await asyncio.create_subprocess_exec(
        program, "-F", "--config", str(config), stdout=asyncio.subprocess.DEVNULL
    )
    async with asyncio.timeout(30):
        while True:
            try:
                _, writer = await asyncio.open_connection(THERE, port)
            except OSError:
                await asyncio.sleep(0.02)
                continue
            writer.close()
            await writer.wait_closed()
            break
    yield port
    process.terminate()
    await process.wait()


@pytest.fixture
async def buddy(prosody, certificates):
    """mybuddy, logged in and available."""
    tls = client_tls(certificates / "ca.pem", insecure=False)
    client = ClientXMPP(f"mybuddy@{DOMAIN}/bot", "buddypwd", ssl_context=tls)
    client.enable_direct_tls = False
    client.connect(THERE, prosody)
    await client.wait_until("session_start", 10)
    client.send_presence(pstatus="Type help for a list of commands.")
    yield client
    await client.disconnect(wait=1)
    client._run_out_filters.cancel()


@pytest.fixture
async def portal(prosody, certificates):
    """im-info and sip-info behind Basic; its `sip_port` is set by the test's world."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificates / "server.pem", certificates / "server.key")
    ports = {"xmpp": prosody, "sip": 0}

    async def answer(request):
        if request.headers.get("Authorization") != "Basic UnVlbDpydWVscHdk":
            return web.Response(status=401, headers={"WWW-Authenticate": 'Basic realm="x"'})
        if request.path.endswith("im-info"):
            text = (
                f"<im-info><im-id>ruel@{DOMAIN}</im-id><my-buddy-id>mybuddy@{DOMAIN}"
                f"</my-buddy-id><server><port>{ports['xmpp']}</port></server></im-info>"
            )
        else:
            text = (
                f"<sip-info><identity>3001@{DOMAIN}</identity>"
                f"<public-tcp-port>{ports['sip']}</public-tcp-port></sip-info>"
            )
        return web.Response(text=text, content_type="application/xml")

    app = web.Application()
    app.router.add_get("/sipxconfig/rest/my/{what}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, THERE, 0, ssl_context=tls).start()
    ports["rest"] = runner.addresses[0][1]
    yield ports
    await runner.cleanup()


class Dns(asyncio.DatagramProtocol):
    """Knows one name."""

    def connection_made(self, transport):
        self.transport = transport
        self.address = Address(*transport.get_extra_info("sockname"))
        self.asked_from: list[str] = []

    def datagram_received(self, data, addr):
        self.asked_from.append(addr[0])
        request = DNSRecord.parse(data)
        reply = request.reply()
        name = str(request.q.qname).rstrip(".")
        if name == "broken.lab":
            reply.header.rcode = RCODE.SERVFAIL
        elif name not in (DOMAIN, "empty.lab"):
            reply.header.rcode = RCODE.NXDOMAIN
        elif request.q.qtype == QTYPE.A and name == DOMAIN:
            reply.add_answer(RR(name, QTYPE.A, rdata=A(THERE), ttl=5))
        self.transport.sendto(reply.pack(), addr)


@pytest.fixture
async def dns():
    loop = asyncio.get_running_loop()
    _, protocol = await loop.create_datagram_endpoint(Dns, local_addr=(THERE, 0))
    yield protocol
    protocol.transport.close()


class World:
    """Everything that the client meets, and what it said."""

    def __init__(self, portal, dns, certificates):
        self.portal, self.dns, self.certificates = portal, dns, certificates
        self.events, self.lines = [], []

    def client(self, local_ip=HERE, **settings):
        values = {
            "server": DOMAIN,
            "port": self.portal["rest"],
            "username": "Ruel",
            "password": Secret("ruelpwd"),
        }
        options = MobileOptions(
            np.zeros(160, np.int16),
            dns=self.dns.address,
            local_ip=local_ip,
            ca=self.certificates / "ca.pem",
        )
        return MobileClient(
            Settings(**(values | settings)),
            options,
            on_event=self.events.append,
            log=ClientLog(self.lines.append, lambda: 0.0, 1, UTC),
        )

    @property
    def steps(self):
        return [(e["name"], e["ok"]) for e in self.events if e["event"] == "step"]


@pytest.fixture
async def world(portal, dns, certificates, server):
    driver = SipDriver(server, [Listener("B1", THERE, tcp_port=0)])
    await driver.start()
    portal["sip"] = driver.ports("B1")[Transport.TCP]
    yield World(portal, dns, certificates)
    await driver.stop()


ALL = [(name, True) for name in ("dns", "im-info", "xmpp", "mybuddy", "sip-info", "register")]


@pytest.mark.interop
async def test_a_whole_login_and_another_from_a_new_network(world, buddy, server):
    client = world.client()
    login = await client.login()
    assert world.steps == ALL
    assert login.jid.startswith(f"ruel@{DOMAIN}/pauc-1.2-")
    assert world.dns.asked_from == [HERE]
    assert server.flow.remote.host == HERE
    await client.network_changed(ELSEWHERE)
    assert world.steps == ALL * 2
    assert server.flow.remote.host == ELSEWHERE
    await client.close()
    assert "expires=0" in server.requests[-1].get("Contact")


@pytest.mark.interop
async def test_the_machines_own_address_is_followed(world, buddy, monkeypatch, server):
    address = [HERE]
    monkeypatch.setattr(mobile, "WATCH_SECONDS", 0.01)
    monkeypatch.setattr(mobile, "local_address", lambda remote: address[0])
    client = world.client(local_ip=None)
    await client.login()
    assert server.flow.remote.host == HERE
    watch = asyncio.ensure_future(client.watch_network())
    address[0] = ELSEWHERE
    async with asyncio.timeout(30):
        while len(world.steps) < 12:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    assert world.steps == ALL * 2
    assert server.flow.remote.host == ELSEWHERE
    watch.cancel()
    await asyncio.gather(watch, return_exceptions=True)
    await client.close()


@pytest.mark.interop
async def test_instant_messaging_comes_back(world, buddy, monkeypatch):
    monkeypatch.setattr(mobile, "RELOGIN_BASE", 0.01)
    client = world.client()
    await client.login()
    client._im._xmpp.transport.abort()
    async with asyncio.timeout(30):
        while not any(e.get("state") == "back" for e in world.events):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    assert [e["state"] for e in world.events if e["event"] == "im"] == ["lost", "back"]
    await client.close()


@pytest.mark.interop
@pytest.mark.parametrize(
    ("wrong", "door", "step"),
    [
        ("password", Door.REST, "im-info"),
        ("xmpp_password", Door.XMPP, "xmpp"),
        ("sip_password", Door.SIP, "register"),
    ],
)
async def test_a_wrong_password_names_its_door(world, buddy, wrong, door, step):
    client = world.client(**{wrong: Secret("wrong")})
    with pytest.raises(StepError) as caught:
        await client.login()
    assert caught.value.door is door
    assert caught.value.wrong_password
    assert world.steps[-1] == (step, False)
    assert f"Login failed at the {door} door" in world.lines[-1]
    await client.close()


@pytest.mark.interop
async def test_no_buddy_no_sip(world, prosody, monkeypatch, server):
    monkeypatch.setattr("farline.mobile.im.BUDDY_TIMEOUT", 0.3)
    client = world.client()
    with pytest.raises(StepError, match="did not become available"):
        await client.login()
    assert not server.requests
    await client.close()


@pytest.mark.interop
async def test_an_xmpp_server_of_another_authority_is_refused(prosody, tmp_path):
    make_certificates(tmp_path / "other", {"x": ["x"]})
    tls = client_tls(tmp_path / "other" / "ca.pem", insecure=False)
    im = ImClient(tls, HERE, lambda why: None)
    ask = ConnectIm(f"ruel@{DOMAIN}", "r", THERE, prosody, DOMAIN, Secret("ruelpwd"))
    with pytest.raises(StepError, match="certificate is refused: self-signed") as caught:
        await im.connect(ask)
    assert caught.value.door is Door.XMPP


async def test_nobody_at_the_xmpp_port(certificates):
    im = ImClient(client_tls(certificates / "ca.pem", insecure=False), HERE, lambda why: None)
    ask = ConnectIm(f"ruel@{DOMAIN}", "r", THERE, 1, DOMAIN, Secret("ruelpwd"))
    with pytest.raises(StepError, match="cannot connect") as caught:
        await im.connect(ask)
    assert caught.value.door is Door.XMPP


async def test_names_are_resolved_by_the_given_server(dns):
    assert await resolve(DOMAIN, dns.address, HERE) == THERE
    assert await resolve("10.1.2.3", dns.address, HERE) == "10.1.2.3"
    assert dns.asked_from == [HERE]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("nope.lab", "does not exist"),
        ("empty.lab", "no address"),
        ("broken.lab", "SERVFAIL"),
        ("a" * 70 + ".lab", "no name"),
    ],
)
async def test_names_without_address_say_why(dns, name, says):
    with pytest.raises(StepError, match=says) as caught:
        await resolve(name, dns.address, HERE)
    assert caught.value.door is Door.DNS


async def test_a_silent_resolver_is_told(monkeypatch):
    monkeypatch.setattr("farline.mobile.resolve.TIMEOUT", 0.05)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind((THERE, 0))
        address = Address(*silent.getsockname())
        with pytest.raises(StepError, match="no answer"):
            await resolve(DOMAIN, address, HERE)
