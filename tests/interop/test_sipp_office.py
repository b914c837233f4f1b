"""SIPp as both phones of the office: REGISTER with digest, then a whole call, over UDP and TCP."""

import asyncio
import shutil
from contextlib import asynccontextmanager

import pytest

from farline.config import load_deployment
from farline.runtime.control import call
from farline.runtime.media import run_office_media
from farline.runtime.office import run_office
from farline.runtime.role import RoleContext
from farline.testing.ports import free_ports
from farline.testing.sipp import listening

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(shutil.which("sipp") is None, reason="Debian package sip-tester is missing"),
]

OFFICE, RUEL, DORA = "127.0.0.1", "127.0.0.8", "127.0.0.9"

REGISTER = """<?xml version="1.0" encoding="UTF-8"?>
<scenario name="register">
  <send retrans="500"><![CDATA[
    REGISTER sip:ipo1xp.ipolab.com SIP/2.0
    Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
    Max-Forwards: 70
    From: <sip:[service]@ipo1xp.ipolab.com>;tag=[pid]r[call_number]
    To: <sip:[service]@ipo1xp.ipolab.com>
    Call-ID: [call_id]
    CSeq: 1 REGISTER
    Contact: <sip:[service]@[local_ip]:CONTACT;transport=TRANSPORT>
    Content-Length: 0

  ]]></send>
  <recv response="401" auth="true"/>
  <send retrans="500"><![CDATA[
    REGISTER sip:ipo1xp.ipolab.com SIP/2.0
    Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
    Max-Forwards: 70
    From: <sip:[service]@ipo1xp.ipolab.com>;tag=[pid]r[call_number]
    To: <sip:[service]@ipo1xp.ipolab.com>
    Call-ID: [call_id]
    CSeq: 2 REGISTER
    Contact: <sip:[service]@[local_ip]:CONTACT;transport=TRANSPORT>
    [authentication username=EXTENSION password=PASSWORD]
    Content-Length: 0

  ]]></send>
  <recv response="200"/>
</scenario>
"""

# [next_url] of SIPp does not read a Contact with a display name, so the URI is cut out.
CALL = """<?xml version="1.0" encoding="UTF-8"?>
<scenario name="call">
  <send retrans="500"><![CDATA[
    INVITE sip:3003@ipo1xp.ipolab.com SIP/2.0
    Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
    Max-Forwards: 70
    From: <sip:3001@ipo1xp.ipolab.com>;tag=[pid]c[call_number]
    To: <sip:3003@ipo1xp.ipolab.com>
    Call-ID: [call_id]
    CSeq: 1 INVITE
    Contact: <sip:3001@[local_ip]:CONTACT;transport=TRANSPORT>
    Content-Type: application/sdp
    Content-Length: [len]

    v=0
    o=user1 53655765 2353687637 IN IP[local_ip_type] [local_ip]
    s=-
    c=IN IP[media_ip_type] [media_ip]
    t=0 0
    m=audio [media_port] RTP/AVP 8
    a=rtpmap:8 PCMA/8000

  ]]></send>
  <recv response="100" optional="true"/>
  <recv response="180" optional="true"/>
  <recv response="200"><action>
    <ereg regexp="sip:[^>]*" search_in="hdr" header="Contact:" assign_to="target"/>
  </action></recv>
  <send><![CDATA[
    ACK [$target] SIP/2.0
    Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
    Max-Forwards: 70
    From: <sip:3001@ipo1xp.ipolab.com>;tag=[pid]c[call_number]
    To: <sip:3003@ipo1xp.ipolab.com>[peer_tag_param]
    Call-ID: [call_id]
    CSeq: 1 ACK
    Content-Length: 0

  ]]></send>
  <pause milliseconds="200"/>
  <send retrans="500"><![CDATA[
    BYE [$target] SIP/2.0
    Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
    Max-Forwards: 70
    From: <sip:3001@ipo1xp.ipolab.com>;tag=[pid]c[call_number]
    To: <sip:3003@ipo1xp.ipolab.com>[peer_tag_param]
    Call-ID: [call_id]
    CSeq: 2 BYE
    Content-Length: 0

  ]]></send>
  <recv response="200"/>
</scenario>
"""


