"""Ports that come and go under a running driver, with calls on them and without."""

import asyncio
import socket

import pytest

from farline.runtime import sip_ports
from farline.runtime.sip import Listener, SipDriver
from farline.sip import Address, Flow, Transport
from farline.sip.effects import Closed, Opened, Received, Send
from farline.testing.core import NotingCore
from farline.testing.ports import own_network
from farline.trace.events import Note, Refused

IP = f"{own_network()}.1.96"
"""Every port of it is this test's."""
HEAD = "Via: SIP/2.0/UDP x;branch=z9hG4bKx\r\nCall-ID: c\r\nCSeq: 1 BYE\r\nContent-Length: 0\r\n"
REGISTER = f"REGISTER sip:a SIP/2.0\r\nTo: <sip:a@x>\r\n{HEAD}\r\n".encode()
BYE = f"BYE sip:a SIP/2.0\r\nt: <sip:a@x>;x=y;tag=b\r\n{HEAD}\r\n".encode()


class World:
    """A driver, and the calls that its core says there are."""

    def __init__(self):
        self.core, self.events, self.calls = NotingCore(), [], {}
        self.driver = SipDriver(self.core, [listener()], trace=self.note)
        self.refused, self.closed = asyncio.Event(), asyncio.Event()

    def note(self, event):
        self.events.append(event)
        if isinstance(event, Refused):
            self.refused.set()
        if isinstance(event, Note) and event.what == "port closed":
            self.closed.set()

    async def change(self, *listeners):
        await self.driver.relisten(listeners, lambda: self.calls)

    def in_call(self, transport):
        self.calls["call"] = frozenset({("out", transport)})


def listener(**ports):
    return Listener("out", IP, **({"udp_port": 15060, "tcp_port": 15060} | ports))


@pytest.fixture
async def world(monkeypatch):
    monkeypatch.setattr(sip_ports, "LOOK_SECONDS", 0.01)
    made = World()
    await made.driver.start()
    yield made
    await made.driver.stop()


@pytest.fixture
def phone():
    with socket.socket(type=socket.SOCK_DGRAM) as made:
        made.bind((IP, 0))
        made.settimeout(30)
        yield made


async def heard(phone):
    return await asyncio.to_thread(phone.recvfrom, 2000)


async def test_new_ports_open_and_the_others_stay(world, phone):
    phone.sendto(REGISTER, (IP, 15060))
    await world.core.next(Received)
    _, writer = await asyncio.open_connection(IP, 15060)
    await world.core.next(Opened)
    other = Listener("more", IP, udp_port=15070)
    await world.change(listener(tcp_port=15060, ws_port=15080), other)
    assert world.driver.ports("out") == {
        Transport.UDP: 15060, Transport.TCP: 15060, Transport.WS: 15080
    }  # fmt: skip
    writer.write(REGISTER)
    await world.core.next(Received)
    phone.sendto(REGISTER, (IP, 15070))
    event = await world.core.next(Received)
    assert (event.flow.interface, event.flow.local) == ("more", Address(IP, 15070))
    writer.close()


async def test_without_calls_a_port_closes_at_once_with_its_connections(world):
    reader, writer = await asyncio.open_connection(IP, 15060)
    await world.core.next(Opened)
    await world.change(listener(tcp_port=None))
    assert await reader.read() == b""
    await world.core.next(Closed)
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(IP, 15060)
    assert world.driver.ports("out") == {Transport.UDP: 15060}
    writer.close()


async def test_a_call_keeps_its_datagrams_and_nothing_else_comes_in(world, phone):
    phone.sendto(REGISTER, (IP, 15060))
    flow = (await world.core.next(Received)).flow
    world.in_call(Transport.UDP)
    await world.change(listener(udp_port=15070))
    phone.sendto(REGISTER, (IP, 15060))
    phone.sendto(BYE, (IP, 15060))
    assert (await world.core.next(Received)).data == BYE
    await world.refused.wait()
    # what goes to the phone leaves by the port that its NAT knows
    world.core.outputs.append(Send(flow, BYE))
    world.core.outputs.append(Send(Flow(0, "out", Transport.UDP, Address(IP, 15070),
                                        flow.remote), REGISTER))  # fmt: skip
    world.driver._after()
    assert [(await heard(phone))[1][1] for _ in range(2)] == [15060, 15070]
    world.calls.clear()
    await asyncio.wait_for(world.closed.wait(), 30)
    with socket.socket(type=socket.SOCK_DGRAM) as free:
        free.bind((IP, 15060))


async def test_a_call_keeps_its_connection_and_can_make_another(world):
    reader, writer = await asyncio.open_connection(IP, 15060)
    await world.core.next(Opened)
    world.in_call(Transport.TCP)
    await world.change(listener(tcp_port=15070))
    writer.write(REGISTER + BYE)
    assert (await world.core.next(Received)).data == BYE
    assert world.refused.is_set()
    again = await asyncio.open_connection(IP, 15060)
    await world.core.next(Opened)
    again[1].write(BYE)
    assert (await world.core.next(Received)).data == BYE
    new = await asyncio.open_connection(IP, 15070)
    await world.core.next(Opened)
    new[1].write(REGISTER)
    assert (await world.core.next(Received)).data == REGISTER
    world.calls.clear()
    assert await reader.read() == await again[0].read() == b""
    new[1].write(REGISTER)  # the new port's stays
    for kind in (Closed, Closed, Received):
        await world.core.next(kind)
    for one in (writer, again[1], new[1]):
        one.close()


async def test_a_port_that_is_taken_leaves_everything_as_it_was(world, phone):
    with socket.create_server((IP, 15090)), pytest.raises(OSError, match=r"out: TCP .*:15090"):
        await world.change(listener(udp_port=15070, tcp_port=15090))
    assert world.driver.ports("out") == {Transport.UDP: 15060, Transport.TCP: 15060}
    phone.sendto(REGISTER, (IP, 15060))
    assert (await world.core.next(Received)).data == REGISTER
    with socket.socket(type=socket.SOCK_DGRAM) as free:
        free.bind((IP, 15070))


async def test_a_port_can_go_to_another_interface(world, phone):
    """And come back, also while a call still uses it where it was."""
    world.in_call(Transport.UDP)
    other = Listener("more", IP, udp_port=15060, tcp_port=15060)
    await world.change(listener(udp_port=15070, tcp_port=15070), other)
    phone.sendto(REGISTER, (IP, 15060))
    assert (await world.core.next(Received)).flow.interface == "more"
    await world.change(listener())
    phone.sendto(REGISTER, (IP, 15060))
    assert (await world.core.next(Received)).flow.interface == "out"


async def test_origins_and_limits_are_those_of_new_connections(world):
    await world.change(listener(ws_port=15080))
    handshake = (
        b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Protocol: sip\r\nOrigin: https://a.example\r\n\r\n"
    )
    for origins, status in (((), b"403"), (("https://a.example",), b"101")):
        await world.change(listener(ws_port=15080, ws_origins=origins))
        reader, writer = await asyncio.open_connection(IP, 15080)
        writer.write(handshake)
        assert (await reader.readline()).split()[1] == status
        writer.close()
