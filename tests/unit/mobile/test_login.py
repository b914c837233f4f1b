"""The login's order and its failures, with a table of replies for the outside."""

from __future__ import annotations

import re
from datetime import UTC

import pytest

from farline.config import Secret
from farline.mobile.asks import AwaitBuddy, ConnectIm, Fetch, Fetched, RegisterSip, Resolve
from farline.mobile.clientlog import ClientLog
from farline.mobile.login import Settings, im_resource, login, run
from farline.mobile.steps import Door, StepError
from farline.sip.transport import Address, Transport
from farline.testing import ManualClock, SeededIds

IM = b"""<im-info><im-id>ruel@ipo1xp.ipolab.com</im-id>
<my-buddy-id>mybuddy@ipo1xp.ipolab.com</my-buddy-id></im-info>"""
SIP = b"""<sip-info><identity>3001@ipo1xp.ipolab.com</identity>
<private-address>10.10.10.13</private-address><public-tls-port>15061</public-tls-port>
<signalling-qos>136</signalling-qos><voice-qos>184</voice-qos><video-qos>184</video-qos></sip-info>"""


class World:
    """Replies to asks, and the time that each takes."""

    def __init__(self, **replies):
        self.clock = ManualClock()
        self.asks, self.steps, self.lines = [], [], []
        self.replies = {
            "dns": "192.168.64.96",
            "im-info": Fetched(200, IM, "Digest"),
            "xmpp": "ruel@ipo1xp.ipolab.com/pauc",
            "mybuddy": "Type help",
            "sip-info": Fetched(200, SIP, "Digest"),
            "register": 180,
        } | {name.replace("_", "-"): reply for name, reply in replies.items()}
        self.log = ClientLog(self.lines.append, lambda: 1488165326.551, 10271, UTC)

    async def perform(self, ask):
        self.asks.append(ask)
        self.clock.advance(0.125)
        reply = self.replies[ask.step]
        if isinstance(reply, StepError):
            raise reply
        return reply

    async def login(self, **settings):
        values = {
            "server": "ipo1xp.ipolab.com",
            "port": 8444,
            "username": "Ruel",
            "password": Secret("ruelpwd"),
        }
        steps = login(
            Settings(**(values | settings)), "pauc-1.2-FE2B8713A0764FEA-#-18535", self.log
        )
        return await run(steps, self.perform, self.clock, self.steps.append)


async def test_the_order_is_the_guides():
    world = World()
    found = await world.login()
    assert [type(ask) for ask in world.asks] == [
        Resolve,
        Fetch,
        ConnectIm,
        AwaitBuddy,
        Fetch,
        RegisterSip,
    ]
    assert [step.name for step in world.steps] == [
        "dns",
        "im-info",
        "xmpp",
        "mybuddy",
        "sip-info",
        "register",
    ]
    assert all(step.ok and step.ms == 125.0 for step in world.steps)
    assert found.sip_server == Address("192.168.64.96", 5060)
    assert found.lease == 180


async def test_the_server_is_the_address_that_was_resolved_and_not_sip_infos():
    world = World()
    await world.login(transport=Transport.TLS)
    register = world.asks[-1]
    assert register.server == Address("192.168.64.96", 15061)
    assert (register.extension, register.domain) == ("3001", "ipo1xp.ipolab.com")
    assert register.voice_qos == 184
    assert world.asks[1].url == "https://ipo1xp.ipolab.com:8444/sipxconfig/rest/my/im-info"
    assert world.asks[1].address == "192.168.64.96"


async def test_sip_waits_for_my_buddy():
    world = World(mybuddy=StepError(Door.XMPP, "did not become available"))
    with pytest.raises(StepError):
        await world.login()
    assert not any(isinstance(ask, RegisterSip) for ask in world.asks)
    assert [(step.name, step.ok) for step in world.steps][-1] == ("mybuddy", False)


