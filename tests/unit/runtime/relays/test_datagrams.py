"""The relay of datagrams on real loopback sockets."""

import asyncio
import socket
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from farline.border.relays.plan import RelayPlan, Whitelist
from farline.border.relays.rtcp_actors import Actors, FarEnd
from farline.border.relays.rtcp_app import QUALITY, Report, read
from farline.runtime.relays.datagrams import UdpRelay
from farline.trace.events import Refused

IP, CONNECT_IP = "127.0.0.1", "127.0.0.7"
REPORT = bytes.fromhex("81c90007 00000009 00000007 40000003 00000000 000000a0 00000000 00000000")


class Udp:
    """A UDP socket that the test reads and writes."""

    def __init__(self, ip=IP):
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.setblocking(False)
        self.sock.bind((ip, 0))
        self.port = self.sock.getsockname()[1]

    async def read(self):
        async with asyncio.timeout(30):
            return await asyncio.get_running_loop().sock_recvfrom(self.sock, 2048)

    def send(self, data, port, ip=IP):
        self.sock.sendto(data, (ip, port))


class Events(list):
    """What a relay traces, and a word when there is more."""

    def __init__(self):
        super().__init__()
        self.more = asyncio.Event()

    def append(self, event):
        super().append(event)
        self.more.set()


@asynccontextmanager
async def relayed(registered=None, far_end=None, **changes):
    """(relay, server, events)"""
    server = Udp()
    plan = RelayPlan(
        "rtcp", "RTCP", (IP, 0), None, CONNECT_IP, (IP, server.port), None, 100, 100, 60.0, 5.0,
        udp=True, monitoring=True,
    )  # fmt: skip
    events = Events()
    relay = UdpRelay(
        replace(plan, **changes), trace=events.append, registered=registered, far_end=far_end
    )
    await relay.start()
    try:
        yield relay, server, events
    finally:
        await relay.stop()
        server.sock.close()


async def until(events, condition):
    """Wait for what the relay traces."""
    async with asyncio.timeout(30):
        while not condition():
            events.more.clear()
            await events.more.wait()


async def test_datagrams_go_both_ways_one_socket_a_client():
    async with relayed() as (relay, server, _):
        clients = [Udp(), Udp()]
        peers = []
        for client in clients:
            client.send(b"to " + str(client.port).encode(), relay.port)
            data, peer = await server.read()
            assert data == b"to " + str(client.port).encode() and peer[0] == CONNECT_IP
            peers.append(peer)
        for client, peer in zip(clients, peers, strict=True):
            server.sock.sendto(b"for %d" % client.port, peer)
            assert await client.read() == (b"for %d" % client.port, (IP, relay.port))
            client.sock.close()
        assert len(set(peers)) == len(clients) == relay.show()["connections"]


async def test_reports_are_counted_and_pass_unchanged():
    async with relayed() as (relay, server, _):
        client = Udp()
        client.send(REPORT, relay.port)
        assert (await server.read())[0] == REPORT
        (stream,) = relay.show()["rtcp"]["streams"]
        assert (stream["loss %"], stream["lost"], stream["jitter"]) == (25.0, 3, 160)
        client.sock.close()


async def test_strangers_cannot_speak_for_the_server():
    async with relayed() as (relay, server, _):
        client, stranger = Udp(), Udp()
        client.send(b"a", relay.port)
        _, peer = await server.read()
        stranger.sock.sendto(b"forged", peer)
        server.sock.sendto(b"real", peer)
        assert (await client.read())[0] == b"real"
        for one in (client, stranger):
            one.sock.close()


async def test_associations_are_bounded_and_end_when_idle():
    async with relayed(max_connections_per_source=2, idle_seconds=0.3) as (relay, server, events):
        clients = [Udp() for _ in range(3)]
        for client in clients:
            client.send(b"a", relay.port)
        await until(events, lambda: relay.ledger.counters.refused == 1)
        assert [type(one) for one in events if isinstance(one, Refused)] == [Refused]
        await until(events, lambda: relay.ledger.counters.idle == 2)
        assert relay.show()["connections"] == relay.show()["sources"] == 0
        for client in clients:
            client.sock.close()
        assert server.port


@pytest.mark.parametrize("known", [False, True])
async def test_whitelist_flows(known):
    async with relayed(lambda _: known, whitelist=Whitelist(60.0, 0)) as (relay, server, events):
        client = Udp()
        client.send(b"a", relay.port)
        if known:
            assert (await server.read())[0] == b"a"
        else:
            await until(events, lambda: relay.ledger.reasons["whitelist"] == 1)
            assert not relay.associations
        client.sock.close()


async def test_actors_change_reports_on_the_way_to_the_server():
    far = FarEnd("10.10.10.30", 40_751, IP)
    asked = []

    def far_end(host, port):
        asked.append((host, port))
        return far

    report = Report(QUALITY, 1, 2, {}).from_remote("192.168.64.96", 35_001)
    async with relayed(actors=Actors(rewrite=True), far_end=far_end) as (relay, server, _):
        phone = Udp()
        phone.send(REPORT + report.to_bytes(), relay.port)
        data, _ = await server.read()
        assert data.startswith(REPORT)
        assert read(data[len(REPORT) :]).remote == ("10.10.10.30", 40_751)
        assert asked == [("192.168.64.96", 35_001)]
        assert relay.show()["actors"]["rewritten"] == 1
        relay.change(replace(relay.plan, actors=None), None)
        phone.send(REPORT + report.to_bytes(), relay.port)
        assert (await server.read())[0] == REPORT + report.to_bytes()
        phone.sock.close()
