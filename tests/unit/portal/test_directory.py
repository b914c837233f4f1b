"""The provider against a directory that comes, goes and lies; over real TLS sockets."""

import asyncio
import ssl
import stat
from contextlib import asynccontextmanager

import pytest

from farline.config import Secret
from farline.portal.providers import directory as module
from farline.portal.providers import snapshot
from farline.portal.providers.directory import Directory
from farline.portal.status import ComponentStatus
from farline.testing.directory import account
from farline.testing.portal import prepare_portal


@pytest.fixture(scope="module")
def users():
    return [account("Ruel", "x", "3001"), account("Dora", "y", "3003")]


@pytest.fixture
def prepared(tmp_path, users, monkeypatch):
    monkeypatch.setattr(module, "FIRST_RETRY", 0.05)
    deployment, running = prepare_portal(tmp_path, users)
    return deployment.portal.dsml_provider, running


class Watched:
    """A provider and what it told."""

    def __init__(self, provider, running, events):
        self.changes = asyncio.Queue()
        self.reports = asyncio.Queue()
        self.status = ComponentStatus(lambda: 1000.0, self.reports.put_nowait)
        self.directory = Directory(
            provider,
            tls=ssl.create_default_context(cafile=str(running.ca)),
            source_ip="127.0.0.1",
            copy=running.context.run_dir / "state" / "portal-directory.json",
            reserved={"mybuddy": "the name is that of mybuddy"},
            status=self.status,
            wall=lambda: 1000.0,
            trace=events.append,
            on_change=self.changes.put,
        )

    async def report(self, status):
        """The next report with this status."""
        async with asyncio.timeout(30):
            while True:
                component = await self.reports.get()
                if component.status == status:
                    return component


@asynccontextmanager
async def watching(provider, running, events=None):
    watched = Watched(provider, running, [] if events is None else events)
    watched.directory.load_copy()
    task = asyncio.create_task(watched.directory.run())
    try:
        yield watched
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await running.directory.stop()


async def test_users_arrive_and_changes_follow(prepared, users):
    provider, running = prepared
    await running.directory.start()
    async with watching(provider, running) as watched:
        assert list(await watched.changes.get()) == users
        report = await watched.report("Available")
        assert report.name == "DSML-Provider-1-127.0.0.1"
        assert report.additional_info == "Initial provisioning completed, 2 users"
        running.directory.accounts = users[:1]
        watched.directory.synchronise()
        assert list(await watched.changes.get()) == users[:1]
        assert len(running.directory.requests) == 2


async def test_an_office_that_comes_late_is_found(prepared, users):
    provider, running = prepared
    async with watching(provider, running) as watched:
        await watched.report("Unavailable")
        await running.directory.start()
        await watched.report("Available")
        assert list(watched.directory.accounts) == users


async def test_the_last_copy_serves_while_the_office_is_down(prepared, users):
    provider, running = prepared
    await running.directory.start()
    async with watching(provider, running) as watched:
        await watched.report("Available")
    async with watching(provider, running) as again:  # the directory has been stopped
        assert list(again.directory.accounts) == users
        report = await again.report("Unavailable")
        assert "serving 2 users from before" in report.additional_info


async def test_a_wrong_service_password_is_said_and_users_stay(prepared, users):
    provider, running = prepared
    copy = running.context.run_dir / "state" / "portal-directory.json"
    snapshot.save(copy, users, 1.0)
    await running.directory.start()
    wrong = provider.model_copy(update={"password": Secret("wrong")})
    async with watching(wrong, running) as watched:
        report = await watched.report("Unavailable")
        assert "does not accept service user 'EnhTcpaService'" in report.additional_info
        assert list(watched.directory.accounts) == users


async def test_a_server_that_cannot_show_its_name_is_not_asked(prepared):
    provider, running = prepared
    await running.directory.start()
    other = provider.model_copy(update={"address": "localhost"})  # not in the certificate
    async with watching(other, running) as watched:
        report = await watched.report("Unavailable")
        assert "certificate" in report.additional_info.lower()
        assert running.directory.requests == []


async def test_a_user_named_as_mybuddy_is_left_out_and_traced(prepared):
    provider, running = prepared
    running.directory.accounts = [account("mybuddy", "x", "3009")]
    await running.directory.start()
    events = []
    async with watching(provider, running, events) as watched:
        report = await watched.report("Available")
        assert "1 left out" in report.additional_info
        assert len(watched.directory.accounts) == 0
    assert any("mybuddy" in event.detail for event in events)


async def test_a_disk_that_takes_no_copy_changes_nothing_else(prepared, users):
    provider, running = prepared
    running.context.run_dir.mkdir()
    (running.context.run_dir / "state").write_text("a file where the directory should be")
    await running.directory.start()
    events = []
    async with watching(provider, running, events) as watched:
        assert list(await watched.changes.get()) == users
        assert (await watched.report("Available")).additional_info.endswith("2 users")
    assert any(event.what == "directory copy not kept" for event in events)


def test_the_copy_goes_round_and_is_private(tmp_path, users):
    path = tmp_path / "state" / "copy.json"
    snapshot.save(path, users, 12.5)
    assert snapshot.load(path) == (users, 12.5)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("text", ["", "{", "[]", '{"form": 2}', '{"form": 1, "accounts": [{}]}'])
def test_a_broken_copy_is_said_and_not_used(tmp_path, text):
    path = tmp_path / "copy.json"
    path.write_text(text)
    with pytest.raises(snapshot.SnapshotError):
        snapshot.load(path)
