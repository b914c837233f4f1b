"""The push service is told by a real POST, and its failures are only noted."""

import asyncio

import pytest
from aiohttp import web

from farline.border.registrations.push import Push
from farline.runtime.push import PushSender

PARAMS = (("pn-provider", "fcm"), ("pn-prid", "token"), ("pn-param", "project"))


@pytest.fixture
async def service():
    """A push service: what it was told, and its URL by status that it answers."""
    told = asyncio.Queue()

    async def wake(request):
        told.put_nowait(await request.json())
        return web.Response(status=int(request.match_info["status"]), headers={"Location": "/x"})

    app = web.Application()
    app.router.add_post("/{status}", wake)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]
    yield told, lambda status: f"http://127.0.0.1:{port}/{status}"
    await runner.cleanup()


async def finished(sender):
    async with asyncio.timeout(30):
        await asyncio.gather(*sender._tasks)


async def test_a_push_is_a_post(service):
    told, url = service
    sender = PushSender(lambda event: None)
    sender.take(Push(url(204), PARAMS, "3001@example.com", "INVITE"))
    sender.take("something else")
    await finished(sender)
    assert told.get_nowait() == {**dict(PARAMS), "aor": "3001@example.com", "method": "INVITE"}
    assert sender.show() == {"sent": 1, "failed": 0, "dropped": 0}
    await sender.stop()


@pytest.mark.parametrize("status", [302, 404, 500])
async def test_a_refusal_is_noted_and_no_redirection_followed(service, status):
    told, url = service
    noted = []
    sender = PushSender(noted.append)
    sender.take(Push(url(status), PARAMS, "3001@example.com", "INVITE"))
    await finished(sender)
    assert told.qsize() == 1
    assert [(one.what, one.detail) for one in noted] == [
        ("push failed", f"3001@example.com: the push service answers {status}")
    ]
    await sender.stop()


async def test_a_service_that_is_not_there():
    noted = []
    sender = PushSender(noted.append)
    sender.take(Push("http://127.0.0.1:1/", PARAMS, "3001@example.com", "INVITE"))
    await finished(sender)
    assert sender.failed == len(noted) == 1
    await sender.stop()


async def test_more_than_fits_is_dropped(monkeypatch):
    monkeypatch.setattr("farline.runtime.push.MAX_WAITING", -30)
    sender = PushSender(lambda event: None)
    for _ in range(3):
        sender.take(Push("http://127.0.0.1:1/", PARAMS, "3001@example.com", "INVITE"))
    assert sender.dropped == 1
    await sender.stop()
