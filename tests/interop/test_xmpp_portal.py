"""slixmpp logs in through the border's relay into the portal's Prosody."""

import asyncio
import os
import shutil
import signal
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from farline.border.relays.plan import RelayPlan
from farline.border.relays.xmpp import XmppPolicy
from farline.runtime.control import call
from farline.runtime.relays.stream import ByteRelay
from farline.testing.directory import account
from farline.testing.portal import DOMAIN, IP, running_portal
from farline.testing.xmpp import LoginRefusedError, XmppClient, logged_in

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(shutil.which("prosody") is None, reason="Debian package prosody is missing"),
]

RUEL, DORA, MYBUDDY = (f"{node}@{DOMAIN}" for node in ("ruel", "dora", "mybuddy"))
RESOURCE = "pauc-1.2-FE2B8713A0764FEA-#-18535"
MECHANISMS = ["SCRAM-SHA-256", "SCRAM-SHA-1", "PLAIN"]


@pytest.fixture(scope="module")
def users():
    return [account("Ruel", "ruel's own", "3001"), account("Dora", "dora's", "3003")]


@asynccontextmanager
async def office(base, users, **settings):
    """A running portal and the relay before it: (portal, relay)."""
    async with running_portal(base, users, **settings) as portal:
        plan = RelayPlan(
            "1xm XMPP", "XMPP", (IP, 0), None, "127.0.0.7", (IP, portal.xmpp_port), None,
            100, 100, 3600.0, 5.0, policy=XmppPolicy(DOMAIN, 65_536),
        )  # fmt: skip
        relay = ByteRelay(plan, trace=lambda _: None)
        await relay.start()
        try:
            yield portal, relay
        finally:
            await relay.stop()


def client(portal, jid, password, mechanism=None):
    return XmppClient(jid, password, portal.ca, mechanism)


@pytest.mark.parametrize("mechanism", MECHANISMS)
async def test_the_guides_client_logs_in_and_mybuddy_is_there(tmp_path, users, mechanism):
    async with office(tmp_path, users) as (portal, relay):
        ruel = client(portal, f"{RUEL}/{RESOURCE}", "ruel's own", mechanism)
        async with logged_in(ruel, IP, relay.port):
            assert ruel.boundjid.full == f"{RUEL}/{RESOURCE}"
            assert await ruel.until_available(MYBUDDY) == "Type help for a list of commands."
            assert ruel.contacts() >= {DORA, MYBUDDY}
        assert relay.show()["bytes_up"] > 0


async def test_dora_sees_ruel_come_and_go(tmp_path, users):
    async with office(tmp_path, users) as (portal, relay):
        dora = client(portal, f"{DORA}/desk", "dora's")
        async with logged_in(dora, IP, relay.port):
            ruel = client(portal, f"{RUEL}/{RESOURCE}", "ruel's own")
            async with logged_in(ruel, IP, relay.port):
                await dora.until_available(RUEL)
                await ruel.until_available(DORA)
                dora.send_message(mto=RUEL, mbody="hello", mtype="chat")
                async with asyncio.timeout(60):
                    assert await ruel.bodies.get() == (DORA, "hello")
            await dora.until_unavailable(RUEL)


async def test_messages_for_somebody_away_wait(tmp_path, users):
    async with office(tmp_path, users) as (portal, relay):
        dora = client(portal, f"{DORA}/desk", "dora's")
        async with logged_in(dora, IP, relay.port):
            dora.send_message(mto=RUEL, mbody="call me", mtype="chat")
            await dora.ask(MYBUDDY, "help")  # the server has taken both
        ruel = client(portal, RUEL, "ruel's own")
        async with logged_in(ruel, IP, relay.port), asyncio.timeout(60):
            assert await ruel.bodies.get() == (DORA, "call me")


async def test_mybuddy_answers(tmp_path, users):
    async with office(tmp_path, users) as (portal, relay):
        dora = client(portal, f"{DORA}/desk", "dora's")
        ruel = client(portal, RUEL, "ruel's own")
        async with logged_in(dora, IP, relay.port), logged_in(ruel, IP, relay.port):
            await ruel.until_available(DORA)
            assert "who: who is available now" in await ruel.ask(MYBUDDY, "help")
            assert await ruel.ask(MYBUDDY, "who") == "Available: Dora"
            assert (await ruel.ask(MYBUDDY, "dance")).startswith("I do not know 'dance'.")
        shown = await call(portal.context.control_path, "show")
        assert shown["mybuddy"]["answered"] == 3


