"""The element manager shows the guide's forms and the roles' state, to those who have the token."""

from pathlib import Path

import pytest
from aiohttp import encode_basic_auth
from aiohttp.test_utils import TestClient, TestServer

from farline.config import load_deployment
from farline.ems.app import make_app, read_token
from farline.ems.forms import filled_forms
from farline.runtime.control import ControlServer
from farline.runtime.role import RoleContext

GUIDE = (Path(__file__).parents[3] / "examples" / "guide.yaml").read_text(encoding="utf-8")
DEPLOYMENT = load_deployment(GUIDE, {"ruel": "hunter2", "dora": "d", "enhtcpaservice": "e"})


@pytest.fixture
async def client(tmp_path):
    context = RoleContext("ems", DEPLOYMENT, tmp_path, tmp_path)
    async with TestClient(TestServer(make_app(context, "let-me-in"))) as http:
        yield http


BEARER = {"Authorization": "Bearer let-me-in"}


def test_forms_are_the_guides_with_their_labels():
    forms = {(form.path, form.name): dict(form.fields) for form in filled_forms(DEPLOYMENT)}
    signaling = forms["Device Specific Settings > Signaling Interface", "IPORWB1Sig"]
    assert signaling["TLS Port"] == "5061"
    media = forms["Device Specific Settings > Media Interface", "IPORWA1Media"]
    assert media["Port Range"] == "35000 - 40000"
    assert forms["User", "Ruel"]["Password"] == "•" * 8


async def test_without_the_token_nothing_is_shown(client):
    for path in ("/", "/api/v1/forms", "/api/v1/roles/border", "/status/border", "/nowhere"):
        answer = await client.get(path)
        assert answer.status == 401
        assert "10.10.10" not in await answer.text()


async def test_the_token_works_as_bearer_and_as_a_browsers_password(client):
    assert (await client.get("/", headers=BEARER)).status == 200
    basic = {"Authorization": encode_basic_auth("anyone", "let-me-in")}
    assert (await client.get("/", headers=basic)).status == 200
    wrong = {"Authorization": "Basic !!!"}
    assert (await client.get("/", headers=wrong)).status == 401


async def test_no_password_reaches_api_or_page(client):
    for path in ("/", "/api/v1/forms"):
        text = await (await client.get(path, headers=BEARER)).text()
        assert "SubsflowRW" in text
        assert "hunter2" not in text


async def test_a_roles_state_comes_from_its_control_socket_and_is_escaped(client, tmp_path):
    rows = [{"user_agent": "<script>alert(1)</script>"}]
    server = ControlServer(
        tmp_path / "control" / "border.sock", {"show": lambda: {"bindings": rows}}
    )
    await server.start()
    try:
        answer = await client.get("/api/v1/roles/border", headers=BEARER)
        assert await answer.json() == {"bindings": rows}
        page = await (await client.get("/status/border", headers=BEARER)).text()
        assert "<script>" not in page
        assert "&lt;script&gt;" in page
    finally:
        await server.stop()


async def test_a_role_that_is_not_running_is_said(client):
    answer = await client.get("/api/v1/roles/office", headers=BEARER)
    assert answer.status == 503
    assert "office is not running" in (await answer.json())["error"]
    assert (await client.get("/api/v1/roles/kitchen", headers=BEARER)).status == 404


def test_the_token_is_drawn_once_and_private(tmp_path):
    token = read_token(tmp_path)
    assert len(token) == 32
    assert read_token(tmp_path) == token
    assert (tmp_path / "control" / "ems.token").stat().st_mode & 0o777 == 0o600
