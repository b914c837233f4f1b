"""Failover on real sockets: SIPp calls through the border, whose first server says nothing.

The border's core runs here with the real driver; the servers are SIPp too. SIPp's own time limit,
which is under Timer B (32 s), is the verdict on how long it took.
"""

import asyncio
import shutil
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from farline.border import BorderCore
from farline.border.explain_scratch import StandInEngine
from farline.config import load_deployment
from farline.runtime.ids import RealIds
from farline.runtime.sip import Listener, SipDriver
from farline.sip.effects import Started

pytestmark = [
    pytest.mark.interop,
    pytest.mark.timeout(60),
    pytest.mark.skipif(shutil.which("sipp") is None, reason="Debian package sip-tester is missing"),
]

ROOT = Path(__file__).parents[2]
SCENARIOS = Path(__file__).parent / "sipp"
SECRETS = dict.fromkeys(("ruel", "dora", "enhtcpaservice"), "secret")
B1, A1, FIRST, SECOND, PHONE = (f"127.96.1.{number}" for number in (96, 7, 13, 14, 61))
PORT = 15060
UNDER_TIMER_B = "25s"


def border(transport):
    """The guide's border on loopback, with two next hops of a transport."""
    hops = "\n        ".join(
        f"- {{priority: {n}, server: IPO, address: {ip}, port: {PORT}, transport: {transport}}}"
        for n, ip in enumerate((FIRST, SECOND), 1)
    )
    addresses = "".join(
        f"        - {{address: {ip}, port: {PORT}, transport: {transport}}}\n"
        for ip in (FIRST, SECOND)
    )
    text = (ROOT / "examples" / "guide.yaml").read_text(encoding="utf-8")
    for old, new in (
        ("- {priority: 1, server: IPO, address: 10.10.10.13, port: 5060, transport: TCP}", hops),
        (
            "        - {address: 10.10.10.13, port: 5060, transport: UDP}\n",
            addresses + "        - {address: 10.10.10.13, port: 5060, transport: UDP}\n",
        ),
    ):
        assert old in text
        text = text.replace(old, new, 1)
    return load_deployment(text, SECRETS).border


def moved(form, ip):
    """A form on a loopback address with ports that need no privilege."""
    given = {"ip": ip, "tcp_port": PORT, "udp_port": PORT, "tls_port": None, "tls_profile": None}
    return form.model_copy(update=given)


@pytest.fixture
async def through(tmp_path):
    """Starts a border with next hops of a transport, and SIPp processes."""
    async with AsyncExitStack() as stack:

        async def start(transport):
            config = border(transport)
            ips = {"IPORWA1Sig": A1, "IPORWB1Sig": B1}
            interfaces = tuple(moved(one, ips[one.name]) for one in config.signaling_interfaces)
            config = config.model_copy(update={"signaling_interfaces": interfaces})
            core = BorderCore(config, RealIds())
            engine = StandInEngine({item.name: item.ip for item in config.media_interfaces})

            async def media(request):
                return engine.perform(request)

            listeners = [
                Listener(one.name, one.ip, udp_port=PORT, tcp_port=PORT) for one in interfaces
            ]
            driver = SipDriver(core, listeners, media=media)
            await driver.start()
            stack.push_async_callback(driver.stop)
            driver.handle(Started())
            return core

        async def sipp(scenario, ip, transport, *options):
            argv = ["sipp", "-sf", str(SCENARIOS / f"{scenario}.xml"), "-i", ip, "-nostdin"]
            argv += ["-t", "t1" if transport == "TCP" else "u1", *options]
            log = stack.enter_context((tmp_path / f"{scenario}.log").open("wb"))
            child = await asyncio.create_subprocess_exec(
                *argv, cwd=tmp_path, stdout=log, stderr=log
            )
            stack.push_async_callback(ended, child)
            return child

        yield start, sipp


async def ended(child):
    if child.returncode is None:
        child.kill()
    await child.wait()


async def listening(ip, transport):
    """Wait until a SIPp server has its port."""
    table = Path("/proc/net") / transport.lower()
    packed = "".join(f"{int(part):02X}" for part in reversed(ip.split(".")))
    while f"{packed}:{PORT:04X}" not in table.read_text():  # noqa: ASYNC110 - another process
        await asyncio.sleep(0.05)


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
@pytest.mark.parametrize("first", ["silent", "refusing"])
async def test_the_call_arrives_at_the_second_server(through, tmp_path, transport, first):
    """Silent: it takes the REGISTER and says nothing to the INVITE. Refusing: nobody is there."""
    start, sipp = through
    core = await start(transport)
    if first == "silent":
        await sipp("server_silent", FIRST, transport, "-p", str(PORT))
        await listening(FIRST, transport)
    second = await sipp("server", SECOND, transport, "-p", str(PORT), "-m", "1")
    await listening(SECOND, transport)
    caller = await sipp(
        "call", PHONE, transport, f"{B1}:{PORT}", "-m", "1", "-l", "1", "-au", "3001", "-ap", "x",
        "-key", "user", "3001", "-key", "callee", "3003", "-key", "domain", "ipo1xp.ipolab.com",
        "-timeout", UNDER_TIMER_B, "-timeout_error", "-trace_err", "-error_file", "call.err",
    )  # fmt: skip
    errors = tmp_path / "call.err"
    status = await caller.wait()
    said = errors.read_text()[-3000:] if errors.exists() else ""
    assert status == 0, f"{said}\n{core.show()['next hops']}"
    assert await second.wait() == 0
    states = {row["address"]: row["state"] for row in core.show()["next hops"]}
    assert states[f"{FIRST}:{PORT}"] == "down"
