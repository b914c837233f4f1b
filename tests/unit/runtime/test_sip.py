"""The SIP driver on real loopback sockets, with a core that only notes and does as told."""

import asyncio
import socket

import pytest

from farline.media.engine import Delete, Media, MediaDone, MediaReply
from farline.runtime.sip import Listener, SipDriver
from farline.runtime.sip_stream import StreamLimits
from farline.runtime.tls.lab_authority import make_certificates
from farline.sip import Address, Transport
from farline.sip.effects import (
    Close,
    Closed,
    Deadline,
    Expired,
    KeptAlive,
    Open,
    Opened,
    OpenFailed,
    Received,
    Send,
)
from farline.testing.core import NotingCore
from farline.trace.events import MessageSeen, Refused

OPTIONS = (
    b"OPTIONS sip:a@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1;branch=z9hG4bKx\r\n"
    b"Call-ID: c1@x\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
)
LIMITS = StreamLimits(write_buffer=100_000)
HASTY = StreamLimits(first_message_seconds=0.2, unfinished_seconds=0.2)
"""For a test in which somebody dawdles; in others a busy machine may."""


class Wire:
    """A driver with one interface on loopback, and the core behind it."""

    def __init__(self, driver, core, events):
        self.driver, self.core, self.events = driver, core, events
        self.refused = asyncio.Event()

    def note(self, event):
        self.events.append(event)
        if isinstance(event, Refused):
            self.refused.set()

    def tell(self, *outputs):
        """Let the core give these outputs, as if a message had come."""
        self.core.outputs += outputs
        self.driver._after()

    def port(self, transport):
        return self.driver.ports("out")[transport]


@pytest.fixture
async def wire(tmp_path, request):
    import ssl

    make_certificates(tmp_path, {"here": ["127.0.0.1"]})
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(tmp_path / "here.pem", tmp_path / "here.key")
    client = ssl.create_default_context(cafile=tmp_path / "ca.pem")
    core, events, limits = NotingCore(), [], getattr(request, "param", LIMITS)

    async def media(request):
        return MediaReply(error=f"{type(request).__name__}", status=488)

    driver = SipDriver(
        core,
        [Listener("out", "127.0.0.1", 0, 0, 0, tls=server, limits=limits)],
        tls_client=client,
        media=media,
        trace=lambda event: wire.note(event),
    )
    wire = Wire(driver, core, events)
    await driver.start()
    yield wire
    await driver.stop()


async def test_a_datagram_reaches_the_core_and_its_answer_the_sender(wire):
    loop, got = asyncio.get_running_loop(), asyncio.Queue()

    class Peer(asyncio.DatagramProtocol):
        def datagram_received(self, data, addr):
            got.put_nowait(data)

    peer, _ = await loop.create_datagram_endpoint(Peer, local_addr=("127.0.0.1", 0))
    peer.sendto(b"\r\n\r\n", ("127.0.0.1", wire.port(Transport.UDP)))
    peer.sendto(OPTIONS, ("127.0.0.1", wire.port(Transport.UDP)))
    received = await wire.core.next(Received)
    assert received.data == OPTIONS
    assert (received.flow.token, received.flow.transport) == (0, Transport.UDP)
    wire.tell(Send(received.flow, b"SIP/2.0 200 OK\r\n\r\n"))
    async with asyncio.timeout(30):
        assert await got.get() == b"SIP/2.0 200 OK\r\n\r\n"
    peer.close()
    seen = [event for event in wire.events if isinstance(event, MessageSeen)]
    assert [(event.direction, event.call) for event in seen] == [("in", "c1@x"), ("out", "")]


async def test_keep_alives_are_told_to_a_core_that_wants_them(wire):
    wire.driver.tells_keep_alives = True
    stun = bytes.fromhex("000100002112a442b7e7a701bc34d686fa87dfae")
    loop, got = asyncio.get_running_loop(), asyncio.Queue()

    class Peer(asyncio.DatagramProtocol):
        def datagram_received(self, data, addr):
            got.put_nowait(data)

    peer, _ = await loop.create_datagram_endpoint(Peer, local_addr=("127.0.0.1", 0))
    for data in (b"\r\n\r\n", stun):
        peer.sendto(data, ("127.0.0.1", wire.port(Transport.UDP)))
        told = await wire.core.next(KeptAlive)
        assert told.data == (b"" if data != stun else stun)
        assert told.flow.remote.port == peer.get_extra_info("sockname")[1]
    wire.tell(Send(told.flow, b"\x01\x01" + stun[2:]))
    async with asyncio.timeout(30):
        assert await got.get() == b"\x01\x01" + stun[2:]
    peer.close()
    assert not any(isinstance(event, MessageSeen) for event in wire.events)
    _, writer = await asyncio.open_connection("127.0.0.1", wire.port(Transport.TCP))
    writer.write(b"\r\n\r\n")
    opened = await wire.core.next(Opened)
    assert (await wire.core.next(KeptAlive)).flow == opened.flow
    writer.close()


