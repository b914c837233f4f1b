"""`farline run` on loopback with TLS towards the office: calls, and a border that is killed."""

import asyncio
import json
import os
import re
import signal
import subprocess
from contextlib import closing

import pytest

from farline.runtime.control import call
from farline.runtime.trace_files import read_records
from farline.testing.deployment import CLI, REGISTERED, event, heard, prepare_site, talk_seconds
from farline.testing.supervised import supervised
from farline.trace.events import MessageSeen
from farline.trace.reader import Reader

pytestmark = [pytest.mark.interop, pytest.mark.timeout(240)]

ROLES = ("media", "office-media", "office", "portal", "border")
PLAIN = "server: IPO, address: 10.10.10.13, port: 5060, transport: TCP"
TLS = "server: IPO, address: 10.10.10.13, port: 5061, transport: TLS"
ANSWERED = event("call", state="answered")


def told_of(*some):
    return "\n".join(f"{one.child.name}: {one.events[-4:]}\n{one.child.tail()}" for one in some)


async def roles_of(site):
    """The process that serves each role."""
    paths = {role: site.run_dir / "control" / f"{role}.sock" for role in ROLES}
    return {role: (await call(path, "status"))["pid"] for role, path in paths.items()}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    site = prepare_site(tmp_path_factory.mktemp("tls"), (PLAIN, TLS))
    run = supervised(site.prepared.config, ROLES, site.run_dir)
    with closing(site), run as site.supervisor:
        yield site
    assert site.trouble() == []


async def speak(site, phones, meanwhile=None):
    """A call from outside over TLS to a desk; both hear the other whole, whatever goes on."""
    ruel, dora = site.user(), site.user()
    desk = await phones.farline(dora, "--answer-after-ms", "100")
    assert await desk.until(REGISTERED, 60), told_of(desk)
    options = ("--call", dora.extension, "--play", str(phones.short_speech("ruel")))
    out = await phones.farline(
        ruel, *options, "--hangup-after", str(talk_seconds()), outside=True, transport="tls"
    )
    if meanwhile is not None:
        assert await out.until(ANSWERED, 60), told_of(out, desk)
        await meanwhile
    assert await out.until(event("audio"), 60), told_of(out, desk)
    assert await desk.until(event("audio"), 60), told_of(out, desk)
    for who, phone in (("ruel", desk), ("dora", out)):
        found = heard(who, phone.recording)
        assert found.ok, found.reason
    return next(filter(ANSWERED, out.events))["call_id"]


async def test_a_call_with_tls_on_both_sides_of_the_border(site, phones):
    call_id = await speak(site, phones)
    async with asyncio.timeout(60):
        while True:
            sides = {
                (record.event.interface, record.event.transport)
                for record in read_records(site.run_dir, Reader())
                if record.role == "border" and isinstance(record.event, MessageSeen)
                and record.event.call == call_id and record.event.data.startswith(b"BYE")
            }  # fmt: skip
            if sides == {("IPORWB1Sig", "TLS"), ("IPORWA1Sig", "TLS")}:
                return
            await asyncio.sleep(0.1)  # the trace is written five times a second


async def test_a_killed_border_comes_back_and_nobody_else_notices(site, phones):
    before = await roles_of(site)
    ruel = site.user()
    out = await phones.farline(ruel, outside=True, transport="tcp")
    assert await out.until(REGISTERED, 60), told_of(out)
    os.kill(before["border"], signal.SIGKILL)
    assert await out.until(event("registration", state="lost"), 60), told_of(out)

    def again(_event):
        return len(list(filter(REGISTERED, out.events))) == 2

    assert await out.until(again, 90), told_of(out)
    after = await roles_of(site)
    assert after["border"] != before["border"]
    assert {**after, "border": 0} == {**before, "border": 0}
    assert "border ended with status -9" in (site.run_dir / "log" / "run.log").read_text()
    await speak(site, phones)


async def command(site, *words):
    """A farline command on the running deployment: its exit status and what it said."""
    process = await asyncio.create_subprocess_exec(
        *CLI, *words, "--run-dir", str(site.run_dir), "--json",
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode, json.loads(said)


async def test_a_change_under_a_call_touches_only_what_begins_after_it(site, phones, tmp_path):
    text = site.prepared.config.read_text()
    closed = tmp_path / "closed.yaml"
    closed.write_text(re.sub(r"user_agent: .*", "user_agent: nobody*", text))
    secrets = ("--secrets", str(site.prepared.config.with_name("secrets.yaml")))

    version = 0

    async def close():
        nonlocal version
        status, told = await command(site, "apply", str(closed), *secrets, "--reason", "test")
        assert status == 0, told
        version = told["version"]
        (change,) = told["changes"]
        assert change["place"] == "border.subscriber_flows[SubsflowRW].user_agent"

    await speak(site, phones, close())
    assert site.prepared.config.read_text() == closed.read_text()
    late = await phones.farline(site.user(), outside=True, transport="tcp")
    refused = event("failed")
    assert await late.until(lambda one: refused(one) or REGISTERED(one), 60), told_of(late)
    assert not list(filter(REGISTERED, late.events))
    status, told = await command(site, "rollback")
    assert (status, told["version"]) == (0, version + 1)
    assert site.prepared.config.read_text() == text
    await speak(site, phones)


async def test_a_port_closes_and_another_opens_under_a_call(site, phones, tmp_path):
    """The call over the old port goes on to its end; then nobody listens there any more."""
    text = site.prepared.config.read_text()
    ours = text.index(f"ip: {site.border_ip}\n", text.index("signaling_interfaces:"))
    other = tmp_path / "ports.yaml"
    other.write_text(text[:ours] + text[ours:].replace("tls_port: 5061", "tls_port: 5071", 1))
    secrets = ("--secrets", str(site.prepared.config.with_name("secrets.yaml")))

    async def move():
        status, told = await command(site, "apply", str(other), *secrets)
        assert (status, told["restart"]) == (0, []), told
        (change,) = told["changes"]
        assert change["by"] == ["live"], change

    await speak(site, phones, move())
    async with asyncio.timeout(60):
        while await listens(site, 5061):
            pass  # each look is a connection of its own
    assert await listens(site, 5071)
    status, told = await command(site, "rollback")
    assert status == 0, told
    assert await listens(site, 5061)


async def listens(site, port):
    """Whether somebody listens at B1."""
    try:
        _, writer = await asyncio.open_connection(site.border_ip, port)
    except ConnectionRefusedError:
        return False
    except ConnectionResetError:  # it closed while we were waiting for it to accept
        return True
    writer.close()
    return True


async def test_a_change_that_nobody_confirms_goes_back(site, tmp_path):
    text = site.prepared.config.read_text()
    other = tmp_path / "other.yaml"
    other.write_text(re.sub(r"via_host: .*", "via_host: nobody.example", text))
    secrets = ("--secrets", str(site.prepared.config.with_name("secrets.yaml")))
    status, _ = await command(site, "apply", str(other), *secrets, "--confirm-within", "1s")
    assert status == 0
    async with asyncio.timeout(60):
        while (await command(site, "versions"))[1]["versions"][0]["author"] != "farline":
            pass  # each look is a command of its own
    assert site.prepared.config.read_text() == text
