"""TLS profiles outside the border's SIP: each place goes by all fields, seen in real handshakes."""

import asyncio
import contextlib
import json
import ssl
from contextlib import asynccontextmanager

import aiohttp
import pytest
import uvloop
from typer.testing import CliRunner

from farline.cli.tls import app
from farline.config import Deployment, TlsClientProfile, load_deployment
from farline.portal.providers.directory import Directory
from farline.portal.status import ComponentStatus
from farline.runtime.control import call
from farline.runtime.office import run_office
from farline.runtime.portal import run_portal
from farline.runtime.relays.set import RelaySet
from farline.runtime.role import RoleContext
from farline.runtime.tls.keeper import TlsKeeper
from farline.runtime.tls.lab_authority import make_certificates
from farline.testing.directory import FakeDirectory, account
from farline.testing.pki import revocation_lists, three_deep
from farline.testing.portal import IP, portal_text, running_portal
from farline.testing.ports import free_ports
from farline.trace.events import Note

NAME = "sip.example.com"
PEM_END = "-----END CERTIFICATE-----\n"
CIPHER = "ECDHE-ECDSA-AES128-GCM-SHA256"
SECRETS = {"service": "service password", "ruel": "x"}


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """Authorities ca.pem (here, named, gone; lists that revoke gone) and deep-root.pem (deep)."""
    base = tmp_path_factory.mktemp("tls")
    make_certificates(base, {"here": [IP], "named": [NAME], "gone": [IP]})
    revocation_lists(base, "gone")
    three_deep(base)
    both = [(base / name).read_text() for name in ("ca.pem", "deep-root.pem")]
    (base / "both.pem").write_text("".join(both))
    whole = [(base / name).read_text() for name in ("deep.pem", "deep-chain.pem")]
    (base / "whole.pem").write_text("".join(whole))
    return base


# ---- places that serve ----

SERVERS = f"""
version: 1
tls_server_profiles:
  - name: Depth
    certificate: here.pem
    key: here.key
    peer_verification: required
    peer_certificate_authorities: both.pem
    verification_depth: 1
    versions: ["1.2"]
    ciphers: {CIPHER}
  - name: Lists
    certificate: here.pem
    key: here.key
    peer_verification: required
    peer_certificate_authorities: ca.pem
    peer_certificate_revocation_lists: full.crl
    versions: ["1.2"]
    ciphers: {CIPHER}
"""
OFFICE = """
office:
  ip: 127.0.0.1
  registrar:
    domain: a.example
    udp_port: null
    tcp_port: null
    tls_port: {first}
    tls_profile: Depth
    rtp_port_range: 22000-23998
  users: [{{name: Ruel, password: {{secret: ruel}}, extension: "3001"}}]
  service_users: [{{name: Service, password: {{secret: service}}}}]
  directory: {{port: {second}, tls_profile: Lists}}
"""
BORDER = """
border:
  interfaces: [{{name: A1, enabled: true}}]
  networks:
    - {{name: n, interface: A1, default_gateway: 127.0.0.2, prefix: 255.0.0.0,
       addresses: [{{ip: 127.0.0.1}}]}}
  application_relays:
{relays}
"""
RELAY = """
    - name: {profile}
      service_type: other
      remote: {{address: 127.0.0.1, port: {to}{remote}}}
      device: {{listen_network: n, listen_ip: 127.0.0.1, connect_network: n, connect_ip: 127.0.0.1,
        listen_port: {port}{device}}}
"""


async def shake(base, port, own):
    """What is agreed on with a server when we show a certificate; None when it will not."""
    blind = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    blind.check_hostname, blind.verify_mode = False, ssl.CERT_NONE
    blind.load_cert_chain(base / f"{own}.pem", base / f"{own.replace('whole', 'deep')}.key")
    try:
        _, writer = await asyncio.open_connection(IP, port, ssl=blind)
    except OSError:
        return None
    found = writer.get_extra_info("ssl_object")
    agreed = found.version(), found.cipher()[0]
    writer.transport.abort()
    return agreed