def context_of(base, port):
    text = f"""
version: 1
office:
  ip: {OFFICE}
  registrar:
    domain: ipo1xp.ipolab.com
    tcp_port: {port}
    udp_port: {port}
    tls_port: null
    rtp_port_range: 20000-21998  # below the ports that the kernel picks `port` from
  users:
    - {{name: Ruel, password: {{secret: ruel}}, extension: "3001"}}
    - {{name: Dora, password: {{secret: dora}}, extension: "3003"}}
"""
    deployment = load_deployment(text, {"ruel": "ruel-pw", "dora": "dora-pw"})
    return {
        role: RoleContext(role, deployment, base, base / "run")
        for role in ("office", "office-media")
    }


@asynccontextmanager
async def office(base):
    """The office with its media engine; gives the SIP port and the control socket."""
    (port,) = free_ports(1, OFFICE)
    contexts = context_of(base, port)
    media = asyncio.create_task(run_office_media(contexts["office-media"]))
    server = asyncio.create_task(run_office(contexts["office"]))
    tasks = {media, server}
    try:
        while not all(context.control_path.exists() for context in contexts.values()):
            done, _ = await asyncio.wait(tasks, timeout=0.02)
            for task in done:
                task.result()
        yield port, contexts["office"].control_path
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def sipp(base, name, scenario, target, *options):
    """Run SIPp once; its exit status and what it said."""
    file = base / f"{name}.xml"
    file.write_text(scenario)
    process = await asyncio.create_subprocess_exec(
        "sipp", target, "-sf", str(file), "-m", "1", "-nostdin", "-timeout", "45",
        "-timeout_error", "-trace_err", "-error_file", str(base / f"{name}.err"), *options,
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL, cwd=base,
    )  # fmt: skip
    status = await process.wait()
    errors = base / f"{name}.err"
    return status, errors.read_text() if errors.exists() else ""


def filled(text, **words):
    """The scenario with its words in capitals replaced."""
    for word, value in words.items():
        text = text.replace(word, value)
    return text


@pytest.mark.parametrize(("mode", "transport"), [("u1", "udp"), ("t1", "tcp")])
async def test_a_call_between_two_sipp_phones(tmp_path, mode, transport):
    (dora_port,) = free_ports(1, DORA)
    (ruel_port,) = free_ports(1, RUEL)
    async with office(tmp_path) as (port, control):
        target = f"{OFFICE}:{port}"

        phones = (("dora", "3003", DORA, dora_port), ("ruel", "3001", RUEL, ruel_port))
        for name, extension, ip, contact in phones:
            words = {"EXTENSION": extension, "PASSWORD": f"{name}-pw"}
            scenario = filled(REGISTER, CONTACT=str(contact), TRANSPORT=transport, **words)
            options = ("-i", ip, "-t", mode, "-s", extension)
            assert await sipp(tmp_path, name, scenario, target, *options) == (0, "")
        dora = await asyncio.create_subprocess_exec(
            "sipp", "-sn", "uas", "-i", DORA, "-p", str(dora_port), "-t", mode, "-m", "1",
            "-nostdin", "-timeout", "45",
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL, cwd=tmp_path,
        )  # fmt: skip
        await listening(DORA, dora_port, transport.upper())
        scenario = filled(CALL, CONTACT=str(ruel_port), TRANSPORT=transport)
        options = ("-i", RUEL, "-p", str(ruel_port), "-t", mode)
        try:
            assert await sipp(tmp_path, "call", scenario, target, *options) == (0, "")
            assert await dora.wait() == 0
        finally:
            if dora.returncode is None:
                dora.kill()
                await dora.wait()
        async with asyncio.timeout(60):
            while (shown := await call(control, "show"))["calls"]:
                pass  # each look is a connection of its own
        (record,) = shown["records"]
        assert (record["caller"], record["called"], record["cause"]) == ("3001", "3003", 16)
        assert record["answered"] is not None
