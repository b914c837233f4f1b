"""The REST resources over real TLS sockets: doors open, doors shut, and rude clients."""

import asyncio
import ssl
from contextlib import asynccontextmanager
from dataclasses import replace

import aiohttp
import pytest

from farline.portal import rest
from farline.portal.accounts import Accounts
from farline.portal.login import Doorman
from farline.portal.rest import RestServer
from farline.portal.throttle import Throttle
from farline.runtime.ids import RealIds
from farline.runtime.tls.profiles import server_context
from farline.sip.digest import Challenge, Credentials, ha1, response
from farline.testing.clock import ManualClock
from farline.testing.directory import account, basic
from farline.testing.portal import IP, prepare_portal
from farline.trace.events import Refused

IM, SIP = "/sipxconfig/rest/my/im-info", "/sipxconfig/rest/my/sip-info"


@pytest.fixture(scope="module")
def users():
    return [
        account("Ruel", "ruel's own", "3001"),
        account("Dora", "dora's", "3003", mobile_voip=False),
        account("Plain", "plain's", "3005", one_x_portal=False),
        account("Gone", "gone's", "3006", enabled=False),
    ]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory, users):
    base = tmp_path_factory.mktemp("portal")
    deployment, running = prepare_portal(base, users)
    tls = server_context(deployment, "PortalProf", base)
    return deployment.portal, tls, ssl.create_default_context(cafile=str(running.ca))


class Door:
    """A running REST server and a client for it."""

    def __init__(self, server, port, tls, session, clock, events):
        self.server = server
        self.port = port
        self.tls = tls
        self.session = session
        self.clock = clock
        self.events = events

    async def get(self, path=IM, authorization=None, method="GET", **kwargs):
        headers = kwargs.pop("headers", {})
        if authorization is not None:
            headers["Authorization"] = authorization
        url = f"https://{IP}:{self.port}{path}"
        async with self.session.request(method, url, headers=headers, **kwargs) as answer:
            await answer.read()
            return answer

    async def raw(self, data):
        """Send bytes as they are and read until the server closes."""
        reader, writer = await asyncio.open_connection(IP, self.port, ssl=self.tls)
        writer.write(data)
        try:
            return await reader.read()
        finally:
            writer.close()


@asynccontextmanager
async def opened(prepared, users, *, max_failed=10):
    portal, tls, client_tls = prepared
    clock = ManualClock()
    events = []
    doorman = Doorman(
        lambda: Accounts(users),
        Throttle(max_failed),
        realm="ipoffice",
        decoy_secret=b"secret",
        ids=RealIds(),
        clock=clock,
    )
    server = RestServer(portal, doorman, events.append)
    await server.start([portal.rest_port], tls)
    connector = aiohttp.TCPConnector(ssl=client_tls)
    try:
        async with aiohttp.ClientSession(connector=connector) as session:
            yield Door(server, portal.rest_port, client_tls, session, clock, events)
    finally:
        await server.stop()
        doorman.close()


@pytest.fixture
async def door(prepared, users):
    async with opened(prepared, users) as door:
        yield door


async def test_basic_credentials_open_both_resources_however_the_name_is_cased(door):
    for path in (IM, SIP):
        for name in ("Ruel", "ruel"):
            answer = await door.get(path, basic(name, "ruel's own"))
            assert answer.status == 200
            assert answer.content_type == "application/xml"
            assert answer.headers["Cache-Control"] == "no-store"
            assert "Server" not in answer.headers


async def test_json_on_demand(door):
    answer = await door.get(
        SIP, basic("Ruel", "ruel's own"), headers={"Accept": "application/json"}
    )
    assert (answer.status, answer.content_type) == (200, "application/json")


async def test_without_credentials_there_are_three_challenges(door):
    answer = await door.get()
    assert answer.status == 401
    challenges = answer.headers.getall("WWW-Authenticate")
    assert [entry.split()[0] for entry in challenges] == ["Digest", "Digest", "Basic"]
    assert [Challenge.parse(entry).algorithm for entry in challenges[:2]] == ["SHA-256", "MD5"]


def digest(challenge, name, password, *, uri=IM, nc=1):
    credentials = Credentials(
        name, challenge.realm, challenge.nonce, uri, "", challenge.algorithm, "auth", "cnonce", nc
    )
    base = ha1(challenge.algorithm, name, challenge.realm, password)
    return str(replace(credentials, response=response(credentials, base, "GET")))


async def challenge_of(door, algorithm):
    answer = await door.get()
    for value in answer.headers.getall("WWW-Authenticate"):
        challenge = Challenge.parse(value)
        if challenge is not None and challenge.algorithm == algorithm:
            return challenge
    raise AssertionError(f"no challenge with {algorithm}")


@pytest.mark.parametrize("algorithm", ["SHA-256", "MD5"])
async def test_digest_opens_once_for_each_count(door, algorithm):
    challenge = await challenge_of(door, algorithm)
    good = digest(challenge, "Ruel", "ruel's own")
    assert (await door.get(IM, good)).status == 200
    replayed = await door.get(IM, good)
    assert replayed.status == 401
    assert "stale=true" in replayed.headers["WWW-Authenticate"]
    assert (await door.get(IM, digest(challenge, "Ruel", "ruel's own", nc=2))).status == 200
    assert (await door.get(IM, digest(challenge, "Ruel", "wrong", nc=3))).status == 401


WRONG = [("Ruel", "wrong"), ("Nobody", "wrong"), ("Gone", "gone's"), ("Gone", "wrong")]


