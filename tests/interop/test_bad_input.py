"""What is malformed is answered or dropped, and counted; a call that goes on keeps its audio."""

import asyncio
import ssl
from contextlib import closing, suppress
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from farline.sip.transport import Address
from farline.testing.deployment import REGISTERED, event, heard, talk_seconds
from farline.testing.raw_phone import RawPhone

pytestmark = [pytest.mark.interop, pytest.mark.timeout(240)]

VECTORS = Path(__file__).parents[2] / "vectors" / "rfc4475"
INDEX = YAML(typ="safe").load(VECTORS / "index.yaml")
BAD = [name for name, says in INDEX.items() if says["parse"] != "ok" or says["validate"] != "ok"]
TIMES = 3
"""How often each says what it says: all the bad input arrives meanwhile."""
SDP = "application/sdp"
DESCRIPTIONS = {
    "empty lines": b"\r\n\r\n\r\n",
    "no version": b"o=- 1 1 IN IP4 1.2.3.4\r\ns=-\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n",
    "no address": b"v=0\r\no=- 1 1 IN IP4 1.2.3.4\r\ns=-\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n",
    "port": b"v=0\r\no=- 1 1 IN IP4 1.2.3.4\r\ns=-\r\nc=IN IP4 1.2.3.4\r\nt=0 0\r\n"
    b"m=audio 99999999999999999999 RTP/AVP 8\r\n",
    "address": b"v=0\r\no=- 1 1 IN IP4 1.2.3.4\r\ns=-\r\nc=IN IP4 999.2.3.4.5\r\nt=0 0\r\n"
    b"m=audio 4000 RTP/AVP 8\r\n",
    "bytes": bytes(range(256)),
    "many streams": b"v=0\r\no=- 1 1 IN IP4 1.2.3.4\r\ns=-\r\nc=IN IP4 1.2.3.4\r\nt=0 0\r\n"
    + b"m=audio 4000 RTP/AVP 8\r\n" * 600,
}
HTTP = (
    b"GET / HTTP/9.9\r\n\r\n",
    b"\x00\xff\x00garbage\r\n\r\n",
    b"GET /sipxconfig/rest/my/im-info HTTP/1.1\r\nHost: a\r\nHost: b\r\nContent-Length: -1\r\n\r\n",
    b"GET /sipxconfig/rest/my/im-info HTTP/1.1\r\nAuthorization: Basic !!!!\r\n\r\n",
    b'GET /sipxconfig/rest/my/im-info HTTP/1.1\r\nHost: a\r\nAuthorization: Digest ,,="\r\n\r\n',
    b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFFF\r\n",
    b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n",
)
SERVER = "ipo1xp.ipolab.com"
"""The relay passes TLS for this name only."""
XML = (
    b"<<<<<<<<>>>>>>",
    b"\x00\x01\x02\xff\xfe" * 100,
    b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b 'bbbb'><!ENTITY c '&b;&b;&b;'>]><a>&c;</a>",
    b"<stream:stream xmlns='jabber:client' to='nowhere.example' version='1.0'>",
    b"<a>" * 20_000,
)


async def until_closed(host, port, local, data, context=None):
    """Everything that is answered to `data`, until the other side or we have nothing more."""
    reader, writer = await asyncio.open_connection(
        host, port, local_addr=(local, 0), ssl=context, server_hostname=SERVER if context else None
    )
    answer = b""
    try:
        writer.write(data)
        await writer.drain()
        if context is None:
            writer.write_eof()
        with suppress(TimeoutError):
            async with asyncio.timeout(1.0):  # a server may wait for the rest of a request
                while got := await reader.read(65536):
                    answer += got
    except (ConnectionError, ssl.SSLError):
        pass
    finally:
        writer.transport.abort()
    return answer


