"""The byte relay on real loopback sockets, on uvloop as in the product."""

import asyncio
import socket
import ssl
import struct
from dataclasses import replace
from ipaddress import ip_network

import pytest

from farline.border.relays.http_judge import HttpPolicy
from farline.border.relays.plan import RelayPlan
from farline.runtime.relays.side import HIGH_WATER
from farline.runtime.relays.stream import ByteRelay
from farline.runtime.tls.lab_authority import make_certificates
from farline.sip.dns import Found
from farline.testing.relayed import CONNECT_IP, IP, closed, details, on_uvloop, relayed
from farline.trace.events import Refused


@on_uvloop
async def test_bytes_go_both_ways_from_the_connect_address():
    async with relayed() as (relay, server, events):
        reader, writer = await asyncio.open_connection(IP, relay.port)
        writer.write(b"hello")
        there, back = await server.accepted.get()
        assert await there.readexactly(5) == b"hello"
        assert back.get_extra_info("peername")[0] == CONNECT_IP
        back.write(b"goodbye")
        assert await reader.readexactly(7) == b"goodbye"
        writer.close()
        assert await there.read() == b""
        back.close()
        shown = await closed(relay)
    assert (shown["bytes_up"], shown["bytes_down"], shown["reset"]) == (5, 7, 0)
    assert details(events, "relay closed")[0].endswith("closed, 5 bytes up, 7 bytes down")


@pytest.mark.parametrize("first", ["client", "server"])
@on_uvloop
async def test_the_end_of_one_direction_leaves_the_other_open(first):
    async with relayed() as (relay, server, _):
        outside = await asyncio.open_connection(IP, relay.port)
        inside = await server.accepted.get()
        ender, other = (outside, inside) if first == "client" else (inside, outside)
        ender[1].write(b"question")
        ender[1].write_eof()
        assert await other[0].read() == b"question"
        for part in (b"a long ", b"answer"):
            other[1].write(part)
            await other[1].drain()
        other[1].write_eof()
        assert await ender[0].read() == b"a long answer"
        shown = await closed(relay)
        assert shown["reset"] == shown["idle"] == 0
        for _, writer in (outside, inside):
            writer.close()


@on_uvloop
async def test_what_was_sent_before_a_close_arrives_whole():
    payload = bytes(range(256)) * 8192  # 2 MiB: far more than any buffer of the relay
    async with relayed() as (relay, server, _):
        reader, writer = await asyncio.open_connection(IP, relay.port)
        _, back = await server.accepted.get()
        back.write(payload)
        back.close()
        assert await reader.read() == payload
        writer.close()
        await closed(relay)


@pytest.mark.parametrize("sender", ["client", "server"])
@on_uvloop
async def test_a_reader_that_does_not_read_stops_the_sender(sender):
    async with relayed() as (relay, server, _):
        outside = await asyncio.open_connection(IP, relay.port)
        inside = await server.accepted.get()
        source, sink = (outside, inside) if sender == "client" else (inside, outside)
        sink[1].transport.pause_reading()
        sent = await _fill(source[1])
        assert sent < 32 * 1024 * 1024  # the kernel's buffers, not ours
        pair = next(iter(relay.pairs))
        waiting = [s.transport.get_write_buffer_size() for s in (pair.outside, pair.inside)]
        assert max(waiting) <= HIGH_WATER + 256 * 1024  # one more read of the loop at most
        sink[1].transport.resume_reading()
        source[1].write_eof()
        received = 0
        while part := await sink[0].read(1 << 20):
            received += len(part)
        assert received == sent
        for _, writer in (outside, inside):
            writer.close()


async def _fill(writer):
    """Write until nothing moves any more; gives the bytes written."""
    part = b"x" * 65536
    sent = 0
    while sent < 64 * 1024 * 1024:
        writer.write(part)
        sent += len(part)
        try:
            await asyncio.wait_for(writer.drain(), 0.5)
        except TimeoutError:
            return sent
    return sent


