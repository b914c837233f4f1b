"""SIP over WebSockets (RFC 7118) on real sockets, with the client of the library `websockets`."""

import asyncio
import ssl

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidMessage, InvalidStatus

from farline.runtime.sip import Listener, SipDriver
from farline.runtime.sip_stream import StreamLimits
from farline.runtime.tls.lab_authority import make_certificates
from farline.sip import Transport
from farline.sip.effects import Closed, Opened, Received, Send
from farline.testing.core import NotingCore
from farline.trace.events import Refused

PAGE = "https://phone.example.com"
OPTIONS = (
    b"OPTIONS sip:a@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/WSS x.invalid;branch=z9hG4bKx\r\n"
    b"Call-ID: c1@x\r\nCSeq: 1 OPTIONS\r\n\r\n"
)
LIMITS = StreamLimits(websockets_per_source=2)
HASTY = StreamLimits(first_message_seconds=0.3, unfinished_seconds=0.3, handshake_seconds=0.3)
hasty = pytest.mark.parametrize("door", [HASTY], indirect=True, ids=["hasty"])
"""For tests in which somebody dawdles; in others a busy machine may."""


@pytest.fixture
async def door(tmp_path, request):
    make_certificates(tmp_path, {"here": ["127.0.0.1"]})
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(tmp_path / "here.pem", tmp_path / "here.key")
    limits = getattr(request, "param", LIMITS)
    door = Door(server, ssl.create_default_context(cafile=tmp_path / "ca.pem"), limits)
    await door.driver.start()
    yield door
    await door.driver.stop()


class Door:
    """A driver with WS and WSS, what its core got and what it refused."""

    def __init__(self, tls, client_tls, limits):
        self.core, self.events, self.client_tls = NotingCore(), asyncio.Queue(), client_tls
        listener = Listener(
            "out",
            "127.0.0.1",
            ws_port=0,
            wss_port=0 if tls else None,
            tls=tls,
            limits=limits,
            ws_origins=(PAGE,),
        )
        self.driver = SipDriver(self.core, [listener], trace=self.note)

    def note(self, event):
        if isinstance(event, Refused):
            self.events.put_nowait(event)

    async def refusal(self):
        async with asyncio.timeout(30):
            return await self.events.get()

    @property
    def ws(self):
        return f"ws://127.0.0.1:{self.driver.ports('out')[Transport.WS]}"

    def connect(self, url=None, **options):
        options = {"subprotocols": ["sip"], "origin": PAGE, "compression": None} | options
        return connect(url or self.ws, **options)

    async def raw(self):
        return await asyncio.open_connection("127.0.0.1", self.driver.ports("out")[Transport.WS])


@pytest.mark.parametrize("transport", [Transport.WS, Transport.WSS])
async def test_a_message_each_way(door, transport):
    secure = transport is Transport.WSS
    port = door.driver.ports("out")[transport]
    url = f"{'wss' if secure else 'ws'}://127.0.0.1:{port}/any/path"
    async with door.connect(url, ssl=door.client_tls if secure else None) as phone:
        assert phone.subprotocol == "sip"
        opened = await door.core.next(Opened)
        assert opened.flow.transport is transport
        await phone.send(OPTIONS.decode())
        received = await door.core.next(Received)
        assert (received.flow, received.data) == (opened.flow, OPTIONS)
        await phone.send([OPTIONS[:40], OPTIONS[40:]])  # fragments, binary
        assert (await door.core.next(Received)).data == OPTIONS
        door.core.outputs += [Send(opened.flow, b"SIP/2.0 200 OK\r\n\r\n"),
                              Send(opened.flow, b"SIP/2.0 200 \xff\r\n\r\n")]  # fmt: skip
        door.driver._after()
        assert await phone.recv() == "SIP/2.0 200 OK\r\n\r\n"
        assert await phone.recv() == b"SIP/2.0 200 \xff\r\n\r\n"
        await phone.send("\r\n\r\n")
        assert await phone.recv() == "\r\n"
    assert (await door.core.next(Closed)).flow == opened.flow


@pytest.mark.parametrize(
    ("options", "status"),
    [({"origin": "https://evil.example"}, 403), ({"subprotocols": ["chat"]}, 400),
     ({"subprotocols": None}, 400)],
)  # fmt: skip
async def test_other_pages_and_protocols_are_refused(door, options, status):
    with pytest.raises(InvalidStatus) as refused:
        await door.connect(**options)
    assert refused.value.response.status_code == status
    assert (await door.refusal()).reason == "websocket"
    assert door.core.inputs.empty()


async def test_a_program_names_no_origin(door):
    async with door.connect(origin=None):
        assert isinstance(await door.core.next(Opened), Opened)


async def test_plain_http_gets_an_http_answer(door):
    reader, writer = await door.raw()
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    assert (await reader.read()).startswith(b"HTTP/1.1 426 ")
    writer.close()


@hasty
@pytest.mark.parametrize("said", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: x\r\nA: "])
async def test_the_handshake_must_end(door, said):
    reader, writer = await door.raw()
    writer.write(said)
    assert await reader.read() == b""
    assert (await door.refusal()).detail == "no WebSocket handshake"
    assert door.driver.connections.accepted["out"] == 0
    writer.close()


@hasty
async def test_who_says_nothing_is_closed(door):
    async with door.connect() as phone:
        with pytest.raises(ConnectionClosed):
            await phone.recv()
    assert (await door.refusal()).detail == "nothing whole was said"


@hasty
async def test_a_message_must_end(door):
    async with door.connect() as phone:
        await phone.send("\r\n\r\n")
        await phone.recv()

        async def never_ending():
            yield "OPTIONS "
            await asyncio.Event().wait()

        sending = asyncio.ensure_future(phone.send(never_ending()))
        with pytest.raises(ConnectionClosed):
            await phone.recv()
        sending.cancel()
    assert (await door.refusal()).detail == "a message did not end"


async def test_a_message_has_a_bound(door):
    async with door.connect() as phone:
        await phone.send(["x" * 40_000, "x" * 40_000])
        with pytest.raises(ConnectionClosed):
            await phone.recv()
    assert (await door.refusal()).reason == "too-big"


async def test_one_source_has_a_bound(door):
    async with door.connect() as one, door.connect():
        with pytest.raises((ConnectionError, InvalidMessage)):
            await door.connect(open_timeout=30)
        assert (await door.refusal()).detail == "limit 2 of one source"
        await one.close()
        for _ in range(3):
            await door.core.inputs.get()
        async with door.connect():
            pass


async def test_silence_is_asked_about_and_then_dropped(tmp_path):
    limits = StreamLimits(ping_seconds=0.05)
    door = Door(None, None, limits)
    await door.driver.start()
    reader, writer = await door.raw()
    writer.write(
        b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Protocol: sip\r\n\r\n"
    )
    await reader.readuntil(b"\r\n\r\n")
    rest = await reader.read()  # this peer never answers a ping
    assert rest.startswith(b"\x89\x00")
    assert (await door.refusal()).reason == "silent"
    writer.close()
    await door.driver.stop()


async def test_masked_frames_only(door):
    reader, writer = await door.raw()
    writer.write(
        b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Protocol: sip\r\n\r\n"
    )
    assert b"101 Switching" in await reader.readuntil(b"\r\n\r\n")
    writer.write(b"\x81\x03bad")
    assert (await door.refusal()).reason == "websocket"
    writer.close()
