"""The loopback door for the instant messaging server."""

from contextlib import asynccontextmanager

import aiohttp
import pytest

from farline.portal.accounts import Accounts
from farline.portal.im.keys import BuddyLogin, KeyServer
from farline.portal.scram import ITERATIONS
from farline.portal.throttle import Throttle
from farline.runtime.ids import RealIds
from farline.testing.clock import ManualClock
from farline.testing.directory import account
from farline.trace.events import Refused


@pytest.fixture(scope="module")
def users():
    return Accounts(
        [
            account("Ruel", "x", "3001"),
            account("Anna Maria", "y", "3002"),
            account("Gone", "z", "3003", enabled=False),
        ]
    )


@asynccontextmanager
async def opened(users, limit=10):
    ids, clock, events = RealIds(), ManualClock(), []
    buddy = BuddyLogin("mybuddy", ids)
    throttle = Throttle(limit)
    server = KeyServer(
        lambda: users, buddy, throttle, decoy_secret=b"secret", ids=ids, clock=clock,
        trace=events.append,
    )  # fmt: skip
    await server.start()
    try:
        async with aiohttp.ClientSession() as session:
            yield server, session, buddy, events
    finally:
        await server.stop()


async def keys(session, server, node):
    async with session.get(f"{server.url}/keys/{node}") as answer:
        assert answer.status == 200
        return await answer.json()


async def test_keys_of_users_and_of_mybuddy(users):
    async with opened(users) as (server, session, buddy, _):
        ruel = users.find("Ruel")
        found = await keys(session, server, "ruel")
        assert found == {"sha1": ruel.scram_sha1.as_json(), "sha256": ruel.scram_sha256.as_json()}
        anna = users.find("Anna Maria")
        escaped = await keys(session, server, "anna%5c20maria")
        assert escaped["sha256"] == anna.scram_sha256.as_json()
        assert (await keys(session, server, "mybuddy"))["sha256"] == buddy.sha256.as_json()
        assert buddy.sha256.matches(buddy.password)


async def test_unknown_and_disabled_names_get_keys_that_look_alike(users):
    async with opened(users) as (server, session, _, _events):
        for node in ("nobody", "gone", "x" * 1000):
            found = await keys(session, server, node)
            assert found == await keys(session, server, node)
            assert found["sha256"]["iterations"] == ITERATIONS
            assert found["sha256"].keys() == users.find("Ruel").scram_sha256.as_json().keys()
        gone = users.find("Gone")
        assert (await keys(session, server, "gone"))["sha1"] != gone.scram_sha1.as_json()


async def test_failures_are_counted_and_then_keys_are_withheld(users):
    async with opened(users, limit=2) as (server, session, _, events):
        real = await keys(session, server, "ruel")
        for _ in range(2):
            async with session.post(f"{server.url}/failed/ruel") as answer:
                assert answer.status == 204
        assert await keys(session, server, "ruel") != real
        reasons = [event.reason for event in events if isinstance(event, Refused)]
        assert reasons == ["login", "login", "throttled"]


async def test_without_the_secret_there_is_nothing(users):
    async with opened(users) as (server, session, _, _events):
        root = f"http://127.0.0.1:{server.port}"
        for path in ("/keys/ruel", "/wrong/keys/ruel", "/%00/keys/ruel", "/"):
            async with session.get(root + path) as answer:
                assert answer.status == 404
        async with session.post(f"{root}/wrong/failed/ruel") as answer:
            assert answer.status == 404
        assert server.failed == 0