async def judged(base, depth, lists):
    """The port of profile Depth believes no deep chain, that of Lists nobody who is revoked."""
    agreed = ("TLSv1.2", CIPHER)
    if depth is not None:
        assert await shake(base, depth, "here") == agreed
        assert await shake(base, depth, "whole") is None
    if lists is not None:
        assert await shake(base, lists, "here") == agreed
        assert await shake(base, lists, "gone") is None


@asynccontextmanager
async def role(run, name, text, base, tmp_path):
    """A whole role, ready."""
    context = RoleContext(name, load_deployment(text, SECRETS), base, tmp_path / "run")
    task = asyncio.create_task(run(context))
    try:
        while not context.control_path.exists() and not task.done():
            await asyncio.wait({task}, timeout=0.01)
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_the_office_goes_by_server_profiles(base, tmp_path):
    first, second = free_ports(2)
    text = SERVERS + OFFICE.format(first=first, second=second)
    async with role(run_office, "office", text, base, tmp_path):
        await judged(base, first, second)
        run_dir = ["--run-dir", str(tmp_path / "run")]
        shown = await asyncio.to_thread(CliRunner().invoke, app, ["show", *run_dir])
        assert shown.output.startswith("office: Depth: 127.0.0.1: until 20")
        told = await asyncio.to_thread(CliRunner().invoke, app, ["reload", "--json", *run_dir])
        assert json.loads(told.output)["office"]["Lists"] == "in use for new connections"


async def test_relays_go_by_server_profiles(base):
    first, second = free_ports(2)
    inside = await asyncio.start_server(lambda _, writer: writer.close(), IP, 0)
    to = inside.sockets[0].getsockname()[1]
    texts = [
        RELAY.format(
            profile=profile, to=to, port=port, remote="",
            device=f", listen_transport: TLS, tls_profile: {profile}",
        )
        for profile, port in (("Depth", first), ("Lists", second))
    ]  # fmt: skip
    deployment = load_deployment(SERVERS + BORDER.format(relays="".join(texts)), SECRETS)
    keeper = TlsKeeper(deployment, base, [].append)
    relays = RelaySet(keeper, lambda _: None)
    await relays.adopt(deployment)
    try:
        await judged(base, first, second)
    finally:
        await relays.stop()
        inside.close()


