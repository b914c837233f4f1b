"""The REST client against a portal of aiohttp with TLS on loopback."""

from __future__ import annotations

import base64
import ssl

import pytest
from aiohttp import web

from farline.config import Secret
from farline.mobile.asks import Fetch
from farline.mobile.rest import RestClient
from farline.mobile.steps import Door, StepError
from farline.runtime.phones.reaching import client_tls
from farline.runtime.tls.lab_authority import make_certificates
from farline.sip.digest import Challenge, Credentials, ha1, response
from farline.testing import SeededIds

HERE, THERE = "127.0.0.63", "127.0.0.64"
PATH = "/sipxconfig/rest/my/im-info"
CHALLENGES = [str(Challenge("ipoffice", "n", name, ("auth",))) for name in ("SHA-256", "MD5")]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    directory = tmp_path_factory.mktemp("tls")
    make_certificates(directory, {"portal": ["ipo1xp.ipolab.com"], "other": ["elsewhere.lab"]})
    return directory


class Portal:
    """Answers by its fields and remembers what it was sent."""

    def __init__(self):
        self.challenges = [*CHALLENGES, 'Basic realm="ipoffice"']
        self.body, self.status = b"<im-info/>", 200
        self.seen: list[tuple[str, str | None]] = []
        self.headers: dict[str, str] = {}

    async def answer(self, request):
        given = request.headers.get("Authorization")
        self.seen.append((request.remote, given))
        if not self._good(given):
            refusal = web.Response(status=401)
            for challenge in self.challenges:
                refusal.headers.add("WWW-Authenticate", challenge)
            return refusal
        return web.Response(status=self.status, body=self.body, headers=self.headers)

    def _good(self, given):
        if given is None:
            return False
        if given.startswith("Basic "):
            return base64.b64decode(given[6:]) == b"Ruel:ruelpwd"
        credentials = Credentials.parse(given)
        base = ha1(credentials.algorithm, "Ruel", "ipoffice", "ruelpwd")
        return response(credentials, base, "GET") == credentials.response


@pytest.fixture
async def portal(certificates):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / "portal.pem", certificates / "portal.key")
    one = Portal()
    app = web.Application()
    app.router.add_get(PATH, one.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, THERE, 0, ssl_context=context).start()
    one.port = runner.addresses[0][1]
    yield one
    await runner.cleanup()


def client(certificates, password="ruelpwd", *, ca="ca.pem", insecure=False):
    tls = client_tls(certificates / ca, insecure=insecure)
    return RestClient("Ruel", Secret(password), SeededIds(), tls, HERE)


def ask(portal, host="ipo1xp.ipolab.com", port=None):
    return Fetch("im-info", host, THERE, port or portal.port, PATH)


async def test_digest_after_a_challenge_from_the_given_address(portal, certificates):
    fetched = await client(certificates).fetch(ask(portal))
    assert (fetched.status, fetched.body, fetched.scheme) == (200, b"<im-info/>", "Digest")
    assert [source for source, _ in portal.seen] == [HERE, HERE]
    assert portal.seen[0][1] is None
    assert "algorithm=SHA-256" in portal.seen[1][1]


async def test_basic_where_nothing_else_is_offered(portal, certificates):
    portal.challenges = ['Basic realm="ipoffice"']
    fetched = await client(certificates).fetch(ask(portal))
    assert (fetched.status, fetched.scheme) == (200, "Basic")


async def test_a_wrong_password_is_asked_once_and_told(portal, certificates):
    fetched = await client(certificates, "wrong").fetch(ask(portal))
    assert fetched.status == 401
    assert len(portal.seen) == 2


async def test_an_unknown_scheme_cannot_be_met(portal, certificates):
    portal.challenges = ["Negotiate"]
    with pytest.raises(StepError, match="no way known") as caught:
        await client(certificates).fetch(ask(portal))
    assert caught.value.door is Door.REST


async def test_redirects_are_not_followed(portal, certificates):
    portal.status, portal.headers = 302, {"Location": "https://evil.lab/"}
    assert (await client(certificates).fetch(ask(portal))).status == 302


async def test_an_endless_body_is_cut(portal, certificates):
    portal.body = b" " * 70_000
    with pytest.raises(StepError, match="longer than"):
        await client(certificates).fetch(ask(portal))


async def test_the_name_in_the_certificate_must_fit(portal, certificates):
    with pytest.raises(StepError, match=r"certificate of .*elsewhere\.lab") as caught:
        await client(certificates).fetch(ask(portal, "elsewhere.lab"))
    assert caught.value.door is Door.REST
    assert not portal.seen


async def test_another_authority_is_refused_unless_insecure(portal, certificates, tmp_path):
    make_certificates(tmp_path, {"x": ["x"]})
    with pytest.raises(StepError, match="certificate"):
        await client(tmp_path).fetch(ask(portal))
    assert not portal.seen
    fetched = await client(tmp_path, insecure=True).fetch(ask(portal))
    assert fetched.status == 200


async def test_nobody_listens(portal, certificates):
    with pytest.raises(StepError) as caught:
        await client(certificates).fetch(ask(portal, port=1))
    assert caught.value.door is Door.REST
