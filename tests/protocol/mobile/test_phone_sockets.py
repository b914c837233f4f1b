"""The phone with real sockets on loopback: SIP over UDP, TCP and TLS, and audio that comes back."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest

from farline.config import Secret
from farline.mobile.commands import CallState
from farline.mobile.judge import judge
from farline.mobile.line import Account
from farline.mobile.offer import Local
from farline.mobile.steps import Door, StepError
from farline.mobile.wav import read_wav
from farline.runtime.phones.phone import Phone, PhoneOptions
from farline.runtime.phones.reaching import client_tls, local_address
from farline.runtime.sip import Listener, SipDriver
from farline.runtime.tls.lab_authority import make_certificates
from farline.sip.transport import Address, Transport

SPEECH = Path(__file__).parents[3] / "src/farline/lab/speech"
HERE, THERE = "127.0.0.61", "127.0.0.62"


class Echo(asyncio.DatagramProtocol):
    """A callee that says back what it hears."""

    def connection_made(self, transport):
        self.transport = transport
        self.address = Address(*transport.get_extra_info("sockname"))

    def datagram_received(self, data, addr):
        self.transport.sendto(data, addr)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    directory = tmp_path_factory.mktemp("tls")
    make_certificates(directory, {"server": ["ipo1xp.ipolab.com"]})
    return directory


@pytest.fixture
async def world(server, certificates):
    """The scripted server on sockets, with an echo behind it."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificates / "server.pem", certificates / "server.key")
    driver = SipDriver(server, [Listener("B1", THERE, udp_port=0, tcp_port=0, tls_port=0, tls=tls)])
    await driver.start()
    loop = asyncio.get_running_loop()
    _, echo = await loop.create_datagram_endpoint(Echo, local_addr=(THERE, 0))
    server._local = lambda: Local("server", 1, 1, echo.address)
    yield driver
    echo.transport.close()
    await driver.stop()


@pytest.fixture
def make_phone(world, certificates, tmp_path):
    def make(transport, events, password="ruelpwd", ca=certificates / "ca.pem"):
        account = Account(
            domain="ipo1xp.ipolab.com",
            extension="3001",
            password=Secret(password),
            server=Address(THERE, world.ports("B1")[transport]),
            instance="96CD7630-D24F-46C6-9E6E-6AF07A9B45D6",
            transport=transport,
        )
        options = PhoneOptions(
            local_ip=HERE,
            speech=read_wav(SPEECH / "ruel.wav")[8000:20000],
            record=tmp_path / "heard.wav",
            tls=client_tls(ca, insecure=False),
            voice_qos=184,
        )
        return Phone(account, options, events.append)

    return make


@pytest.mark.parametrize("transport", [Transport.UDP, Transport.TCP, Transport.TLS])
async def test_registers_calls_and_hears_its_own_speech(make_phone, server, transport, tmp_path):
    events = []
    phone = make_phone(transport, events)
    assert await phone.register() == 180
    call = phone.dial("3003")
    assert (await phone.wait(call, CallState.ANSWERED)).state is CallState.ANSWERED
    assert phone.send_digits(call, "5")
    await asyncio.wait_for(played(phone, call), 40)
    phone.hang_up(call)
    assert (await phone.wait(call)).state is CallState.ENDED
    await phone.stop()
    audio = next(event for event in events if event["event"] == "audio")
    verdict = judge(
        read_wav(SPEECH / "ruel.wav")[8000:20000],
        read_wav(Path(audio["file"])),
        sent_at=audio["speech_at"],
        recorded_at=audio["first_received_at"],
    )
    assert verdict.ok, (verdict, audio)
    assert audio["lost"] == 0
    assert 0 <= verdict.delay_ms < 200
    assert events[-1]["state"] == "unregistered"
    assert {"event": "digit", "call": call, "key": "5"} in events
    assert server.requests[-1].method == "REGISTER"
    assert server.flow.remote.host == HERE


async def played(phone, call):
    """Until the whole speech has left and come back: no event tells it, so it is watched."""
    session = phone._audio[call].session
    while not session.speech_done:  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    sent = session.summary().sent_frames
    while session.summary().received_frames < sent:  # noqa: ASYNC110
        await asyncio.sleep(0.02)


async def test_wrong_password_says_the_door(make_phone):
    phone = make_phone(Transport.TCP, [], password="wrong")
    with pytest.raises(StepError, match="wrong password for 3001") as caught:
        await phone.register()
    assert caught.value.door is Door.SIP
    assert caught.value.wrong_password
    await phone.abandon()


async def test_a_certificate_of_another_authority_is_refused(make_phone, tmp_path):
    make_certificates(tmp_path / "other", {"x": ["x"]})
    phone = make_phone(Transport.TLS, [], ca=tmp_path / "other" / "ca.pem")
    with pytest.raises(StepError, match="certificate"):
        await phone.register()
    await phone.abandon()


async def test_nobody_listens(make_phone, world):
    phone = make_phone(Transport.TCP, [])
    await world.stop()
    with pytest.raises(StepError, match="cannot connect") as caught:
        await phone.register()
    assert caught.value.door is Door.SIP
    await phone.abandon()


async def test_an_incoming_call_rings_and_is_cancelled(make_phone, server, world):
    events = []
    phone = make_phone(Transport.TCP, events)
    await phone.register()

    class Now:
        class clock:
            now = server.now

    tx = server.call(Now)
    world._after()
    news = await asyncio.wait_for(phone.wait("in-1", CallState.INCOMING), 30)
    assert news.peer.startswith("Dora")
    server.layer.cancel(tx, server.now)
    world._after()
    assert (await asyncio.wait_for(phone.wait("in-1"), 30)).status == 487
    await phone.stop()


def test_the_local_address_is_the_one_towards_the_peer():
    assert local_address("127.0.0.1") == "127.0.0.1"