async def test_a_stream_is_cut_into_messages_and_pings_are_answered(wire):
    reader, writer = await asyncio.open_connection("127.0.0.1", wire.port(Transport.TCP))
    opened = await wire.core.next(Opened)
    assert opened.ticket is None
    writer.write(b"\r\n\r\n" + OPTIONS + OPTIONS[:50])
    assert await reader.readexactly(2) == b"\r\n"
    assert (await wire.core.next(Received)).data == OPTIONS
    writer.write(OPTIONS[50:])
    assert (await wire.core.next(Received)).flow == opened.flow
    writer.close()
    assert (await wire.core.next(Closed)).flow == opened.flow


@pytest.mark.parametrize("transport", [Transport.TCP, Transport.TLS])
async def test_the_core_opens_connections_from_its_own_address(wire, transport):
    remote = Address("127.0.0.1", wire.port(transport))
    wire.tell(Open(7, "out", transport, remote))
    events = [await wire.core.next(Opened), await wire.core.next(Opened)]
    mine = next(event for event in events if event.ticket == 7)
    assert mine.flow.remote == remote
    assert mine.flow.local.host == "127.0.0.1"
    wire.tell(Send(mine.flow, OPTIONS))
    assert (await wire.core.next(Received)).data == OPTIONS
    wire.tell(Close(mine.flow))
    assert {(await wire.core.next(Closed)).flow.token for _ in range(2)} == {1, 2}


async def test_what_cannot_be_opened_is_told(wire):
    wire.tell(Open(8, "out", Transport.TCP, Address("127.0.0.1", 1)))
    failed = await wire.core.next(OpenFailed)
    assert failed.ticket == 8
    assert "refused" in failed.reason.lower()


async def test_a_certificate_for_another_name_is_refused(wire):
    remote = Address("127.0.0.1", wire.port(Transport.TLS))
    wire.tell(Open(9, "out", Transport.TLS, remote, server_name="else.where"))
    events = []
    while not any(isinstance(event, OpenFailed) for event in events):
        events.append(await wire.core.next(object))
    assert "certificate" in events[-1].reason.lower()


@pytest.mark.parametrize("wire", [HASTY], indirect=True, ids=["hasty"])
async def test_half_a_message_is_waited_for_only_so_long(wire):
    reader, writer = await asyncio.open_connection("127.0.0.1", wire.port(Transport.TCP))
    writer.write(OPTIONS + OPTIONS[:20])
    async with asyncio.timeout(30):
        assert await reader.read() == b""
    writer.close()
    assert "slow" in [event.reason for event in wire.events if isinstance(event, Refused)]


async def test_garbage_closes_its_own_connection_only(wire):
    good_reader, good = await asyncio.open_connection("127.0.0.1", wire.port(Transport.TCP))
    bad_reader, bad = await asyncio.open_connection("127.0.0.1", wire.port(Transport.TCP))
    bad.write(b"INVITE sip:x SIP/2.0\r\nContent-Length: -5\r\n\r\n")
    async with asyncio.timeout(30):
        await bad_reader.read()
    good.write(OPTIONS)
    while not isinstance(await wire.core.next(object), Received):
        pass
    assert not good_reader.at_eof()
    bad.close()
    good.close()


async def test_what_came_before_the_garbage_is_handed_on(wire):
    reader, writer = await asyncio.open_connection("127.0.0.1", wire.port(Transport.TCP))
    await wire.core.next(Opened)
    writer.write(OPTIONS + b"INVITE sip:x SIP/2.0\r\nContent-Length: -5\r\n\r\n")
    assert (await wire.core.next(Received)).data == OPTIONS
    async with asyncio.timeout(30):
        assert await reader.read() == b""
    assert "malformed" in [event.reason for event in wire.events if isinstance(event, Refused)]
    writer.close()


async def test_a_peer_that_does_not_read_is_dropped(wire):
    import socket

    raw = socket.create_connection(("127.0.0.1", wire.port(Transport.TCP)))
    opened = await wire.core.next(Opened)
    for _ in range(200):
        wire.tell(Send(opened.flow, b"x" * 65_000))
    assert (await wire.core.next(Closed)).flow == opened.flow
    assert "unread" in [event.reason for event in wire.events if isinstance(event, Refused)]
    raw.close()


