"""What the Signaling Interface form makes of sockets."""

import asyncio
import ssl
from contextlib import closing

import pytest
from cryptography import x509

from farline.config import Border, Deployment, TlsServerProfile
from farline.runtime.border_listeners import border_listeners
from farline.runtime.sip import SipDriver
from farline.runtime.tls.keeper import TlsKeeper
from farline.runtime.tls.lab_authority import make_certificates
from farline.sip import Transport
from farline.testing.core import NotingCore
from farline.testing.ports import own_network

IP = f"{own_network()}.2.96"
"""Every port of it is this test's."""
PORTS = {
    "udp_port": (Transport.UDP, 17001),
    "tcp_port": (Transport.TCP, 17002),
    "tls_port": (Transport.TLS, 17003),
    "ws_port": (Transport.WS, 17004),
    "wss_port": (Transport.WSS, 17005),
}
SHARED = 17006
UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Protocol: sip\r\nOrigin: https://a.example\r\n\r\n"
)


@pytest.fixture
async def listen(tmp_path):
    """Starts a driver for one signaling interface with these fields."""
    make_certificates(tmp_path, {"here": [IP]})
    drivers = []

    async def start(**fields):
        interface = {"name": "out", "network": "n", "ip": IP, "tls_profile": "S", **fields}
        border = Border.model_validate({"signaling_interfaces": [interface]})
        profile = TlsServerProfile(name="S", certificate="here.pem", key="here.key")
        deployment = Deployment(version=1, border=border, tls_server_profiles=(profile,))
        keeper = TlsKeeper(deployment, tmp_path, [].append)
        drivers.append(SipDriver(NotingCore(), border_listeners(border, keeper)))
        await drivers[-1].start()
        return drivers[-1]

    yield start
    for driver in drivers:
        await driver.stop()


async def test_every_port_is_listened_on(listen):
    driver = await listen(**{name: port for name, (_, port) in PORTS.items()})
    assert driver.ports("out") == dict(PORTS.values())


@pytest.mark.parametrize("left_out", list(PORTS))
async def test_a_port_left_blank_is_disabled(listen, left_out):
    driver = await listen(**{name: port for name, (_, port) in PORTS.items() if name != left_out})
    expected = {transport: port for name, (transport, port) in PORTS.items() if name != left_out}
    assert driver.ports("out") == expected


async def test_shared_control_has_a_port_of_its_own(listen):
    await listen(udp_port=17001, shared_control=True, shared_control_port=SHARED)
    _, writer = await asyncio.open_connection(IP, SHARED)
    with closing(writer):
        assert writer.get_extra_info("peername") == (IP, SHARED)


@pytest.mark.parametrize(("origins", "status"), [([], b"403"), (["https://a.example"], b"101")])
async def test_web_pages_that_may_connect(listen, origins, status):
    await listen(ws_port=17004, ws_origins=origins)
    reader, writer = await asyncio.open_connection(IP, 17004)
    with closing(writer):
        writer.write(UPGRADE)
        assert (await reader.readline()).split()[1] == status


async def dialled(writers):
    """The common name that a new TLS connection is shown."""
    blind = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    blind.check_hostname, blind.verify_mode = False, ssl.CERT_NONE
    _, writer = await asyncio.open_connection(IP, 17003, ssl=blind)
    writers.append(writer)
    shown = writer.get_extra_info("ssl_object").getpeercert(True)
    return x509.load_der_x509_certificate(shown).subject.rfc4514_string()


async def test_another_tls_profile_is_for_new_connections(tmp_path):
    """The same profile with another certificate, and then another profile of the interface."""
    make_certificates(tmp_path, {name: [f"{name}.example"] for name in ("one", "two", "three")})

    def deployment(certificate, profile="S"):
        interface = {"name": "out", "network": "n", "ip": IP, "tls_port": 17003,
                     "tls_profile": profile}  # fmt: skip
        made = [
            TlsServerProfile(name=name, certificate=f"{file}.pem", key=f"{file}.key")
            for name, file in (("S", certificate), ("T", "three"))
        ]
        border = Border.model_validate({"signaling_interfaces": [interface]})
        return Deployment(version=1, border=border, tls_server_profiles=made)

    first = deployment("one")
    keeper = TlsKeeper(first, tmp_path, [].append)
    driver = SipDriver(NotingCore(), border_listeners(first.border, keeper))
    await driver.start()
    writers = []
    try:
        assert await dialled(writers) == "CN=one.example"
        for later, name in ((deployment("two"), "two"), (deployment("two", "T"), "three")):
            keeper.adopt(later)
            await driver.relisten(border_listeners(later.border, keeper), dict)
            assert await dialled(writers) == f"CN={name}.example"
        for writer in writers:
            writer.write(b"\r\n\r\n")
            await writer.drain()
            assert not writer.is_closing()
    finally:
        for writer in writers:
            writer.transport.abort()
        await driver.stop()
