"""Both ends of ng over sockets: our client and our engine, lost, repeated and spoilt datagrams."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from farline.config import Border, MediaNode
from farline.media.engine import Answer, Delete, Offer, Query, Side
from farline.media.ng.client import NgPlaces
from farline.media.ng.message import pack, unpack
from farline.runtime.media_process import MediaPlace, MediaSettings
from farline.runtime.ng_client import NgClient
from farline.runtime.ng_node import MAX_PENDING, NgNode, NodeError
from farline.runtime.ng_server import NgServer
from farline.runtime.ng_settings import NgSettings, ng_settings
from farline.testing.chance import SeededIds
from farline.testing.media import bare_sdp, shown_at
from farline.testing.peers import peers
from farline.testing.ports import free_ports, own_network

NET = own_network()
B1, A1, NG = f"{NET}.1.96", f"{NET}.1.7", f"{NET}.2.1"
PHONE, OFFICE = f"{NET}.3.61", f"{NET}.4.13"
OUTSIDE, INSIDE = Side("outside", "B1", PHONE), Side("inside", "A1", OFFICE)
PLACES = NgPlaces({"B1": "B1", "A1": "A1"}, {"B1": B1, "A1": A1})
RANGES = [MediaPlace("B1", B1, 36000, 36098), MediaPlace("A1", A1, 36000, 36098)]


@pytest.fixture
async def peer():
    async with peers() as at:
        yield at


@asynccontextmanager
async def served(timeout=60.0, places=RANGES):
    """An engine of ours, and the port of its ng."""
    server = NgServer(places, MediaSettings(threads=1, timeout_seconds=timeout))
    ready = asyncio.get_running_loop().create_future()
    task = asyncio.create_task(server.run(NG, 0, ready.set_result))
    try:
        await asyncio.wait({task, ready}, return_when=asyncio.FIRST_COMPLETED)
        assert ready.done(), task.exception()
        yield server, int(ready.result().rpartition(":")[2])
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


@asynccontextmanager
async def client_of(port):
    settings = NgSettings((MediaNode(address=NG, port=port),), PLACES, ping_seconds=30)
    client = NgClient(settings, lambda _timeout: None, SeededIds())
    client.start()
    try:
        await client.wait_connected()
        yield client
    finally:
        await client.stop()


async def test_our_client_and_our_engine_carry_a_call(peer, monkeypatch):
    # Each request once: a busy machine may take longer than the first wait, and then answers twice.
    monkeypatch.setattr("farline.runtime.ng_node.WAITS", (30.0,))
    phone, office = await peer(PHONE), await peer(OFFICE)
    async with served() as (server, port), client_of(port) as client:
        to_office = shown_at(
            await client.perform(Offer("s", bare_sdp(PHONE, phone.port), OUTSIDE, INSIDE))
        )
        to_phone = shown_at(
            await client.perform(Answer("s", bare_sdp(OFFICE, office.port), INSIDE, OUTSIDE))
        )
        assert (to_office[0], to_phone[0]) == (A1, B1)
        assert (await phone.says(to_phone, office))[1] == to_office
        assert (await office.says(to_office, phone))[1] == to_phone
        stats = (await client.perform(Query("s"))).stats
        latched = {one.side: one.latched for one in stats if one.kind == "rtp"}
        assert latched == {
            "outside": f"{PHONE}:{phone.port}",
            "inside": f"{OFFICE}:{office.port}",
        }
        assert (await client.perform(Delete("s", "bye"))).error is None
        assert len(server.service) == 0
        (row,) = client.show()
        assert (row["sessions"], row["requests lost"], row["stray answers"]) == (0, 0, 0)


async def test_a_repeated_request_has_the_same_answer_and_spoilt_ones_have_none(peer):
    async with served() as (server, port):
        asker, other = await peer(PHONE), await peer(PHONE)
        offer = {"command": "offer", "call-id": "c", "from-tag": "a", "sdp": bare_sdp(PHONE, 4000)}
        for sender in (asker, asker, other):
            sender.transport.sendto(pack(b"one", offer), (NG, port))
        answers = [(await asker.heard.get())[0] for _ in range(2)]
        assert answers[0] == answers[1]
        assert unpack((await other.heard.get())[0])[1]["result"] == b"ok"
        assert (server.counters.requests, server.counters.repeated) == (3, 1)
        for spoilt in (b" ", b"x", b"one ", b"one le", b"one " + b"l" * 5000, b'1 {"command":1}'):
            asker.transport.sendto(spoilt, (NG, port))
        asker.transport.sendto(pack(b"two", {"command": "ping"}), (NG, port))
        assert (await asker.heard.get())[0] == b"two d6:result4:ponge"
        assert (server.counters.malformed, server.counters.refused) == (6, 0)


def settings_of(*nodes, **fields):
    """What the Media Engine form makes of these nodes."""
    form = {"engine": "rtpengine", "nodes": [{"address": NG, **node} for node in nodes], **fields}
    return replace(ng_settings(Border(media_engine=form)), places=PLACES)


async def test_new_sessions_are_shared_out_by_weight():
    """Of 30 sessions a node of weight 1 beside one of weight 9 has some, and far from half."""
    others = [MediaPlace("B1", B1, 36100, 36298), MediaPlace("A1", A1, 36100, 36298)]
    async with served() as (light, one), served(places=others) as (heavy, two):
        settings = settings_of({"port": one}, {"port": two, "weight": 9})
        client = NgClient(settings, lambda _timeout: None, SeededIds())
        client.start()
        try:
            while sum(row["state"] == "up" for row in client.show()) < 2:  # noqa: ASYNC110 - no event tells of both
                await asyncio.sleep(0.01)
            for number in range(30):
                shown_at(
                    await client.perform(
                        Offer(f"s{number}", bare_sdp(PHONE, 4000), OUTSIDE, INSIDE)
                    )
                )
        finally:
            await client.stop()
        assert 1 <= len(light.service) <= 8
        assert len(light.service) + len(heavy.service) == 30


async def test_a_node_is_asked_again_after_the_ping_interval(monkeypatch):
    waits = asyncio.Queue()

    async def sleep(seconds):
        waits.put_nowait(seconds)
        await asyncio.Event().wait()

    async with served() as (_, port):
        settings = settings_of({"port": port}, ping_seconds=17)
        client = NgClient(settings, lambda _timeout: None, SeededIds())
        monkeypatch.setattr("farline.runtime.ng_node.asyncio.sleep", sleep)
        client.start()
        async with asyncio.timeout(30):
            while await waits.get() != 17:
                pass  # others of its tasks wait too
        await client.stop()


async def test_a_silent_call_is_ended():
    async with served(timeout=0.2) as (server, port), client_of(port) as client:
        shown_at(await client.perform(Offer("s", bare_sdp(PHONE, 4000), OUTSIDE, INSIDE)))
        shown_at(await client.perform(Answer("s", bare_sdp(OFFICE, 4002), INSIDE, OUTSIDE)))
        async with asyncio.timeout(30):
            while len(server.service):
                await client.perform(Query("s"))
        assert server.counters.ended == 1


@pytest.mark.parametrize("ip", ["0.0.0.0", "::", "nowhere"])
async def test_ng_is_not_served_everywhere(ip):
    server = NgServer(RANGES, MediaSettings(threads=1))
    with pytest.raises(ValueError):
        await server.run(ip, 0, lambda _at: None)


async def test_an_interface_of_another_machine_is_told_at_the_start():
    server = NgServer([MediaPlace("pub", "203.0.113.9", 36000, 36098)], MediaSettings(threads=1))
    with pytest.raises(OSError, match=r"interface pub: 203\.0\.113\.9: Cannot assign"):
        await server.run(NG, 0, lambda _at: None)


async def test_a_lost_request_comes_again_and_a_second_answer_is_a_stray(peer):
    daemon = await peer(NG)
    node = NgNode(NG, daemon.port, 1, SeededIds(), lambda _node: None)
    asking = asyncio.create_task(node.ask({"command": "ping"}))
    first, _ = await daemon.heard.get()
    second, source = await daemon.heard.get()
    assert first == second
    cookie, _ = unpack(second)
    daemon.transport.sendto(b"no answer", source)
    daemon.transport.sendto(pack(b"other", {"result": "error"}), source)
    daemon.transport.sendto(pack(cookie, {"result": "pong"}), source)
    assert await asking == {"result": b"pong"}
    daemon.transport.sendto(pack(cookie, {"result": "error"}), source)
    # What is sent on one socket comes in order: with this answer the strays before it are counted.
    asking = asyncio.create_task(node.ask({"command": "ping"}))
    while (cookie_of := unpack((await daemon.heard.get())[0])[0]) == cookie:
        continue
    daemon.transport.sendto(pack(cookie_of, {"result": "pong"}), source)
    await asking
    assert (node.up, node.lost, node.strays) == (True, 0, 3)
    await node.stop()


async def test_nobody_else_than_the_node_is_listened_to(peer):
    daemon, stranger = await peer(NG), await peer(NG)
    node = NgNode(NG, daemon.port, 1, SeededIds(), lambda _node: None)
    asking = asyncio.create_task(node.ask({"command": "query"}))
    datagram, source = await daemon.heard.get()
    cookie, _ = unpack(datagram)
    stranger.transport.sendto(pack(cookie, {"result": "ok", "from": "stranger"}), source)
    daemon.transport.sendto(pack(cookie, {"result": "ok", "from": "node"}), source)
    assert (await asking)["from"] == b"node"
    await node.stop()


async def test_silence_and_too_many_requests_are_errors(peer):
    daemon = await peer(NG)
    ups = []
    node = NgNode(NG, daemon.port, 5, SeededIds(), lambda one: ups.append(one.up))
    node.take(pack(b"x", {"result": "pong"}))
    asking = [asyncio.create_task(node.ask({"command": "ping"})) for _ in range(MAX_PENDING)]
    for _ in range(2 * MAX_PENDING):
        await asyncio.sleep(0)  # until each has its turn: a request is in flight once it is sent
        if len(node._pending) == MAX_PENDING:
            break
    with pytest.raises(NodeError, match="overloaded"):
        await node.ask({"command": "ping"})
    failed = await asyncio.gather(*asking, return_exceptions=True)
    assert all("does not answer" in str(one) for one in failed)
    assert (ups, node.lost) == ([True, False], MAX_PENDING)
    await node.stop()


async def test_a_closed_port_is_found_out_at_once():
    node = NgNode(NG, free_ports(1, NG)[0], 1, SeededIds(), lambda _node: None)
    with pytest.raises(NodeError, match="refused"):  # and not: does not answer
        await node.ask({"command": "ping"})
    await node.stop()


async def test_a_node_that_goes_and_comes_is_traced_and_shown(peer):
    """From the first ping on: also a node that was never up."""
    daemon, noted = await peer(NG), asyncio.Queue()
    settings = settings_of({"port": daemon.port}, {"port": free_ports(1, NG)[0]}, ping_seconds=1)
    client = NgClient(settings, lambda _report: None, SeededIds(), noted.put_nowait)
    assert [(row["state"], row["seconds"]) for row in client.show()] == [("unknown", 0.0)] * 2
    client.start()
    try:
        async with asyncio.timeout(30):
            datagram, source = await daemon.heard.get()
            daemon.transport.sendto(pack(unpack(datagram)[0], {"result": "pong"}), source)
            first = {(event.what, event.detail) for event in [await noted.get(), await noted.get()]}
            one, other = (f"rtpengine {NG}:{node.port}" for node in settings.nodes)
            assert ("media node up", f"{one}: it answers") in first
            assert ("media node down", f"{other}: Connection refused") in first
            event = await noted.get()  # no further ping is answered
            assert (event.what, event.detail) == ("media node down", f"{one}: it does not answer")
            (row, never) = client.show()
            assert (row["state"], row["reason"], row["outages"]) == (
                "down",
                "it does not answer",
                1,
            )
            assert (never["state"], never["reason"]) == ("down", "Connection refused")
            assert not client.connected
    finally:
        await client.stop()
