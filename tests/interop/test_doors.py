"""The three doors of a whole deployment: who may not come in is told no more than he must be."""

import asyncio
import base64
import re
import shutil
import ssl
from contextlib import closing

import pytest

from farline.sip.transport import Address
from farline.testing.deployment import event
from farline.testing.raw_phone import RawPhone
from farline.testing.xmpp import XmppClient, logged_in

pytestmark = [
    pytest.mark.interop,
    pytest.mark.timeout(240),
    pytest.mark.skipif(shutil.which("prosody") is None, reason="Debian package prosody is missing"),
]

NOBODY = "User9999"
STREAM = "<stream:stream to='{}' version='1.0' xmlns='jabber:client' {}>"
NAMESPACE = "xmlns:stream='http://etherx.jabber.org/streams'"
VARYING = re.compile(
    rb"((?:nonce|opaque|tag|branch|rport|id)=[\"']?)[^\"';,\s>]+|(?<=\r\nDate: )[^\r]+"
    rb"|(?<=\r\nCall-ID: )[^\r]+"
)
"""What is random or the time in answers."""


def plain(data, user):
    """An answer without what is random, the time, and the name that was asked for."""
    return VARYING.sub(rb"\1*", data).replace(user.encode(), b"USER")


@pytest.mark.parametrize(
    ("door", "option", "step", "why"),
    [
        ("REST", "--password-file", "im-info", "refuses user name and password (401)"),
        ("XMPP", "--xmpp-password-file", "xmpp", "refuses user name and password"),
        ("SIP", "--sip-password-file", "register", "wrong password"),
    ],
)
async def test_the_mobile_names_the_door_and_why(site, phones, tmp_path, door, option, step, why):
    wrong = tmp_path / "wrong"
    wrong.write_text("not it\n")
    wrong.chmod(0o600)
    mobile = await phones.mobile(site.user(mobile=True), option, str(wrong), "--login-only")
    assert await mobile.until(event("step", ok=False), 60), mobile.events
    assert await mobile.child.process.wait() == 1
    failed = [one for one in mobile.events if one["event"] == "step" and not one["ok"]]
    assert [one["name"] for one in failed] == [step]
    assert failed[0]["detail"].startswith(f"{door}:"), failed
    assert why in failed[0]["detail"], failed


async def test_sip_answers_alike_to_unknown_users_and_wrong_passwords(site):
    to = Address(site.border_ip, 5060)
    seen = []
    for extension in (site.user().extension, "9999"):
        with closing(RawPhone(site.stranger_ip(), to, site.domain, extension)) as phone:
            answers = await phone.register("not it")
            here = f"{phone.ip}:{phone.port}".encode()
            seen.append(
                [plain(one, extension).replace(here, b"HERE").replace(phone.ip.encode(), b"IP")
                 for one in answers]
            )  # fmt: skip
    assert len(seen[0]) == 2
    assert all(one.startswith(b"SIP/2.0 401 ") for one in seen[0])
    assert seen[0] == seen[1]


async def rest(site, user, resource, authorization):
    """The whole answer of the portal, through the border's relay."""
    context = ssl.create_default_context(cafile=str(site.ca))
    reader, writer = await asyncio.open_connection(
        site.border_ip, 8444, ssl=context, server_hostname=site.domain
    )
    writer.write(
        f"GET /sipxconfig/rest/my/{resource} HTTP/1.1\r\nHost: {site.domain}\r\n"
        f"Connection: close\r\nAuthorization: {authorization}\r\n\r\n".encode()
    )
    async with asyncio.timeout(60):
        data = await reader.read()
    writer.close()
    return plain(data, user)


@pytest.mark.parametrize("resource", ["im-info", "sip-info"])
async def test_rest_answers_alike_to_unknown_users_and_wrong_passwords(site, resource):
    seen = []
    for user in (site.user(mobile=True).name, NOBODY):
        basic = base64.b64encode(f"{user}:not it".encode()).decode()
        seen.append(await rest(site, user, resource, f"Basic {basic}"))
    assert seen[0].startswith(b"HTTP/1.1 401 ")
    assert seen[0] == seen[1]


async def xmpp(site, user):
    """The server's words to a PLAIN login, after STARTTLS, through the border's relay."""
    reader, writer = await asyncio.open_connection(site.border_ip, 5222)
    opening = STREAM.format(site.domain, NAMESPACE).encode()
    try:
        async with asyncio.timeout(60):
            writer.write(opening)
            await reader.readuntil(b"</stream:features>")
            writer.write(b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
            await reader.readuntil(b"/>")
            context = ssl.create_default_context(cafile=str(site.ca))
            await writer.start_tls(context, server_hostname=site.domain)
            writer.write(opening)
            greeting = await reader.readuntil(b"</stream:features>")
            told = base64.b64encode(f"\0{user}\0not it".encode()).decode()
            writer.write(
                "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>"
                f"{told}</auth>".encode()
            )
            refusal = await reader.readuntil(b"</failure>")
    finally:
        writer.transport.abort()
    return plain(greeting, user), plain(refusal, user)


async def test_xmpp_answers_alike_to_unknown_users_and_wrong_passwords(site):
    known = await xmpp(site, site.user(mobile=True).name.lower())
    assert b"<not-authorized/>" in known[1]
    assert known == await xmpp(site, NOBODY.lower())


async def test_dora_sees_ruel_come_by_the_mobile_and_go(site, phones):
    ruel, dora = site.users["Ruel"], site.users["Dora"]
    client = XmppClient(f"dora@{site.domain}/desk", dora.password, site.ca)
    async with logged_in(client, site.border_ip, 5222):
        mobile = await phones.mobile(ruel)
        assert await mobile.until(event("registration", state="registered"), 60), mobile.events
        await client.until_available(f"ruel@{site.domain}")
        await client.until_available(f"mybuddy@{site.domain}")
        await mobile.stop()
        await client.until_unavailable(f"ruel@{site.domain}")
