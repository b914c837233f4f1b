"""Failover on real sockets: SIPp calls through the border, whose first server says nothing.

The border's core runs here with the real driver; the servers are SIPp too. SIPp's own time limit,
which is under Timer B (32 s), is the verdict on how long it took.
"""

import shutil
from pathlib import Path

import pytest

from farline.testing.sipp import SippWorld, listening

pytestmark = [
    pytest.mark.interop,
    pytest.mark.timeout(240),
    pytest.mark.skipif(shutil.which("sipp") is None, reason="Debian package sip-tester is missing"),
]

SCENARIOS = Path(__file__).parent / "sipp"
B1, A1, FIRST, SECOND, PHONE = (f"127.96.1.{number}" for number in (96, 7, 13, 14, 61))
PORT = 15060
UNDER_TIMER_B = "25s"


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
@pytest.mark.parametrize("first", ["silent", "refusing"])
async def test_the_call_arrives_at_the_second_server(tmp_path, transport, first):
    """Silent: it takes the REGISTER and says nothing to the INVITE. Refusing: nobody is there."""
    async with SippWorld(tmp_path, B1, A1, PORT) as world:
        await world.border([FIRST, SECOND], transport)
        if first == "silent":
            silent = SCENARIOS / "server_silent.xml"
            await world.sipp(silent, FIRST, transport, "-p", str(PORT))
            await listening(FIRST, PORT, transport)
        server = SCENARIOS / "server.xml"
        second = await world.sipp(server, SECOND, transport, "-p", str(PORT), "-m", "1")
        await listening(SECOND, PORT, transport)
        caller = await world.sipp(
            SCENARIOS / "call.xml", PHONE, transport, f"{B1}:{PORT}", "-m", "1", "-l", "1",
            "-au", "3001", "-ap", "x", "-key", "user", "3001", "-key", "callee", "3003",
            "-key", "domain", "ipo1xp.ipolab.com", "-timeout", UNDER_TIMER_B, "-timeout_error",
        )  # fmt: skip
        hops = world.core.show
        assert await caller.wait() == 0, f"{world.errors('call')}\n{hops()['next hops']}"
        assert await second.wait() == 0
        states = {row["address"]: row["state"] for row in hops()["next hops"]}
        assert states[f"{FIRST}:{PORT}"] == "down"
