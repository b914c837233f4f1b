"""A provider's trunk played by SIPp, registrar and digest too, beside examples/trunk.yaml.

SIPp checks the credentials itself (verifyauth); its exit status is the verdict.
"""

import asyncio
import shutil
from pathlib import Path

import pytest

from farline.config import load_deployment
from farline.testing.ports import own_network
from farline.testing.sipp import SippWorld, listening
from farline.testing.trunk import SECRETS, TEXT

pytestmark = [
    pytest.mark.interop,
    pytest.mark.timeout(240),
    pytest.mark.skipif(shutil.which("sipp") is None, reason="Debian package sip-tester is missing"),
]

SCENARIOS = Path(__file__).parent / "sipp"
PORT = 15060
NET = own_network()
INSIDE, OUTSIDE = f"{NET}.1.7", f"{NET}.3.10"
OFFICE, PROVIDER = f"{NET}.1.13", f"{NET}.3.2"
WHO = ("-au", "office", "-ap", SECRETS["trunk"], "-key", "user", "office", "-key", "secret",
       SECRETS["trunk"])  # fmt: skip
LIMIT = ("-timeout", "90s", "-timeout_error")
QUIET = ("heartbeat: {enabled: true, frequency: 60}", "heartbeat: {enabled: false}")
NO_ACCOUNT = ("        enabled: true\n        register_with", "        enabled: false\n"
              "        register_with")  # fmt: skip
MOVED = (
    ("10.10.10.", f"{NET}.1."), ("192.168.64.", f"{NET}.2."), ("203.0.113.", f"{NET}.3."),
    ("5060", str(PORT)),
)  # fmt: skip


def border(*changes, secrets=SECRETS):
    text = TEXT
    for old, new in (*changes, *MOVED):
        assert old in text, old
        text = text.replace(old, new)
    return load_deployment(text, secrets).border


@pytest.fixture
async def world(tmp_path):
    async with SippWorld(tmp_path, OUTSIDE, INSIDE, PORT) as made:
        yield made


async def provider(world, *options):
    started = await world.sipp(
        SCENARIOS / "trunk.xml", PROVIDER, "UDP", "-p", str(PORT), *WHO, *LIMIT, *options
    )
    await listening(PROVIDER, PORT, "UDP")
    return started


async def test_the_border_registers_and_answers_for_the_offices_calls(world):
    trunk = await provider(world, "-m", "4")
    await world.run(border(QUIET))
    for _ in range(400):
        (row,) = world.core.show()["registrations"]
        if row["state"] == "registered":
            break
        await asyncio.sleep(0.1)
    assert row["state"] == "registered", f"{row}\n{world.errors('trunk')}"
    assert row["address"] == f"{PROVIDER}:{PORT}"
    caller = await world.sipp(
        SCENARIOS / "server_call.xml", OFFICE, "TCP", f"{INSIDE}:{PORT}", "-m", "3", "-l", "1",
        "-key", "user", "3003", "-key", "callee", "+4930123", "-key", "domain", INSIDE, *LIMIT,
    )  # fmt: skip
    assert await caller.wait() == 0, world.errors("server_call") + world.errors("trunk")
    assert await trunk.wait() == 0, world.errors("trunk")
    assert not [one for one in world.core.show()["sessions"] if one["kind"] == "call"]


async def test_a_wrong_password_is_refused_and_shown(world):
    await provider(world, "-m", "1")
    await world.run(border(QUIET, secrets={"trunk": "falsch"}))
    for _ in range(400):
        (row,) = world.core.show()["registrations"]
        if row["state"] == "failed":
            break
        await asyncio.sleep(0.1)
    assert (row["state"], row["why"][:3]) == ("failed", "403")


async def test_the_trunk_calls_the_office(world):
    await world.run(border(QUIET, NO_ACCOUNT))
    office = await world.sipp(
        SCENARIOS / "callee.xml", OFFICE, "TCP", "-p", str(PORT), "-m", "3", "-key", "user", "3003",
        *LIMIT,
    )  # fmt: skip
    await listening(OFFICE, PORT, "TCP")
    caller = await world.sipp(
        SCENARIOS / "server_call.xml", PROVIDER, "UDP", f"{OUTSIDE}:{PORT}", "-m", "3", "-l", "1",
        "-key", "user", "+4930999", "-key", "callee", "3003", "-key", "domain", OUTSIDE, *LIMIT,
    )  # fmt: skip
    assert await caller.wait() == 0, world.errors("server_call") + world.errors("callee")
    assert await office.wait() == 0, world.errors("callee")


async def test_the_border_transfers_a_call_of_the_trunk(world):
    """3003 refers the trunk to 3005: SIPp reads 202, NOTIFYs, the re-INVITE and the last BYE."""
    handles = ("  routing_profiles:\n", "  interworking_profiles:\n"
               "    - {name: Transfers, refer_handling: handle}\n\n"
               "  routing_profiles:\n")  # fmt: skip
    trunk = ("    # the provider's own domain\n", "\n"
             "      advanced: {interworking_profile: Transfers}\n")  # fmt: skip
    await world.run(border(QUIET, NO_ACCOUNT, handles, trunk))
    office = await world.sipp(
        SCENARIOS / "transfer_office.xml", OFFICE, "TCP", "-p", str(PORT), "-m", "2",
        "-key", "user", "3003", *LIMIT,
    )  # fmt: skip
    await listening(OFFICE, PORT, "TCP")
    caller = await world.sipp(
        SCENARIOS / "transfer_trunk.xml", PROVIDER, "UDP", f"{OUTSIDE}:{PORT}", "-m", "1",
        "-key", "user", "+4930999", "-key", "callee", "3003", "-key", "domain", OUTSIDE, *LIMIT,
    )  # fmt: skip
    status = await caller.wait()
    assert status == 0, world.errors("transfer_trunk") + world.errors("transfer_office")
    assert await office.wait() == 0, world.errors("transfer_office")
    assert not [one for one in world.core.show()["sessions"] if one["kind"] == "call"]


async def test_a_trunk_that_requires_reliable_answers_of_an_office_without_them(world):
    """SIPp checks RSeq and Require of the 183, and sends PRACK, which the border answers."""
    profile = ("  routing_profiles:\n", "  interworking_profiles:\n"
               "    - {name: No PRACK, prack_support: false}\n\n"
               "  routing_profiles:\n")  # fmt: skip
    office = ("      sip_domain: office.example.com\n", "      sip_domain: office.example.com\n"
              "      advanced: {interworking_profile: No PRACK}\n")  # fmt: skip
    await world.run(border(QUIET, NO_ACCOUNT, profile, office))
    callee = await world.sipp(
        SCENARIOS / "callee_early.xml", OFFICE, "TCP", "-p", str(PORT), "-m", "2",
        "-key", "user", "3003", *LIMIT,
    )  # fmt: skip
    await listening(OFFICE, PORT, "TCP")
    caller = await world.sipp(
        SCENARIOS / "reliable_call.xml", PROVIDER, "UDP", f"{OUTSIDE}:{PORT}", "-m", "2", "-l", "1",
        "-key", "user", "+4930999", "-key", "callee", "3003", "-key", "domain", OUTSIDE, *LIMIT,
    )  # fmt: skip
    assert await caller.wait() == 0, world.errors("reliable_call") + world.errors("callee_early")
    assert await callee.wait() == 0, world.errors("callee_early")
