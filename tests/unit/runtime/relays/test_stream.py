"""The byte relay on real loopback sockets, on uvloop as in the product."""

import asyncio
import contextlib
import functools
import socket
import ssl
import struct
from contextlib import asynccontextmanager
from dataclasses import replace
from ipaddress import ip_network

import pytest
import uvloop

from farline.border.relays.http_judge import HttpPolicy
from farline.border.relays.plan import RelayPlan, Whitelist
from farline.border.relays.xmpp import XmppPolicy
from farline.runtime.certificates import make_certificates
from farline.runtime.relays.side import HIGH_WATER
from farline.runtime.relays.stream import ByteRelay
from farline.sip.dns import Found, Question
from farline.trace.events import Note, Refused

IP = "127.0.0.1"
CONNECT_IP = "127.0.0.7"


def on_uvloop(test):
    """Run the test on the event loop of the product."""

    @functools.wraps(test)
    def run(*arguments, **fixtures):
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(test(*arguments, **fixtures))

    return run


class Server:
    """A TCP server that hands its connections to the test."""

    def __init__(self):
        self.accepted = asyncio.Queue()
        self.writers = []

    async def start(self, tls=None):
        self.server = await asyncio.start_server(self._client, IP, 0, ssl=tls)
        self.port = self.server.sockets[0].getsockname()[1]

    async def _client(self, reader, writer):
        self.writers.append(writer)
        await self.accepted.put((reader, writer))

    async def stop(self):
        self.server.close()
        for writer in self.writers:
            writer.transport.abort()
        for writer in self.writers:
            with contextlib.suppress(OSError):
                await writer.wait_closed()


@asynccontextmanager
async def relayed(
    *,
    server_tls=None,
    listen_tls=None,
    client_tls=None,
    remote=None,
    ask=None,
    registered=None,
    **limits,
):
    """A server, a relay before it, and the events that the relay traces."""
    server = Server()
    await server.start(server_tls)
    fields = {
        "name": "test", "service": "other", "listen": (IP, 0), "listen_tls": None,
        "connect_ip": CONNECT_IP, "remote": remote or (IP, server.port), "remote_tls": None,
        "max_connections": 100, "max_connections_per_source": 100, "idle_seconds": 60.0,
        "connect_seconds": 5.0,
    }  # fmt: skip
    events = []
    relay = ByteRelay(
        RelayPlan(**fields | limits),
        trace=events.append,
        server_tls=listen_tls,
        client_tls=client_tls,
        ask=ask,
        registered=registered,
    )
    await relay.start()
    try:
        yield relay, server, events
    finally:
        await relay.stop()
        await server.stop()


async def closed(relay):
    """Wait until nobody is connected any more."""
    async with asyncio.timeout(30):
        await relay.emptied()
    return relay.show()


def details(events, what):
    return [event.detail for event in events if isinstance(event, Note) and event.what == what]


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


@pytest.fixture(scope="module")
def tls(tmp_path_factory):
    base = tmp_path_factory.mktemp("tls")
    make_certificates(base, {"relay": [IP]})
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(base / "relay.pem", base / "relay.key")
    return server, ssl.create_default_context(cafile=str(base / "ca.pem"))


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


HTTP = HttpPolicy(
    methods=("GET", "POST"), hosts=("portal.example",), paths=("/my/",), bootstrap_paths=None,
    tls_passthrough=True, websocket=False, forwarded_for="set", max_body=1 << 20,
)  # fmt: skip
GET = b"GET /my/info HTTP/1.1\r\nHost: portal.example\r\n\r\n"


async def exchange(relay, data):
    """What a client gets that sends this and says no more."""
    reader, writer = await asyncio.open_connection(IP, relay.port)
    writer.write(data)
    try:
        async with asyncio.timeout(30):
            return await reader.read()
    finally:
        writer.close()


async def one_answer(server):
    """Serve one request; gives its head."""
    reader, writer = await server.accepted.get()
    head = await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
    return head


