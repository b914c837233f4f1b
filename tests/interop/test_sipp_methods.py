"""Every method through the border, both ways, on real sockets: SIPp is phone and office.

Debian's SIPp has no TLS and no WebSockets. There it speaks TCP to a carrier (`farline.testing`),
which has the TLS connection or the WebSocket with the border: its messages, their transport.
"""

import asyncio
import re
import shutil
import ssl
from collections import Counter

import pytest

from farline.runtime.tls.lab_authority import make_certificates
from farline.sip.transport import Address
from farline.testing.carrier import Carrier
from farline.testing.sipp import SippWorld, listening
from farline.testing.sipp_methods import conversation

pytestmark = [
    pytest.mark.interop,
    pytest.mark.timeout(240),
    pytest.mark.skipif(shutil.which("sipp") is None, reason="Debian package sip-tester is missing"),
]

B1, A1, OFFICE, PHONE = (f"127.97.1.{number}" for number in (96, 7, 13, 61))
PORT, BEHIND = 15060, 16060
METHODS = {"REGISTER", "INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "INFO", "PRACK", "UPDATE",
           "REFER", "SUBSCRIBE", "NOTIFY", "PUBLISH", "MESSAGE"}  # fmt: skip


@pytest.fixture(scope="module")
def tls(tmp_path_factory):
    """(the border's server context, the office's, what all believe)"""
    base = tmp_path_factory.mktemp("tls")
    make_certificates(base, {"border": [B1], "office": [OFFICE]})
    contexts = []
    for name in ("border", "office"):
        contexts.append(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
        contexts[-1].load_cert_chain(base / f"{name}.pem", base / f"{name}.key")
    return *contexts, ssl.create_default_context(cafile=str(base / "ca.pem"))


@pytest.fixture
async def world(tmp_path):
    async with SippWorld(tmp_path, B1, A1, PORT) as made:
        yield made


def test_every_method_is_sent_by_both_sides():
    for scenario in conversation("UDP", "UDP"):
        sent = Counter(re.findall(r"CDATA\[\n([A-Z]+) sip:", scenario))
        assert set(sent) >= METHODS - {"REGISTER"}
        assert "REGISTER" in sent


@pytest.mark.parametrize(
    ("phone", "office"), [("UDP", "UDP"), ("TCP", "TCP"), ("TLS", "TLS"), ("WSS", "TCP")]
)
async def test_both_ways(world, tmp_path, tls, phone, office):
    border_tls, office_tls, believed = tls
    for name, text in zip(("phone", "office"), conversation(phone, office), strict=True):
        (tmp_path / f"{name}.xml").write_text(text)
    secure_office = office == "TLS"
    await world.border([OFFICE], office, server=border_tls, client=believed)
    place = Address(OFFICE, BEHIND if secure_office else PORT)
    told = ("-m", "1", "-l", "1", "-timeout", "120s", "-timeout_error")
    contact = str(PORT + secure_office)
    server = await world.sipp(tmp_path / "office.xml", OFFICE, office, "-p", str(place.port),
                              "-key", "contact_port", contact, *told)  # fmt: skip
    await listening(*place, office)
    if secure_office:
        await carried(world, Carrier("TCP", Address(OFFICE, PORT + 1), place, None, OFFICE),
                      office_tls)  # fmt: skip
    to = Address(B1, PORT)
    if phone in ("TLS", "WSS"):
        to, border = Address(PHONE, BEHIND), Address(B1, PORT + (1 if phone == "TLS" else 2))
        await carried(world, Carrier(phone, to, border, believed, PHONE))
    caller = await world.sipp(tmp_path / "phone.xml", PHONE, phone, str(to),
                              "-key", "contact_port", "5099", *told)  # fmt: skip
    ended = await asyncio.gather(caller.wait(), server.wait())
    assert ended == [0, 0], world.errors("phone") + world.errors("office")
    left = Counter(one["kind"] for one in world.core.show()["sessions"])
    assert left == {"subscription": 4}  # of each side one by SUBSCRIBE and one by REFER


async def carried(world, carrier, server=None):
    await carrier.start(server)
    world.ends(carrier.stop)
