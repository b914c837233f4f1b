"""Relays that come, go and change while connections go on."""

import asyncio
import contextlib
import socket

import pytest

from farline.config import ApplicationRelay, Border, Deployment
from farline.runtime.relays.set import RelaySet
from farline.runtime.tls.keeper import TlsKeeper
from farline.testing.ports import own_network

IP = f"{own_network()}.1.96"
"""Every port of it is this test's."""
ONE, TWO, THREE = 18444, 18445, 18446
OPENED = []
"""Clients of the test that runs."""


def relay(port, to, **more):
    return ApplicationRelay.model_validate({
        "name": f"relay {port}", "service_type": "other",
        "remote": {"address": IP, "port": to, "transport": more.get("transport", "TCP")},
        "device": {
            "listen_network": "B", "listen_ip": IP, "listen_port": port,
            "connect_network": "A", "connect_ip": IP,
            "listen_transport": more.pop("transport", "TCP"),
        },
        **more,
    })  # fmt: skip


def deployment(*relays):
    return Deployment(version=1, border=Border(application_relays=relays))


class Echo(asyncio.DatagramProtocol):
    """Says its name before whatever it hears, over TCP and UDP."""

    def __init__(self, name):
        self.name = name

    async def start(self):
        self.server = await asyncio.start_server(self._serve, IP, 0)
        self.port = self.server.sockets[0].getsockname()[1]
        loop = asyncio.get_running_loop()
        self.transport, _ = await loop.create_datagram_endpoint(
            lambda: self, local_addr=(IP, self.port)
        )
        return self

    async def _serve(self, reader, writer):
        with contextlib.suppress(ConnectionResetError):
            while data := await reader.read(100):
                writer.write(self.name + data)
        writer.close()

    def datagram_received(self, data, addr):
        self.transport.sendto(self.name + data, addr)

    def stop(self):
        self.server.close()
        self.transport.close()


@contextlib.asynccontextmanager
async def relays():
    """A set of relays, and two servers."""
    made = RelaySet(TlsKeeper(deployment(), None, [].append), [].append)
    first, second = await Echo(b"1").start(), await Echo(b"2").start()
    try:
        yield made, first, second
    finally:
        for client in OPENED:
            client.writer.transport.abort()
        OPENED.clear()
        await made.stop()
        first.stop()
        second.stop()


class Client:
    """A TCP connection through a relay."""

    async def open(self, port):
        self.reader, self.writer = await asyncio.open_connection(IP, port)
        OPENED.append(self)
        return self

    async def says(self, data):
        self.writer.write(data)
        async with asyncio.timeout(30):
            return await self.reader.readexactly(len(data) + 1)


async def heard(client):
    return await asyncio.to_thread(client.recv, 100)


async def ended(made):
    """Wait until every relay that has to go is gone."""
    async with asyncio.timeout(30):
        while any(row.get("ends") for row in made.show()):  # noqa: ASYNC110 - no event tells of it
            await asyncio.sleep(0.01)


async def test_a_relay_comes_and_connections_of_the_others_go_on():
    async with relays() as (made, first, second):
        await made.adopt(deployment(relay(ONE, first.port)))
        client = await Client().open(ONE)
        assert await client.says(b"a") == b"1a"
        await made.adopt(deployment(relay(TWO, second.port), relay(ONE, first.port)))
        assert await client.says(b"b") == b"1b"
        assert await (await Client().open(TWO)).says(b"c") == b"2c"
        assert [one.plan.name for one in made.running] == [f"relay {TWO}", f"relay {ONE}"]


async def test_a_relay_that_goes_lasts_as_long_as_its_connections():
    async with relays() as (made, first, _):
        await made.adopt(deployment(relay(ONE, first.port), relay(TWO, first.port)))
        client = await Client().open(ONE)
        assert await client.says(b"a") == b"1a"
        await made.adopt(deployment(relay(TWO, first.port)))
        with pytest.raises(ConnectionRefusedError):
            await Client().open(ONE)
        assert await client.says(b"b") == b"1b"
        assert [row.get("ends", False) for row in made.show()] == [False, True]
        client.writer.close()
        await ended(made)
        assert len(made.show()) == 1


async def test_another_server_and_other_limits_are_for_new_connections():
    async with relays() as (made, first, second):
        await made.adopt(deployment(relay(ONE, first.port)))
        old = await Client().open(ONE)
        assert await old.says(b"a") == b"1a"
        await made.adopt(deployment(relay(ONE, second.port, name="new", max_connections=2)))
        new = await Client().open(ONE)
        assert await new.says(b"b") == b"2b"
        assert await old.says(b"c") == b"1c"
        third = await Client().open(ONE)
        assert await third.reader.read() == b""
        (row,) = made.show()
        assert row["connections"] == 2


async def test_an_address_in_use_leaves_everything_as_it_was():
    async with relays() as (made, first, second):
        await made.adopt(deployment(relay(ONE, first.port)))
        client = await Client().open(ONE)
        assert await client.says(b"a") == b"1a"
        both = deployment(relay(TWO, second.port), relay(THREE, second.port))
        with socket.create_server((IP, THREE)), pytest.raises(OSError, match="cannot listen on"):
            await made.adopt(both)
        with pytest.raises(ConnectionRefusedError):
            await Client().open(TWO)
        assert await client.says(b"b") == b"1b"
        assert await (await Client().open(ONE)).says(b"c") == b"1c"
        assert len(made.show()) == 1


async def test_datagrams():
    """The client that is there is answered to its end, and nobody new is let in."""
    async with relays() as (made, first, _):
        await made.adopt(deployment(relay(ONE, first.port, transport="UDP", idle_seconds=10)))
        old, new = (socket.socket(type=socket.SOCK_DGRAM) for _ in range(2))
        for one in (old, new):
            one.settimeout(30)
            one.connect((IP, ONE))
        with old, new:
            old.send(b"a")
            assert await heard(old) == b"1a"
            await made.adopt(deployment())
            new.send(b"x")
            old.send(b"b")
            assert await heard(old) == b"1b"
            new.settimeout(0)
            with pytest.raises(BlockingIOError):
                new.recv(100)
            new.settimeout(30)
            (row,) = made.show()
            assert (row["ends"], row["connections"]) == (True, 1)
            await made.adopt(deployment(relay(ONE, first.port, transport="UDP")))
            new.send(b"y")
            assert await heard(new) == b"1y"
            old.send(b"c")
            assert await heard(old) == b"1c"
            assert len(made.show()) == 1
