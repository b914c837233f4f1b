"""Certificates by ACME from pebble, Let's Encrypt's server for tests: ordered, renewed, refused."""

import asyncio
import json
import os
import shutil
import ssl
import stat
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest
from cryptography import x509

from farline.config import Border, Deployment, TlsServerProfile
from farline.runtime.acme import files
from farline.runtime.acme.files import account_key
from farline.runtime.acme.keeper import AcmeKeeper
from farline.runtime.acme.order import _client
from farline.runtime.role import RoleContext
from farline.runtime.sip import Listener, SipDriver
from farline.runtime.tls.keeper import TlsKeeper
from farline.runtime.tls.lab_authority import make_certificates
from farline.sip import Transport
from farline.testing.core import NotingCore
from farline.testing.names import TestNameServer
from farline.testing.ports import free_ports

pytestmark = [
    pytest.mark.interop,
    pytest.mark.timeout(240),
    pytest.mark.skipif(shutil.which("pebble") is None, reason="pebble is not installed"),
]
IP = "127.0.0.1"
NAMES = ("sip.farline.example", "phone.farline.example")


class Pebble:
    """A running ACME server that asks for proofs at `challenges`."""

    def __init__(self, base):
        self.base = base
        self.port, self.management, self.challenges, self.closed = free_ports(4)
        self.url = f"https://{IP}:{self.port}/dir"

    async def start(self, dns):
        make_certificates(self.base, {"pebble": [IP]})
        config = {
            "listenAddress": f"{IP}:{self.port}",
            "managementListenAddress": f"{IP}:{self.management}",
            "certificate": str(self.base / "pebble.pem"),
            "privateKey": str(self.base / "pebble.key"),
            "httpPort": self.challenges,
            "tlsPort": self.closed,
        }
        (self.base / "pebble.json").write_text(json.dumps({"pebble": config}))
        command = ("-strict", "-config", str(self.base / "pebble.json"), "-dnsserver", str(dns))
        silent = {"stdout": asyncio.subprocess.DEVNULL, "stderr": asyncio.subprocess.DEVNULL}
        quick = os.environ | {"PEBBLE_VA_NOSLEEP": "1", "PEBBLE_AUTHZREUSE": "0"}
        self.process = await asyncio.create_subprocess_exec("pebble", *command, **silent, env=quick)
        async with asyncio.timeout(60):
            while True:
                try:
                    self.root = await self._get(self.management, "/roots/0")
                    break
                except aiohttp.ClientError:
                    await asyncio.sleep(0.05)

    async def _get(self, port, path):
        trust = ssl.create_default_context(cafile=str(self.base / "ca.pem"))
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"https://{IP}:{port}{path}", ssl=trust) as answer,
        ):
            return await answer.text()

    async def stop(self):
        self.process.kill()
        await self.process.wait()


@pytest.fixture
async def pebble(tmp_path):
    server = Pebble(tmp_path / "pebble")
    zone = "".join(f"{name}. 60 IN A {IP}\n" for name in NAMES)
    async with TestNameServer(zone) as names:
        await server.start(names.address)
        yield server
        await server.stop()