@pytest.mark.parametrize("mechanism", MECHANISMS)
async def test_wrong_password_and_unknown_user_are_refused_alike(tmp_path, users, mechanism):
    async with office(tmp_path, users) as (portal, relay):
        refusals = []
        for jid, password in ((RUEL, "wrong"), (f"nobody@{DOMAIN}", "wrong")):
            wrong = client(portal, jid, password, mechanism)
            with pytest.raises(LoginRefusedError):
                async with logged_in(wrong, IP, relay.port):
                    raise AssertionError("logged in with a wrong password")
            refusals.append(wrong.refusals)
        assert refusals[0] == refusals[1] == ["not-authorized"]


async def test_guessing_is_slowed_down_at_both_doors_together(tmp_path, users):
    async with office(tmp_path, users, max_failed=1) as (portal, relay):
        wrong = client(portal, RUEL, "wrong", "SCRAM-SHA-256")
        with pytest.raises(LoginRefusedError):
            async with logged_in(wrong, IP, relay.port):
                raise AssertionError("logged in with a wrong password")
        async with asyncio.timeout(60):
            while (await call(portal.context.control_path, "show"))["im_logins"]["failed"] == 0:
                pass
        right = client(portal, RUEL, "ruel's own", "SCRAM-SHA-256")
        with pytest.raises(LoginRefusedError):
            async with logged_in(right, IP, relay.port):
                raise AssertionError("logged in while slowed down")
        dora = client(portal, f"{DORA}/desk", "dora's")
        async with logged_in(dora, IP, relay.port):
            assert dora.boundjid.bare == DORA


async def test_new_users_appear_and_removed_ones_are_put_out(tmp_path, users):
    async with office(tmp_path, users) as (portal, relay):
        ruel = client(portal, RUEL, "ruel's own")
        dora = client(portal, f"{DORA}/desk", "dora's")
        async with logged_in(ruel, IP, relay.port), logged_in(dora, IP, relay.port):
            await ruel.until_available(DORA)
            anna = account("Anna", "anna's", "3004")
            portal.directory.accounts = [users[0], anna]
            gone = asyncio.ensure_future(dora.wait_until("disconnected", 15))
            await call(portal.context.control_path, "synchronise")
            await ruel.until_contact(f"anna@{DOMAIN}")
            await ruel.until_unavailable(DORA)
            await ruel.until_contact(DORA, there=False)
            await gone
            new = client(portal, f"anna@{DOMAIN}", "anna's")
            async with logged_in(new, IP, relay.port):
                await ruel.until_available(f"anna@{DOMAIN}")
                assert DORA not in new.contacts()


async def test_a_killed_server_comes_back_with_mybuddy(tmp_path, users):
    async with office(tmp_path, users) as (portal, relay):
        control = portal.context.control_path
        first = (await call(control, "show"))["im"]["pid"]
        os.kill(first, signal.SIGKILL)
        async with asyncio.timeout(60):
            while True:
                shown = await call(control, "show")
                states = {entry["name"]: entry["status"] for entry in shown["components"]}
                if shown["im"]["restarts"] == 1 and set(states.values()) == {"Available"}:
                    break
        assert shown["im"]["pid"] not in (None, first)
        ruel = client(portal, RUEL, "ruel's own")
        async with logged_in(ruel, IP, relay.port):
            await ruel.until_available(MYBUDDY)


async def test_clients_get_one_port_and_no_login_before_tls(tmp_path, users):
    async with office(tmp_path, users) as (portal, relay):
        pid = (await call(portal.context.control_path, "show"))["im"]["pid"]
        assert listening(pid) == {("0100007F", portal.xmpp_port)}
        reader, writer = await asyncio.open_connection(IP, relay.port)
        writer.write(
            f"<stream:stream to='{DOMAIN}' version='1.0' xmlns='jabber:client'"
            " xmlns:stream='http://etherx.jabber.org/streams'>".encode()
        )
        async with asyncio.timeout(60):
            features = await reader.readuntil(b"</stream:features>")
            assert b"<required/>" in features and b"mechanism" not in features
            writer.write(
                b"<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>"
                b"AHJ1ZWwAeA==</auth>"
            )
            assert b"encryption-required" in await reader.readuntil(b"</failure>")
        writer.close()


def listening(pid):
    """(hex address, port) of every TCP socket that the process listens on."""
    inodes = set()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        target = str(entry.readlink())
        if target.startswith("socket:["):
            inodes.add(target[8:-1])
    found = set()
    for table in ("tcp", "tcp6"):
        with open(f"/proc/{pid}/net/{table}") as lines:
            for line in list(lines)[1:]:
                fields = line.split()
                if fields[3] == "0A" and fields[9] in inodes:
                    address, _, port = fields[1].partition(":")
                    found.add((address, int(port, 16)))
    return found


async def test_nothing_of_the_portal_stays_behind(tmp_path, users):
    async with office(tmp_path, users) as (portal, _):
        pid = (await call(portal.context.control_path, "show"))["im"]["pid"]
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    secret = (portal.context.run_dir / "prosody" / "prosody.cfg.lua").stat()
    assert secret.st_mode & 0o077 == 0
