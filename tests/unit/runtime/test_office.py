"""The whole office role on loopback: SIP over TCP, the directory over TLS, its files, a restart."""

import asyncio
import ssl
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from farline.config import load_deployment
from farline.portal.providers.dsml import accounts_of, search_request
from farline.runtime.control import call
from farline.runtime.office import run_office
from farline.runtime.role import RoleContext
from farline.runtime.tls.lab_authority import make_certificates
from farline.sip import Message, StreamFramer
from farline.sip.digest_client import DigestClient
from farline.testing import SeededIds
from farline.testing.directory import basic
from farline.testing.ports import free_ports

IP = "127.0.0.1"
SECRETS = {"ruel": "ruel-pw", "service": "service-pw"}


def deployment(sip, dsml):
    text = f"""
version: 1
tls_server_profiles:
  - {{name: OfficeProf, certificate: tls/office.pem, key: tls/office.key}}
office:
  ip: {IP}
  registrar:
    domain: ipo1xp.ipolab.com
    tcp_port: {sip}
    udp_port: null
    tls_port: null
    rtp_port_range: 22000-23998  # below the ports that the kernel picks {sip} from
  users:
    - {{name: Ruel, password: {{secret: ruel}}, extension: "3001"}}
  service_users: [{{name: EnhTcpaService, password: {{secret: service}}}}]
  directory: {{port: {dsml}, tls_profile: OfficeProf}}
"""
    return load_deployment(text, SECRETS)


@asynccontextmanager
async def running(context):
    """The role, ready to serve."""
    task = asyncio.create_task(run_office(context))
    try:
        while not context.control_path.exists() and not task.done():
            await asyncio.wait({task}, timeout=0.01)
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
def context(tmp_path):
    make_certificates(tmp_path / "tls", {"office": [IP]})
    return RoleContext("office", deployment(*free_ports(2)), tmp_path, tmp_path / "run")


async def register(port):
    """REGISTER with the password over a connection of its own; the last answer."""
    reader, writer = await asyncio.open_connection(IP, port)
    framer = StreamFramer()
    request = Message.request("REGISTER", "sip:ipo1xp.ipolab.com")
    for name, value in (
        ("Max-Forwards", "70"),
        ("From", "<sip:3001@ipo1xp.ipolab.com>;tag=a"),
        ("To", "<sip:3001@ipo1xp.ipolab.com>"),
        ("Call-ID", "one"),
        ("CSeq", "1 REGISTER"),
        ("Contact", "<sip:3001@127.0.0.1:5999;transport=tcp>"),
        ("Content-Length", "0"),
    ):
        request.add(name, value)

    async def ask(message, branch):
        message.prepend("Via", f"SIP/2.0/TCP 127.0.0.1:5999;branch=z9hG4bK-{branch}")
        writer.write(message.to_bytes())
        while not (found := framer.feed(await reader.read(65536))):
            pass
        return Message.parse(found[0][1])

    challenge = await ask(request, "a")
    login = DigestClient("3001", "ruel-pw", SeededIds()).retry(request, challenge)
    answer = await ask(login, "b")
    writer.close()
    await writer.wait_closed()
    return answer


async def read_directory(context, password):
    tls = ssl.create_default_context(cafile=Path(context.base) / "tls" / "ca.pem")
    url = f"https://{IP}:{context.deployment.office.directory.port}/dsml"
    headers = {"Authorization": basic("EnhTcpaService", password)} if password else {}
    body = search_request("ou=users,o=Farline Office")
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, data=body, headers=headers, ssl=tls) as answer,
    ):
        return answer.status, await answer.read()


async def test_register_show_monitor_and_restart(context):
    port = context.deployment.office.registrar.tcp_port
    async with running(context):
        answer = await register(port)
        assert answer.status == 200
        assert answer.get("Server") == "Farline Office 0.1"
        shown = await call(context.control_path, "show")
        assert [one["extension"] for one in shown["registrations"]] == ["3001"]
        assert shown["media engine"] == "not running"
    text = (context.run_dir / "monitor.txt").read_text()
    assert f"mS SIP Rx: TCP {IP}:" in text
    assert "mS SIP Tx: TCP" in text
    assert 'response="***' in text
    async with running(context):
        shown = await call(context.control_path, "show")
        assert [one["extension"] for one in shown["registrations"]] == ["3001"]


async def test_directory(context):
    async with running(context):
        status, body = await read_directory(context, "service-pw")
        assert status == 200
        accounts, problems = accounts_of(body)
        assert ([one.name for one in accounts], problems) == (["Ruel"], [])
        assert accounts[0].scram_sha256.matches("ruel-pw")
        assert [(await read_directory(context, wrong))[0] for wrong in ("guess", None)] == [401] * 2


async def test_the_directory_speaks_tls_only(context):
    async with running(context):
        reader, writer = await asyncio.open_connection(IP, context.deployment.office.directory.port)
        writer.write(b"POST /dsml HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        assert b"HTTP" not in await reader.read()
        writer.close()