class Door:
    """A border's TLS port whose certificate is ordered."""

    def __init__(self, base, pebble, port, moment):
        order = {
            "directory": pebble.url, "directory_authorities": pebble.base / "ca.pem",
            "contact": ("admin@farline.example",), "terms_agreed": True, "names": NAMES,
            "challenge_ip": IP, "challenge_port": port,
        }  # fmt: skip
        profile = TlsServerProfile(name="S", certificate="s.pem", key="s.key", acme=order)
        network = {
            "name": "n", "interface": "A1", "default_gateway": "127.0.0.2", "prefix": "255.0.0.0",
            "addresses": [{"ip": IP}],
        }  # fmt: skip
        border = Border.model_validate({"networks": [network]})
        deployment = Deployment(tls_server_profiles=(profile,), border=border)
        self.base, self.profile, self.notes = base, profile, asyncio.Queue()
        self.tls = TlsKeeper(deployment, base, self.notes.put_nowait)
        listener = Listener("out", IP, tls_port=0, tls=self.tls.server("S"))
        self.driver = SipDriver(NotingCore(), [listener])
        context = RoleContext("border", deployment, base, base / "run")
        self.acme = AcmeKeeper(context, self.tls, self.notes.put_nowait, lambda: moment[0])

    async def told(self, what):
        """The next note of this kind."""
        async with asyncio.timeout(60):
            while True:
                note = await self.notes.get()
                if note.what == what:
                    return note.detail

    async def shown(self, root):
        """The certificate of a new connection, verified for the first name."""
        trust = ssl.create_default_context(cadata=root)
        port = self.driver.ports("out")[Transport.TLS]
        _, writer = await asyncio.open_connection(IP, port, ssl=trust, server_hostname=NAMES[0])
        found = writer.get_extra_info("ssl_object").getpeercert(True)
        writer.transport.abort()
        return x509.load_der_x509_certificate(found)


@asynccontextmanager
async def door(base, pebble, port=None, moment=None):
    made = Door(base, pebble, port or pebble.challenges, moment or [datetime.now(UTC)])
    await made.driver.start()
    made.acme.start()
    try:
        yield made
    finally:
        await made.acme.stop()
        await made.driver.stop()


async def test_ordered_at_the_start_and_renewed_at_two_thirds(tmp_path, pebble):
    moment = [datetime.now(UTC)]
    async with door(tmp_path, pebble, moment=moment) as border:
        with pytest.raises(ssl.SSLCertVerificationError):  # the stand-in convinces nobody
            await border.shown(pebble.root)
        await border.told("certificate issued")
        first = await border.shown(pebble.root)
        assert stat.S_IMODE((tmp_path / "s.key").stat().st_mode) == 0o600
        [account] = (tmp_path / "run" / "state" / "acme").iterdir()
        assert stat.S_IMODE(account.stat().st_mode) == 0o600
        client, _ = _client(border.profile.acme, account_key(account), tmp_path)
        known = await asyncio.to_thread(client.query_registration, client.net.account)
        assert known.body.contact == ("mailto:admin@farline.example",)
        [shown] = border.acme.show()
        assert (shown["state"], shown["certificate"]) == ("waiting", "issued")
        kept = files.kept(border.profile, tmp_path)
        life = first.not_valid_after_utc - first.not_valid_before_utc
        share = (kept.due - first.not_valid_before_utc) / life
        assert 0.63 < share < 0.70
    moment[0] = kept.due - timedelta(minutes=1)
    async with door(tmp_path, pebble, moment=moment) as border:  # the same account goes on
        assert (await border.shown(pebble.root)).serial_number == first.serial_number
        assert border.acme.due(border.acme._states[0]) > moment[0]
        moment[0] = kept.due + timedelta(minutes=1)
        await border.acme.stop()
        border.acme.start()
        await border.told("certificate issued")
        assert (await border.shown(pebble.root)).serial_number != first.serial_number


async def test_a_refusal_keeps_what_is_there_and_is_tried_again_later(tmp_path, pebble):
    """The authority asks at a port where nobody answers."""
    moment = [datetime.now(UTC)]
    async with door(tmp_path, pebble, port=pebble.closed, moment=moment) as border:
        before = (tmp_path / "s.pem").read_bytes()
        assert "connection refused" in await border.told("no certificate issued")
        assert (tmp_path / "s.pem").read_bytes() == before
        [shown] = border.acme.show()
        assert (shown["state"], shown["certificate"], shown["failures"]) == (
            "failed",
            "stand-in",
            1,
        )
        first = border.acme.due(border.acme._states[0]) - moment[0]
        assert timedelta(seconds=60) <= first <= timedelta(seconds=75)
        moment[0] += first
        await border.acme.stop()
        border.acme.start()
        await border.told("no certificate issued")
        second = border.acme.due(border.acme._states[0]) - moment[0]
        assert timedelta(seconds=120) <= second <= timedelta(seconds=150)