@pytest.mark.parametrize("breaker", ["client", "server"])
@on_uvloop
async def test_a_reset_is_passed_on_as_a_reset(breaker):
    async with relayed() as (relay, server, events):
        outside = await asyncio.open_connection(IP, relay.port)
        outside[1].write(b"x")
        inside = await server.accepted.get()
        await inside[0].readexactly(1)
        ender, other = (outside, inside) if breaker == "client" else (inside, outside)
        sock = ender[1].get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        ender[1].transport.abort()
        with pytest.raises(ConnectionResetError):
            await other[0].read()
        shown = await closed(relay)
        other[1].close()
    assert shown["reset"] == 1
    assert "reset" in details(events, "relay closed")[0]


@on_uvloop
async def test_limits_close_at_once_and_say_why():
    async with relayed(max_connections=2) as (relay, server, events):
        kept = [await asyncio.open_connection(IP, relay.port) for _ in range(2)]
        for _ in kept:
            await server.accepted.get()
        reader, writer = await asyncio.open_connection(IP, relay.port)
        assert await reader.read() == b""
        writer.close()
        refused = [event for event in events if isinstance(event, Refused)]
        assert len(refused) == 1 and "maximum is 2" in refused[0].detail
        for _, one in kept:
            one.close()
        for one in server.writers:
            one.close()
        shown = await closed(relay)
        assert (shown["accepted"], shown["refused"]) == (2, 1)


@on_uvloop
async def test_silence_ends_a_connection():
    async with relayed(idle_seconds=0.2) as (relay, server, events):
        reader, writer = await asyncio.open_connection(IP, relay.port)
        there, back = await server.accepted.get()
        with pytest.raises(ConnectionResetError):
            await reader.read()
        with pytest.raises(ConnectionResetError):
            await there.read()
        assert (await closed(relay))["idle"] == 1
        for one in (writer, back):
            one.close()
    assert "idle" in details(events, "relay closed")[0]


@on_uvloop
async def test_a_server_that_is_not_there_ends_the_client():
    with socket.socket() as nobody:
        nobody.bind((IP, 0))  # bound, not listening: refuses
        async with relayed(remote=nobody.getsockname()) as (relay, _, events):
            reader, writer = await asyncio.open_connection(IP, relay.port)
            with pytest.raises(ConnectionResetError):
                await reader.read()
            writer.close()
            shown = await closed(relay)
    assert shown["connect_failed"] == 1
    assert details(events, "relay connect failed")


@on_uvloop
async def test_a_server_that_does_not_answer_is_given_up():
    with socket.socket() as silent:
        silent.bind((IP, 0))
        silent.listen(0)
        fillers = [socket.socket() for _ in range(4)]  # fill the backlog: further SYNs are dropped
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(silent.getsockname())
        async with relayed(remote=silent.getsockname(), connect_seconds=0.3) as (relay, _, events):
            reader, writer = await asyncio.open_connection(IP, relay.port)
            with pytest.raises(ConnectionResetError):
                await reader.read()
            writer.close()
            await closed(relay)
        for filler in fillers:
            filler.close()
    assert "no answer in" in details(events, "relay connect failed")[0]


@on_uvloop
async def test_a_client_that_leaves_while_we_connect_leaves_nothing_behind():
    async with relayed() as (relay, server, _):
        _, writer = await asyncio.open_connection(IP, relay.port)
        writer.close()
        there, back = await server.accepted.get()
        assert await there.read() == b""
        back.close()
        assert (await closed(relay))["connections"] == 0


def waiting_dns(answered):
    async def ask(_question):
        await answered.wait()
        return Found((IP,))

    return ask


HTTP = HttpPolicy(
    methods=("POST",), hosts=("portal.example",), paths=("/",), bootstrap_paths=None,
    tls_passthrough=False, websocket=False, forwarded_for="set", max_body=1 << 20,
)  # fmt: skip
POST = b"POST /my/info HTTP/1.1\r\nHost: portal.example\r\nContent-Length: 20000\r\n\r\n"


