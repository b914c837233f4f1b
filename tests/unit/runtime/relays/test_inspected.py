"""A relay that looks at what it passes on, or for phones and names, on real loopback sockets."""

import asyncio
from dataclasses import replace
from ipaddress import ip_network

import pytest

from farline.border.relays.http_judge import HttpPolicy
from farline.border.relays.plan import Whitelist
from farline.border.relays.xmpp import XmppPolicy
from farline.sip.dns import Found, Question
from farline.testing.relayed import IP, closed, details, on_uvloop, relayed
from farline.trace.events import Refused

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
        (GET.replace(b"1.1", b"2.0"), b"505", "version"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"505", "version"),
        (GET.replace(b"1.1", b"0.9"), b"505", "version"),
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