async def xmpp_shake(port, authorities, domain="a.example"):
    """What the messaging server agrees on after STARTTLS, and the length of its chain."""
    reader, writer = await asyncio.open_connection(IP, port)
    head = (
        f"<stream:stream to='{domain}' version='1.0' xmlns='jabber:client'"
        " xmlns:stream='http://etherx.jabber.org/streams'>"
    )
    writer.write(head.encode())
    await reader.readuntil(b"</stream:features>")
    writer.write(b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
    await reader.readuntil(b"proceed")
    await reader.readuntil(b">")
    judge = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    judge.check_hostname = False
    judge.load_verify_locations(authorities)
    await writer.start_tls(judge)
    found = writer.get_extra_info("ssl_object")
    agreed = found.version(), found.cipher()[0], found.getpeercert(True)
    writer.transport.abort()
    return agreed


async def test_the_portal_goes_by_server_profiles(base, tmp_path):
    """REST judges its clients; Prosody has version, ciphers and a chain in a file of its own."""
    rest, other, xmpp, dsml = free_ports(4)
    text = portal_text(rest=rest, communicator=other, xmpp=xmpp, dsml=dsml)
    profiles = SERVERS.partition("tls_server_profiles:")[2] + (
        "  - {name: Messages, certificate: deep.pem, key: deep.key, ciphers: " + CIPHER + ","
        ' certificate_chain: deep-chain.pem, versions: ["1.2"]}\n'
    )
    text = text.replace("tls_server_profiles:", "tls_server_profiles:" + profiles)
    text = text.replace("tls/ca.pem", "ca.pem").replace("tls/", "")
    text = text.replace("portal.", "here.").replace("office.", "here.")
    text = text.replace("  tls_profile: PortalProf", "  tls_profile: Lists")
    text = text.replace("tls_profile: PortalProf", "tls_profile: Messages")
    text = text.replace("ipo1xp.ipolab.com", "a.example")
    async with role(run_portal, "portal", text, base, tmp_path):
        await judged(base, None, rest)
        assert (await xmpp_shake(xmpp, base / "both.pem"))[:2] == ("TLSv1.2", CIPHER)


async def test_renewed_certificates_are_shown_by_rest_and_messaging(tmp_path):
    async with running_portal(tmp_path, [account("Ruel", "x", "3001")]) as portal:

        def now():
            pem = (tmp_path / "tls" / "portal.pem").read_bytes()
            return ssl.PEM_cert_to_DER_cert(pem.decode().partition("-----END")[0] + PEM_END)

        async def shown():
            blind = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            blind.check_hostname, blind.verify_mode = False, ssl.CERT_NONE
            _, writer = await asyncio.open_connection(IP, portal.rest_port, ssl=blind)
            found = writer.get_extra_info("ssl_object").getpeercert(True)
            writer.transport.abort()
            return found

        first = now()
        assert await shown() == first
        make_certificates(tmp_path / "tls", {"portal": ["ipo1xp.ipolab.com", IP]})
        told = await call(portal.context.control_path, "tls-reload")
        assert told["PortalProf"] == "in use for new connections"
        assert await shown() == now() != first
        async with asyncio.timeout(30):  # Prosody reads it when it has taken the signal
            while True:
                with contextlib.suppress(ssl.SSLError):
                    if (await xmpp_shake(portal.xmpp_port, portal.ca, "ipo1xp.ipolab.com"))[
                        2
                    ] == now():
                        break
                await asyncio.sleep(0.02)


# ---- places that connect ----


class Peer:
    """A server with TLS that notes what clients say and agree to; it answers with a byte."""

    def __init__(self, base, certificate, demand=False):
        self.names = []
        self.agreed = None
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.sni_callback = lambda _peer, name, _context: self.names.append(name)
        key = certificate.replace("whole", "deep")
        self.context.load_cert_chain(base / f"{certificate}.pem", base / f"{key}.key")
        if demand:
            self.context.load_verify_locations(base / "ca.pem")
            self.context.verify_mode = ssl.CERT_REQUIRED


class Relay:
    """A relay of any service connects."""

    async def reach(self, keeper, peer, _base):
        """Why it does not connect; None when it does."""

        async def serve(reader, writer):
            peer.agreed = writer.get_extra_info("ssl_object")
            writer.write(await reader.read(1))
            writer.close()

        server = await asyncio.start_server(serve, IP, 0, ssl=peer.context)
        to, notes = server.sockets[0].getsockname()[1], []
        text = "version: 1\ntls_client_profiles: [{name: C, peer_certificate_authorities: ca.pem}]"
        text += BORDER.format(relays=RELAY.format(
            profile="r", to=to, port=free_ports(1)[0], device="",
            remote=", transport: TLS, tls_client_profile: C",
        ))  # fmt: skip
        relays = RelaySet(keeper, notes.append)
        await relays.adopt(load_deployment(text, {}))
        reader, writer = await asyncio.open_connection(IP, relays.running[0].port)
        writer.write(b"x")
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read(1) in (b"x", b"")
        writer.close()
        await relays.stop()
        server.close()
        failed = [one.detail for one in notes if isinstance(one, Note) and "failed" in one.what]
        return failed[0] if failed else None


class Dsml:
    """The portal's DSML provider connects."""

    async def reach(self, keeper, peer, base):
        """Why it does not connect; None when it does."""
        [port] = free_ports(1)
        fake = FakeDirectory(IP, port, peer.context, [account("Ruel", "x", "3001")])
        await fake.start()
        text = portal_text(rest=1, communicator=2, xmpp=3, dsml=port)
        directory = Directory(
            load_deployment(text, SECRETS).portal.dsml_provider,
            tls=keeper.client("C"),
            source_ip=IP,
            copy=base / "copy.json",
            reserved={},
            status=ComponentStatus(lambda: 0.0, lambda _: None),
            wall=lambda: 0.0,
            trace=lambda _: None,
            on_change=None,
        )
        try:
            await directory._fetch()
        except aiohttp.ClientError as error:
            return str(error)
        finally:
            await fake.stop()
        return None


@pytest.mark.parametrize(
    ("fields", "certificate", "said", "sni"),
    [
        ({}, "here", None, None),
        ({}, "named", "is not that of 127.0.0.1", None),
        ({"server_hostname": NAME}, "named", None, NAME),
        ({"server_hostname": NAME, "sni": False}, "named", None, None),
        ({"server_hostname": "b.example", "sni": False}, "named", "is not that of b.example", None),
        ({"extended_hostname_verification": False}, "named", None, None),
        ({"verification_depth": 2}, "whole", None, None),
        ({"verification_depth": 1}, "whole", "Verification Depth 1", None),
        ({"peer_certificate_revocation_lists": "empty.crl"}, "gone", None, None),
        ({"peer_certificate_revocation_lists": "full.crl"}, "gone", "certificate revoked", None),
        ({"peer_verification": False}, "named", None, None),
    ],
)
@pytest.mark.parametrize("place", [Relay, Dsml])
async def test_who_connects_goes_by_client_profiles(base, tmp_path, place, fields, certificate,
                                                    said, sni):  # fmt: skip
    authorities = "ca.pem" if "lists" in str(fields) else "both.pem"
    profile = TlsClientProfile(name="C", **{"peer_certificate_authorities": authorities} | fields)
    keeper = TlsKeeper(Deployment(tls_client_profiles=(profile,)), base, [].append)
    peer = Peer(base, certificate)
    found = await place().reach(keeper, peer, tmp_path)
    assert (said in found) if said else found is None, found
    assert peer.names[-1] == sni


async def test_a_relay_shows_its_certificate_and_chooses_its_ciphers(base, tmp_path):
    fields = {"certificate": "here.pem", "key": "here.key", "versions": ("1.2",), "ciphers": CIPHER}
    profile = TlsClientProfile(name="C", peer_certificate_authorities="ca.pem", **fields)
    keeper = TlsKeeper(Deployment(tls_client_profiles=(profile,)), base, [].append)
    peer = Peer(base, "here", demand=True)
    assert await Relay().reach(keeper, peer, tmp_path) is None
    assert peer.agreed.cipher()[0] == CIPHER
    assert peer.agreed.getpeercert(True) is not None


@pytest.mark.parametrize(("name", "said"), [(NAME, None), (None, "is not that of 127.0.0.1")])
def test_the_products_event_loop_judges_too(base, name, said):
    """uvloop has a TLS protocol of its own."""

    async def shake():
        peer = Peer(base, "named")
        server = await asyncio.start_server(
            lambda _, writer: writer.close(), IP, 0, ssl=peer.context
        )
        fields = {"peer_certificate_authorities": "ca.pem", "server_hostname": name, "sni": False}
        profile = TlsClientProfile(name="C", **fields)
        keeper = TlsKeeper(Deployment(tls_client_profiles=(profile,)), base, [].append)
        try:
            port = server.sockets[0].getsockname()[1]
            _, writer = await asyncio.open_connection(IP, port, ssl=keeper.client("C"))
            writer.close()
        except ssl.SSLCertVerificationError as error:
            return str(error)
        finally:
            server.close()
        return None

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        found = runner.run(shake())
    assert (said in found) if said else found is None, found