@pytest.mark.parametrize(
    ("step", "reply", "door", "says"),
    [
        ("im-info", Fetched(401, b""), Door.REST, "refuses user name and password"),
        ("im-info", Fetched(403, b""), Door.REST, "switched off"),
        ("im-info", Fetched(429, b""), Door.REST, "too many"),
        ("im-info", Fetched(500, b""), Door.REST, "500"),
        ("im-info", Fetched(200, b"<html/>"), Door.REST, "not <im-info>"),
        (
            "xmpp",
            StepError(Door.XMPP, "not-authorized", wrong_password=True),
            Door.XMPP,
            "not-auth",
        ),
        ("register", StepError(Door.SIP, "wrong password", wrong_password=True), Door.SIP, "wrong"),
        ("dns", StepError(Door.DNS, "does not exist"), Door.DNS, "exist"),
        (
            "sip-info",
            Fetched(200, SIP.replace(b"</sip-info>", b"<voip-mode>never</voip-mode></sip-info>")),
            Door.REST,
            "VoIP is switched off",
        ),
        (
            "sip-info",
            Fetched(200, SIP.replace(b"</sip-info>", b"<srtp>enforced</srtp></sip-info>")),
            Door.REST,
            "SRTP",
        ),
    ],
)
async def test_a_failure_names_its_door_and_step(step, reply, door, says):
    world = World(**{step: reply})
    with pytest.raises(StepError, match=says) as caught:
        await world.login()
    assert caught.value.door is door
    failed = world.steps[-1]
    assert (failed.name, failed.ok) == (step, False)
    assert failed.detail.startswith(f"{door}: ")


async def test_issued_passwords_are_used_where_the_portal_gives_them():
    world = World(
        im_info=Fetched(200, IM.replace(b"</im-info>", b"<im-password>tok</im-password></im-info>"))
    )
    await world.login(sip_password=Secret("other"))
    assert world.asks[2].password.reveal() == "tok"
    assert world.asks[-1].password.reveal() == "other"


async def test_the_log_has_the_guides_form_and_facts():
    world = World()
    await world.login()
    assert all(re.match(r"2017/02/27 03:15:26:551 - \[10271\] - ", line) for line in world.lines)
    said = [line.partition("] - ")[2] for line in world.lines]
    expected = """IN SETTINGS - Server: ipo1xp.ipolab.com --- Port: 8444 --- Username: Ruel
UCConnectionManager: retrieveLoginCredentialsFromServer:
Current Server: ipo1xp.ipolab.com
Server Certificate Validation set to YES
Attempting to retrieve IM credentials from https://ipo1xp.ipolab.com:8444/sipxconfig/rest/my/im-info with username Ruel
IM ID: ruel@ipo1xp.ipolab.com
My Buddy ID: mybuddy@ipo1xp.ipolab.com
Does not support resiliency
Primary Server: ipo1xp.ipolab.com Secondary Server: (null)
Attempting to connect to XMPP at ipo1xp.ipolab.com:5222 with username ruel@ipo1xp.ipolab.com/pauc-1.2-FE2B8713A0764FEA-#-18535
********* My Buddy connected *********
Identity: 3001@ipo1xp.ipolab.com
Private Address: 10.10.10.13
Public Address: 0.0.0.0
Signalling Qos: 136
Voice Qos: 184
SIP Domain ipo1xp.ipolab.com
SIP Server IP: 192.168.64.96
SIP Server Port: 5060
SIP Extension: 3001
SparkService: RegistrationDelegate: didRegisterWithServer"""  # noqa: E501
    wanted = expected.split("\n")
    assert [line for line in said if line in wanted] == wanted


async def test_no_password_is_logged_or_shown():
    world = World()
    await world.login()
    everything = "\n".join([*world.lines, *map(repr, world.steps), *map(repr, world.asks)])
    assert "ruelpwd" not in everything


def test_a_peers_text_stays_on_its_line():
    lines = []
    ClientLog(lines.append, lambda: 0.0, 1, UTC)("a\r\n2017/02/27 forged \x1b[2J")
    assert lines == ["1970/01/01 00:00:00:000 - [1] - a??2017/02/27 forged ?[2J"]


def test_the_resource_has_the_guides_form():
    assert re.fullmatch(r"pauc-1\.2-[0-9A-F]{16}-#-[0-9]+", im_resource(SeededIds()))
