"""`farline check --probe` against real sockets and a real name server."""

import asyncio
from pathlib import Path

import pytest

from farline.config import load_deployment
from farline.runtime.probe import probe
from farline.testing.names import TestNameServer
from farline.testing.ports import free_ports

GUIDE = (Path(__file__).parents[3] / "examples" / "guide.yaml").read_text()
SECRETS = dict.fromkeys(("ruel", "dora", "enhtcpaservice"), "secret")
HOP = "- {priority: 1, server: IPO, address: 10.10.10.13, port: 5060, transport: TCP}"
ADDRESS = "- {address: 10.10.10.13, port: 5060, transport: UDP}"


async def found(fields, name_server=None):
    """The problems of a deployment with this next hop."""
    text = GUIDE.replace(HOP, f"- {{priority: 1, server: IPO, {fields}}}")
    text = text.replace(ADDRESS, f"{ADDRESS}\n        - {{{fields}}}")
    if name_server is not None:
        at = name_server.address
        dns = f"  dns: {{servers: [{{ip: {at.host}, port: {at.port}}}]}}\n"
        text = text.replace("border:\n", f"border:\n{dns}", 1)
    return [problem.text for problem in await probe(load_deployment(text, SECRETS), Path())]


@pytest.fixture
async def listening():
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()


async def test_tcp(listening):
    assert await found(f"address: 127.0.0.1, port: {listening}, transport: TCP") == []
    [port] = free_ports(1)
    (text,) = await found(f"address: 127.0.0.1, port: {port}, transport: TCP")
    assert text.startswith(f"IPO 127.0.0.1:{port} (TCP) is not reached: ")
    assert "refused" in text.lower()


async def test_udp():
    class Echo(asyncio.DatagramProtocol):
        def connection_made(self, transport):
            self.transport = transport

        def datagram_received(self, data, addr):
            assert data.startswith(b"OPTIONS sip:127.0.0.1")
            self.transport.sendto(b"SIP/2.0 200 OK\r\n\r\n", addr)

    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(Echo, local_addr=("127.0.0.1", 0))
    port = transport.get_extra_info("sockname")[1]
    assert await found(f"address: 127.0.0.1, port: {port}, transport: UDP") == []
    transport.close()
    [port] = free_ports(1)
    (text,) = await found(f"address: 127.0.0.1, port: {port}, transport: UDP")
    assert "(UDP) is not reached: " in text


async def test_names(listening):
    async with TestNameServer("pbx.test. 60 IN A 127.0.0.1\nother.test. 60 IN A 127.0.0.1") as dns:
        hop = f"port: {listening}, transport: TCP"
        assert await found(f"address: pbx.test, {hop}", dns) == []
        (text,) = await found(f"address: none.test, {hop}", dns)
        assert text.startswith("none.test leads nowhere: none.test A: does not exist")