@on_uvloop
async def test_an_http_request_reaches_the_server_as_the_relay_wrote_it():
    async with relayed(policy=HTTP) as (relay, server, _):
        head = asyncio.ensure_future(one_answer(server))
        answer = await exchange(relay, GET)
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n") and answer.endswith(b"\r\n\r\nok")
        assert await head == (
            b"GET /my/info HTTP/1.1\r\nhost: portal.example\r\nx-forwarded-for: 127.0.0.1\r\n\r\n"
        )
        assert (await closed(relay))["refusals"] == {}


@pytest.mark.parametrize(
    ("request_", "status", "word"),
    [
        (GET.replace(b"/my/", b"/my/../admin/"), b"404", "path"),
        (GET.replace(b"portal", b"other"), b"403", "host"),
        (b"CONNECT portal.example:22 HTTP/1.1\r\nHost: portal.example\r\n\r\n", b"403", "method"),
        (GET.replace(b"/my", b"http://10.10.10.13/my"), b"403", "host"),
        (b"nonsense\r\n\r\n", b"400", "malformed"),
    ],
)
@on_uvloop
async def test_what_is_refused_never_makes_a_connection_inside(request_, status, word):
    async with relayed(policy=HTTP) as (relay, server, events):
        answer = await exchange(relay, request_)
        assert answer.split(b" ")[1] == status and answer.endswith(b"\r\n\r\n")
        shown = await closed(relay)
        assert shown["refusals"] == {word: 1} and server.accepted.empty()
    assert [one.reason for one in events if isinstance(one, Refused)] == [f"relay-{word}"]


@on_uvloop
async def test_a_large_answer_and_a_large_body_stream_through():
    payload = bytes(range(256)) * 4000
    async with relayed(policy=HTTP) as (relay, server, _):
        reader, writer = await asyncio.open_connection(IP, relay.port)
        size = b"Content-Length: %d\r\n\r\n" % len(payload)
        writer.write(GET.replace(b"GET", b"POST")[:-2] + size + payload)
        there, back = await server.accepted.get()
        await there.readuntil(b"\r\n\r\n")
        assert await there.readexactly(len(payload)) == payload
        back.write(b"HTTP/1.1 200 OK\r\n" + size + payload)
        await reader.readuntil(b"\r\n\r\n")
        assert await reader.readexactly(len(payload)) == payload
        writer.close()
        await closed(relay)


@pytest.mark.parametrize("begun", [b"", b"GET /my/info HT", GET[:-2], b"\x16\x03\x01\x02\x00\x01"])
@on_uvloop
async def test_whoever_dawdles_is_cut_off_and_never_reaches_the_server(begun):
    async with relayed(policy=HTTP, request_seconds=0.2) as (relay, server, _):
        with pytest.raises(ConnectionResetError):
            await exchange(relay, begun)
        shown = await closed(relay)
        assert shown["refusals"] == {"slow": 1} and server.accepted.empty()


@on_uvloop
async def test_tls_goes_through_to_the_name_that_is_allowed(tls):
    server_tls, client_tls = tls
    policy = replace(HTTP, hosts=(IP,))  # a client that dials an address sends no name
    async with relayed(policy=policy, server_tls=server_tls) as (relay, server, _):
        _, writer = await asyncio.open_connection(IP, relay.port, ssl=client_tls)
        writer.write(b"anything")
        there, back = await server.accepted.get()
        assert await there.readexactly(8) == b"anything"
        for one in (writer, back):
            one.transport.abort()
    async with relayed(policy=HTTP, server_tls=server_tls) as (relay, server, _):
        with pytest.raises(OSError):
            await asyncio.open_connection(IP, relay.port, ssl=client_tls)
        assert (await closed(relay))["refusals"] == {"host": 1}
        assert server.accepted.empty()