@pytest.mark.parametrize("policy", [None, HTTP])
@pytest.mark.parametrize("connect", [False, True])
@on_uvloop
async def test_what_a_tls_client_said_last_reaches_the_server(tls, policy, connect):
    """It has closed while the connection inside is being made; TLS knows no half-close."""
    answered = asyncio.Event()
    server_context, client_context = tls
    sides = {
        "listen_tls": server_context,
        "client_tls": client_context if connect else None,
        "server_tls": server_context if connect else None,
        "ask": waiting_dns(answered),
        "remote_networks": (ip_network("127.0.0.0/24"),),
    }
    async with relayed(policy=policy, **sides) as (relay, server, _):
        relay.plan = replace(relay.plan, remote=("localhost", server.port))
        _, writer = await asyncio.open_connection(IP, relay.port, ssl=client_context)
        writer.write(POST + b"x" * 20_000)
        writer.close()
        async with asyncio.timeout(30):
            # Without an inspector nothing is read yet; else the client's end has come.
            while policy and not any(pair.leaving for pair in relay.pairs):  # noqa: ASYNC110 - no event tells
                await asyncio.sleep(0.01)
            answered.set()
            there, back = await server.accepted.get()
            assert (await there.read()).endswith(b"x" * 20_000)
        back.close()
        shown = await closed(relay)
        assert (shown["reset"], shown["connect_failed"], shown["refusals"]) == (0, 0, {})


@on_uvloop
async def test_a_tls_client_that_has_left_is_not_waited_for_for_ever(tls):
    """Its last words are given up when nobody inside takes them."""
    server_context, client_context = tls
    sides = {
        "listen_tls": server_context,
        "ask": waiting_dns(asyncio.Event()),
        "remote_networks": (ip_network("127.0.0.0/24"),),
        "remote": ("localhost", 1),
        "connect_seconds": 0.2,
    }
    async with relayed(policy=HTTP, **sides) as (relay, server, _):
        _, writer = await asyncio.open_connection(IP, relay.port, ssl=client_context)
        writer.write(POST + b"x" * 20_000)
        writer.close()
        assert (await closed(relay))["connections"] == 0
        assert server.accepted.empty()


@pytest.mark.parametrize("listen", [False, True])
@pytest.mark.parametrize("connect", [False, True])
@on_uvloop
async def test_tls_on_either_side_on_its_own(tls, listen, connect):
    server_context, client_context = tls
    sides = {
        "listen_tls": server_context if listen else None,
        "client_tls": client_context if connect else None,
        "server_tls": server_context if connect else None,
    }
    async with relayed(**sides) as (relay, server, _):
        reader, writer = await asyncio.open_connection(
            IP, relay.port, ssl=client_context if listen else None
        )
        writer.write(b"ping" * 50_000)
        there, back = await server.accepted.get()
        assert await there.readexactly(200_000) == b"ping" * 50_000
        back.write(b"pong" * 50_000)
        back.close()
        assert await reader.read() == b"pong" * 50_000
        writer.close()
        await closed(relay)


@on_uvloop
async def test_a_certificate_of_another_name_is_not_connected_to(tls, tmp_path):
    make_certificates(tmp_path, {"other": ["other.example"]})
    context = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
    other = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    other.load_cert_chain(tmp_path / "other.pem", tmp_path / "other.key")
    async with relayed(server_tls=other, client_tls=context) as (relay, _, events):
        reader, writer = await asyncio.open_connection(IP, relay.port)
        with pytest.raises(ConnectionResetError):
            await reader.read()
        writer.close()
        await closed(relay)
    assert "certificate" in details(events, "relay connect failed")[0]


@on_uvloop
async def test_an_address_in_use_is_named_with_the_relay():
    async with relayed() as (relay, _, _events):
        plan = RelayPlan(
            "1xm HTTP", "HTTP", (IP, relay.port), None, IP, (IP, 1), None, 1, 1, 60.0, 1.0
        )
        with pytest.raises(OSError, match=rf"'1xm HTTP'.*{IP}:{relay.port}"):
            await ByteRelay(plan, trace=lambda _: None).start()