async def test_wrong_password_unknown_and_disabled_get_the_same_answer(door):
    shown = set()
    for name, password in WRONG:
        answer = await door.get(IM, basic(name, password))
        headers = sorted(key for key in answer.headers if key != "Date")
        shown.add((answer.status, await answer.text(), tuple(headers)))
    assert len(shown) == 1
    assert next(iter(shown))[0] == 401
    reasons = [event.detail for event in door.events if isinstance(event, Refused)]
    assert reasons == [
        "wrong password: 'Ruel'",
        "unknown user: 'Nobody'",
        "account disabled: 'Gone'",
        "account disabled: 'Gone'",
    ]


async def test_the_same_for_digest(door):
    challenge = await challenge_of(door, "MD5")
    answers = [
        await door.get(IM, digest(challenge, name, password, nc=nc))
        for nc, (name, password) in enumerate(WRONG, 1)
    ]
    assert {answer.status for answer in answers} == {401}
    assert len({await answer.text() for answer in answers}) == 1
    assert not any("stale" in answer.headers["WWW-Authenticate"] for answer in answers)


@pytest.mark.parametrize(
    ("name", "password", "path", "status"),
    [
        ("Dora", "dora's", IM, 200),
        ("Dora", "dora's", SIP, 403),
        ("Plain", "plain's", IM, 403),
        ("Plain", "plain's", SIP, 200),
    ],
)
async def test_each_resource_has_a_right_of_its_own(door, name, password, path, status):
    assert (await door.get(path, basic(name, password))).status == status


async def test_guessing_is_slowed_down_for_that_name_only(prepared, users):
    async with opened(prepared, users, max_failed=3) as door:
        for _ in range(3):
            assert (await door.get(IM, basic("Ruel", "wrong"))).status == 401
        for password in ("wrong", "ruel's own"):
            answer = await door.get(IM, basic("ruel", password))
            assert answer.status == 429
            assert 1 <= int(answer.headers["Retry-After"]) <= 60
        assert (await door.get(IM, basic("Dora", "dora's"))).status == 200
        door.clock.advance(61)
        assert (await door.get(IM, basic("Ruel", "ruel's own"))).status == 200


async def test_unknown_names_are_slowed_down_alike(prepared, users):
    async with opened(prepared, users, max_failed=2) as door:
        statuses = [(await door.get(IM, basic("Nobody", "x"))).status for _ in range(3)]
        assert statuses == [401, 401, 429]


async def test_a_known_good_password_does_not_outlive_a_change(prepared, users):
    accounts = list(users)
    async with opened(prepared, accounts) as door:
        assert (await door.get(IM, basic("Ruel", "ruel's own"))).status == 200
        accounts[0] = account("Ruel", "new password", "3001")
        assert (await door.get(IM, basic("Ruel", "ruel's own"))).status == 401
        assert (await door.get(IM, basic("Ruel", "new password"))).status == 200


@pytest.mark.parametrize(
    "authorization",
    [
        "Basic",
        "Basic !",
        "Basic OjE=",
        "Basic YQ==",
        "Digest",
        'Digest a="',
        "Bearer x",
        "",
        "x" * 3000,
    ],
)
async def test_unreadable_credentials_are_a_challenge(door, authorization):
    assert (await door.get(IM, authorization)).status == 401


async def test_other_paths_methods_and_bodies(door):
    good = basic("Ruel", "ruel's own")
    for path in ("/", "/sipxconfig/rest/my/", IM + "/", "/sipxconfig/rest/my/phonebook"):
        assert (await door.get(path, good)).status == 404
    answer = await door.get(IM, good, method="POST")
    assert (answer.status, answer.headers["Allow"]) == (405, "GET")
    assert (await door.get(IM, good, data=b"x")).status == 413


@pytest.mark.parametrize(
    "request_text",
    [
        b"\x16\x03\x01 nonsense\r\n\r\n",
        b"GET " + b"/" * 10_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"x" * 10_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nNo colon\r\n\r\n",
    ],
)
async def test_malformed_requests_get_a_bare_400(door, request_text, caplog):
    answer = await door.raw(request_text)
    assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.0 400 "))
    head = answer.lower()
    assert b"server:" not in head and b"python" not in head and b"traceback" not in head
    assert (await door.get(IM, basic("Ruel", "ruel's own"))).status == 200


async def test_a_header_that_trickles_is_cut_off(door, monkeypatch):
    monkeypatch.setattr(rest, "REQUEST_SECONDS", 0.3)
    reader, writer = await asyncio.open_connection(IP, door.port, ssl=door.tls)
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n")
    loop = asyncio.get_running_loop()
    trickle = loop.create_task(_trickle(writer))
    async with asyncio.timeout(30):
        assert await reader.read() == b""
    trickle.cancel()
    await asyncio.gather(trickle, return_exceptions=True)
    writer.close()


async def _trickle(writer):
    while True:
        writer.write(b"X-Slow: 1\r\n")
        await asyncio.sleep(0.05)


async def test_an_address_in_use_is_named(door, prepared, users):
    portal, tls, _ = prepared
    with pytest.raises(OSError, match=f"REST server.*{IP}:{portal.rest_port}"):
        await RestServer(portal, None, lambda _: None).start([portal.rest_port], tls)


async def test_plain_http_gets_nothing(door):
    reader, writer = await asyncio.open_connection(IP, door.port)
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    try:
        answer = await reader.read()
    except ConnectionResetError:
        answer = b""
    assert b"HTTP" not in answer
    writer.close()