@on_uvloop
async def test_requests_are_judged_inside_tls_that_ends_at_the_relay(tls):
    server_tls, client_tls = tls
    async with relayed(policy=HTTP, listen_tls=server_tls) as (relay, server, _):
        for data, status in ((GET.replace(b"/my", b"/x"), b"404"), (GET, b"200")):
            reader, writer = await asyncio.open_connection(IP, relay.port, ssl=client_tls)
            writer.write(data)
            head = asyncio.ensure_future(one_answer(server))
            assert (await reader.readline()).split(b" ")[1] == status
            writer.close()
            if status == b"404":
                head.cancel()
        assert (await head).startswith(b"GET /my/info ")


@on_uvloop
async def test_an_xmpp_stream_to_another_domain_is_told_so():
    policy = XmppPolicy("chat.example", 10_000)
    async with relayed(policy=policy) as (relay, server, _):
        answer = await exchange(
            relay,
            b"<stream:stream to='other.example' xmlns='jabber:client'"
            b" xmlns:stream='http://etherx.jabber.org/streams'>",
        )
        assert b"<host-unknown " in answer and answer.endswith(b"</stream:stream>")
        assert (await closed(relay))["refusals"] == {"host": 1}
        assert server.accepted.empty()


@on_uvloop
async def test_whitelist_flows_end_what_no_login_follows():
    phones = set()
    limits = {"policy": HTTP, "whitelist": Whitelist(60.0, 1), "request_seconds": 60.0}
    async with relayed(registered=phones.__contains__, **limits) as (relay, server, _):
        _, kept = await asyncio.open_connection(IP, relay.port)
        assert await exchange(relay, b"") == b""  # the second of a stranger
        kept.close()
        assert (await closed(relay))["refusals"] == {"whitelist": 1}
    limits["whitelist"] = Whitelist(0.2, 1)
    async with relayed(registered=phones.__contains__, **limits) as (relay, server, _):
        reader, kept = await asyncio.open_connection(IP, relay.port)
        with pytest.raises(ConnectionResetError):
            await reader.read()
        kept.close()
        assert (await closed(relay))["refusals"] == {"no login": 1}
        phones.add(IP)
        both = [await asyncio.open_connection(IP, relay.port) for _ in range(2)]
        for _, writer in both:
            writer.write(GET)
            await server.accepted.get()
        phones.clear()  # and the login is over
        for reader, writer in both:
            with pytest.raises(ConnectionResetError):
                await reader.read()
            writer.close()


def dns_of(*answers):
    async def ask(question):
        assert question == Question("portal.example", "A")
        return Found(answers)

    return ask


@on_uvloop
async def test_a_remote_name_is_looked_up_and_each_address_tried():
    async with relayed() as (_, server, _):
        limits = {
            "remote": ("portal.example", server.port),
            "remote_networks": (ip_network("127.0.0.0/24"),),
        }
        dns = dns_of("127.0.0.250", "127.0.0.1")  # nobody listens at the first
        async with relayed(ask=dns, **limits) as (relay, _, _events):
            reader, writer = await asyncio.open_connection(IP, relay.port)
            _, back = await server.accepted.get()
            back.write(b"here")
            assert await reader.readexactly(4) == b"here"
            writer.close()


@pytest.mark.parametrize(
    "answer",
    ["127.0.1.1", "10.10.10.1", "0.0.0.0", "169.254.169.254", "::1", "224.0.0.1"],
)
@on_uvloop
async def test_names_cannot_be_bent_to_other_networks(answer):
    limits = {
        "remote": ("portal.example", 80),
        "remote_networks": (ip_network("127.0.0.0/24"),),
    }
    async with relayed(ask=dns_of(answer), **limits) as (relay, _, events):
        with pytest.raises(ConnectionResetError):
            await exchange(relay, b"x")
        shown = await closed(relay)
    assert (shown["connect_failed"], shown["refusals"]) == (1, {"dns": 1})
    assert "not in Remote Networks" in details(events, "relay connect failed")[0]