async def test_timers_fire_when_asked(wire):
    from farline.runtime.clock import monotonic

    wire.core.deadline = Deadline(monotonic() + 0.01, "A")
    wire.driver._after()
    await wire.core.next(Expired)


async def test_media_requests_come_back_with_their_ticket(wire):
    wire.tell(Media(3, Delete("s", "bye")))
    done = await wire.core.next(MediaDone)
    assert (done.ticket, done.reply.error) == (3, "Delete")


async def test_a_defect_met_by_one_message_leaves_the_others_alone(wire, caplog):
    _, writer = await asyncio.open_connection("127.0.0.1", wire.port(Transport.TCP))
    await wire.core.next(Opened)
    wire.core.fail_on = Received
    writer.write(OPTIONS)
    async with asyncio.timeout(30):
        await wire.refused.wait()
    wire.core.fail_on = None
    writer.write(OPTIONS)
    await wire.core.next(Received)
    writer.close()
    assert "the core failed" in caplog.text


async def test_a_port_in_use_is_named(wire):
    taken = wire.port(Transport.TCP)
    other = SipDriver(NotingCore(), [Listener("IPORWB1Sig", "127.0.0.1", None, taken)])
    with pytest.raises(OSError, match=f"IPORWB1Sig: TCP 127.0.0.1:{taken}"):
        await other.start()
    await other.stop()


async def test_a_stream_that_cannot_be_followed_is_answered_once_and_closed(wire):
    reader, writer = await asyncio.open_connection("127.0.0.1", wire.port(Transport.TCP))
    head = OPTIONS.replace(b"Content-Length: 0", b"Content-Length: -5")
    head = head.replace(b"Call-ID", b"From: <sip:a@x>;tag=1\r\nTo: <sip:b@x>\r\nCall-ID")
    writer.write(head)
    async with asyncio.timeout(30):
        answer = await reader.read()
    assert answer.startswith(b"SIP/2.0 400 ")
    assert answer.count(b"SIP/2.0 400") == 1
    writer.close()


class Tap:
    """The DS bytes on the loopback device of what leaves a port of ours, in order."""

    def __init__(self, port):
        self._raw = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))
        self._raw.bind(("lo", 3))
        self._raw.settimeout(30)
        self._port = port

    def next(self, text):
        """Of the next packet that bears these bytes."""
        while True:
            packet, (_, _, kind, *_) = self._raw.recvfrom(65_535)
            if kind != socket.PACKET_OUTGOING or text not in packet:
                continue
            v6 = packet[0] >> 4 == 6
            head = 40 if v6 else (packet[0] & 15) * 4
            if int.from_bytes(packet[head : head + 2], "big") == self._port:
                return (packet[0] & 15) << 4 | packet[1] >> 4 if v6 else packet[1]

    def close(self):
        self._raw.close()


@pytest.mark.root
@pytest.mark.parametrize("ip", ["127.0.0.1", "::1"])
@pytest.mark.parametrize("transport", [Transport.UDP, Transport.TCP])
async def test_signalling_leaves_with_its_ds_byte(transport, ip):
    """That of the message where it has one, else that of the interface, on the wire."""
    core = NotingCore()
    driver = SipDriver(core, [Listener("out", ip, 0, 0, qos=136)])
    await driver.start()
    port = driver.ports("out")[transport]
    tap = Tap(port)
    kind = socket.SOCK_DGRAM if transport is Transport.UDP else socket.SOCK_STREAM
    raw = socket.socket(socket.AF_INET6 if ":" in ip else socket.AF_INET, kind)
    try:
        await asyncio.to_thread(raw.connect, (ip, port))
        if transport is Transport.TCP:
            await core.next(Opened)
        raw.send(OPTIONS)
        flow = (await core.next(Received)).flow
        seen = []
        for number, ds_byte in enumerate((None, 104, 0, 104)):
            answer = b"SIP/2.0 20%d OK\r\n\r\n" % number
            core.outputs.append(Send(flow, answer, ds_byte))
            driver._after()
            seen.append(await asyncio.to_thread(tap.next, answer))
        assert seen == [136, 104, 0, 104]
        if transport is Transport.UDP:
            driver.remark({"out": 40})
            core.outputs.append(Send(flow, b"SIP/2.0 204 OK\r\n\r\n"))
            driver._after()
            assert await asyncio.to_thread(tap.next, b"SIP/2.0 204") == 40
    finally:
        raw.close()
        tap.close()
        await driver.stop()