async def sip_torture(site):
    """Every message of RFC 4475 over UDP and TCP, each from a device: one alone would be banned."""
    stranger, border = site.stranger_ip(), Address(site.border_ip, 5060)
    messages = [(VECTORS / f"{name}.dat").read_bytes() for name in INDEX]
    for message in messages:
        with closing(RawPhone(stranger, border, site.domain, "x")) as phone:
            await phone.send(message)
    with closing(RawPhone(stranger, border, site.domain, "x")) as phone:
        answer, _ = await phone.ask(phone.request("OPTIONS", f"sip:{site.domain}"))
        assert answer.status in (200, 403)  # it came after all the others
    await asyncio.gather(*(until_closed(site.border_ip, 5060, stranger, m) for m in messages))


async def bad_descriptions(site, callee):
    """INVITEs with descriptions that are none, from a registered phone: each is refused."""
    user = site.user()
    to = Address(site.border_ip, 5060)
    with closing(RawPhone(user.outside_ip, to, site.domain, user.extension)) as phone:
        assert b" 200 " in (await phone.register(user.password))[-1].split(b"\r\n")[0]
        found = {}
        for name, body in DESCRIPTIONS.items():
            target = f"sip:{callee.extension}@{site.domain}"
            answer, _ = await phone.ask(phone.request("INVITE", target, body, SDP))
            found[name] = answer.status
        assert all(400 <= status < 500 for status in found.values()), found


async def bad_http(site):
    """In TLS: refused with the right status, or closed. Without TLS: closed."""
    insecure = ssl.create_default_context()
    insecure.check_hostname, insecure.verify_mode = False, ssl.CERT_NONE
    to, stranger = (site.border_ip, 8444), site.stranger_ip()
    in_tls = (until_closed(*to, stranger, data, insecure) for data in HTTP)
    for data, answer in zip(HTTP, await asyncio.gather(*in_tls), strict=True):
        assert not answer or answer.split()[1] in (b"400", b"401", b"404", b"414"), (data, answer)
    await asyncio.gather(*(until_closed(*to, stranger, data) for data in HTTP))


async def bad_xml(site):
    to, stranger = (site.border_ip, 5222), site.stranger_ip()
    answers = await asyncio.gather(*(until_closed(*to, stranger, data) for data in XML))
    assert not any(b"features" in answer for answer in answers), answers


def told(*some):
    return "\n".join(f"{one.child.name}: {one.events[-4:]}\n{one.child.tail()}" for one in some)


async def settled(site):
    """What the border shows once no relay has a connection left."""
    async with asyncio.timeout(60):
        while True:
            shown = await site.show()
            if not any(relay["connections"] for relay in shown["relays"]):
                return shown
            await asyncio.sleep(0.1)  # a relay ends what a client broke off when it sees it


async def test_nothing_else_suffers(site, phones):
    ruel, dora = site.user(), site.user()
    before = await site.show()
    desk = await phones.farline(
        dora, "--answer-after-ms", "100", "--play", str(phones.short_speech("dora", TIMES))
    )
    assert await desk.until(REGISTERED, 60), told(desk)
    there = ("--call", dora.extension, "--play", str(phones.short_speech("ruel", TIMES)))
    there += ("--hangup-after", str(talk_seconds(TIMES)))
    out = await phones.farline(ruel, *there, outside=True, transport="tcp")
    answered = event("call", state="answered")
    assert await out.until(answered, 60) and await desk.until(answered, 60), told(out, desk)
    await asyncio.gather(
        sip_torture(site), bad_descriptions(site, dora), bad_http(site), bad_xml(site)
    )
    assert not any(map(event("call", state="ended"), out.events)), told(out)
    assert await out.until(event("audio"), 60), told(out)
    assert await desk.until(event("audio"), 60), told(desk)
    for who, phone in (("ruel", desk), ("dora", out)):
        found = heard(who, phone.recording, TIMES)
        assert found.ok, found.reason
    after = await settled(site)
    assert after["media engine"] == "connected"
    refused = after["counters"]["refused.malformed"] - before["counters"].get(
        "refused.malformed", 0
    )
    assert refused >= len(BAD)
    for name, least in (("1xm HTTP", 2 * len(HTTP)), ("1xm XMPP", len(XML))):
        shown = [
            next(relay for relay in one["relays"] if relay["name"] == name)
            for one in (before, after)
        ]
        assert shown[1]["accepted"] - shown[0]["accepted"] >= least
        assert shown[1]["connections"] == 0
