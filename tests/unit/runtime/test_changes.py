"""Changes of a running deployment, with roles that are noted instead of run."""

import asyncio
from pathlib import Path

import pytest

from farline.config import ConfigError, load_deployment
from farline.runtime import clock
from farline.runtime.changes import ChangeError, Changes
from farline.runtime.control import ControlError
from farline.store.versions import Pending, Versions

TEXT = (Path(__file__).parents[3] / "examples" / "guide.yaml").read_text()
SECRETS = dict.fromkeys(("ruel", "dora", "enhtcpaservice"), "secret")
NARROW = TEXT.replace('source_subnet: "*"', "source_subnet: 198.51.100.0/24")
PORTS = TEXT.replace("port_range: 35000-40000", "port_range: 35000-39000")


class Roles:
    """What the supervisor would do."""

    def __init__(self, file):
        self.file = file
        self.seen = []
        self.refuses = ""

    def roles(self):
        return ["media", "office", "portal", "border"]

    async def take_over(self, role):
        await self._do("takes over", role)

    async def restart(self, role):
        await self._do("restarts", role)

    async def _do(self, what, role):
        text = self.file.read_text()
        self.seen.append((what, role))
        if self.refuses and self.refuses in text:
            raise ControlError(f"{role}: no")


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "deployment.yaml"
    path.write_text(TEXT)
    path.chmod(0o640)
    return path


@pytest.fixture
def roles(file):
    return Roles(file)


@pytest.fixture
def changes(tmp_path, file, roles):
    versions = Versions(tmp_path / "versions.sqlite")
    made = Changes(versions, file, lambda text: load_deployment(text, SECRETS), roles)
    made.begin()
    yield made
    versions.close()


def apply(changes, text, **more):
    return changes.apply(text, author="ruel", reason="try", **more)


async def test_the_start_is_version_1_and_the_same_file_again_is_no_new_one(changes):
    changes.begin()
    (one,) = changes.history()["versions"]
    assert (one["number"], one["author"], one["state"]) == (1, "farline", "running")


async def test_flows_are_taken_over_live_and_the_file_is_written(changes, roles, file):
    told = await apply(changes, NARROW)
    assert (told["version"], told["was"], told["restart"]) == (2, 1, [])
    assert told["changes"][0]["place"] == "border.subscriber_flows[SubsflowRW].source_subnet"
    assert roles.seen == [("takes over", "border")]
    assert file.read_text() == NARROW
    assert file.stat().st_mode & 0o777 == 0o640


async def test_what_needs_a_role_to_start_again_is_refused_with_the_remedy(changes, roles, file):
    with pytest.raises(ChangeError, match=r"need media, border .*--restart.*port_range"):
        await apply(changes, PORTS)
    assert (roles.seen, file.read_text()) == ([], TEXT)
    told = await apply(changes, PORTS, restart=True)
    assert told["restart"] == ["media", "border"]
    assert roles.seen == [("restarts", "media"), ("restarts", "border")]


async def test_a_bad_file_changes_nothing(changes, roles, file):
    with pytest.raises(ConfigError, match="no such field"):
        await apply(changes, NARROW + "\nnonsense: 1\n")
    assert (roles.seen, file.read_text()) == ([], TEXT)
    assert len(changes.history()["versions"]) == 1


async def test_of_two_editors_of_one_version_the_second_hears_of_the_first(changes, file):
    assert (await apply(changes, NARROW, on=1))["version"] == 2
    for dry_run in (False, True):
        with pytest.raises(ChangeError, match="version 2 runs, not 1: somebody was quicker"):
            await apply(changes, PORTS, on=1, dry_run=dry_run)
    assert file.read_text() == NARROW


async def test_a_dry_run_only_says(changes, roles, file):
    told = await apply(changes, PORTS, dry_run=True)
    assert (told["version"], told["restart"]) == (None, ["media", "border"])
    assert (roles.seen, file.read_text()) == ([], TEXT)


async def test_a_role_that_refuses_leaves_everything_as_it_was(changes, roles, file):
    roles.refuses = "198.51.100.0/24"
    with pytest.raises(ChangeError, match="version 1 runs on: border: no"):
        await apply(changes, NARROW)
    assert file.read_text() == TEXT
    assert [one["state"] for one in changes.history()["versions"]] == ["refused", "running"]
    assert roles.seen == [("takes over", "border")] * 2


async def test_roles_that_come_or_go_need_a_new_start(changes):
    without = TEXT[: TEXT.index("\nems:")] + TEXT[TEXT.index("\nlab:") :]
    with pytest.raises(ChangeError, match=r"roles come or go \(ems\): stop farline run"):
        await apply(changes, without)


async def test_rollback_is_a_new_version_with_the_old_text(changes, file):
    await apply(changes, NARROW)
    told = await changes.rollback(None, "dora", "calls failed")
    assert (told["version"], file.read_text()) == (3, TEXT)
    newest = changes.history()["versions"][0]
    assert (newest["author"], newest["reason"]) == ("dora", "as version 1: calls failed")
    with pytest.raises(LookupError, match="no version 9"):
        await changes.rollback(9, "dora")


async def test_confirmed_stays_and_meanwhile_nothing_else_is_applied(changes, file):
    await apply(changes, NARROW, confirm_within=300)
    with pytest.raises(ChangeError, match="version 2 waits to be confirmed"):
        await apply(changes, TEXT)
    assert changes.confirm() == {"version": 2}
    with pytest.raises(ChangeError, match="no version waits"):
        changes.confirm()
    assert file.read_text() == NARROW


async def test_unconfirmed_goes_back_by_itself(changes, roles, file, monkeypatch):
    await apply(changes, NARROW, confirm_within=300)
    back = asyncio.Event()
    monkeypatch.setattr(changes, "_notice", lambda text: "version 3 runs" in text and back.set())
    now = clock.wall()
    monkeypatch.setattr(clock, "wall", lambda: now + 301)
    watch = asyncio.create_task(changes.watch())
    await asyncio.wait_for(back.wait(), 30)
    watch.cancel()
    assert file.read_text() == TEXT
    assert changes.history()["versions"][0]["reason"] == "as version 1: version 2 was not confirmed"


def test_what_ran_out_while_nothing_ran_goes_back_at_the_start(changes, file):
    version = changes.versions.add(NARROW, "ruel", "", 1.0)
    changes.versions.run(version.number, Pending(version.number, 1, 2.0))
    file.write_text(NARROW)
    changes.before_start()
    changes.begin()
    assert file.read_text() == TEXT
    assert changes.versions.running().number == 1


class Killed(BaseException):
    """The process ends here, without a word."""


async def test_killed_in_the_middle_of_a_change_that_waits_to_be_confirmed(
    tmp_path, file, roles, monkeypatch
):
    """The file is written and the roles take it over: it goes back in time all the same."""

    def begin():
        made = Changes(Versions(tmp_path / "v.sqlite"), file, load, roles)
        made.before_start()
        made.begin()
        return made

    def load(text):
        return load_deployment(text, SECRETS)

    async def dies(_role):
        raise Killed

    monkeypatch.setattr(roles, "take_over", dies)
    with pytest.raises(Killed):
        await apply(begin(), NARROW, confirm_within=300)
    assert file.read_text() == NARROW
    again = begin()
    assert again.history()["pending"]["number"] == again.versions.running().number == 2
    now = clock.wall()
    monkeypatch.setattr(clock, "wall", lambda: now + 301)
    assert begin().versions.running().number == 1
    assert file.read_text() == TEXT


async def test_a_role_that_refuses_leaves_nothing_to_be_confirmed(changes, roles, file):
    roles.refuses = "198.51.100.0/24"
    with pytest.raises(ChangeError, match="version 1 runs on"):
        await apply(changes, NARROW, confirm_within=300)
    told = changes.history()
    assert told["pending"] is None and file.read_text() == TEXT
    assert [one["state"] for one in told["versions"]] == ["refused", "running"]


async def test_confirmed_at_the_last_moment_stays(changes, file):
    await apply(changes, NARROW, confirm_within=300)
    pending = changes.versions.pending()
    changes.confirm()  # while the time ran out, and another command was still at work
    await changes._expire(pending)
    assert file.read_text() == NARROW


async def test_who_cannot_go_back_says_so_and_goes_on(changes, file, monkeypatch):
    await apply(changes, NARROW, confirm_within=300)
    said = []
    monkeypatch.setattr(changes, "_notice", said.append)
    file.unlink()
    file.mkdir()
    await changes._expire(changes.versions.pending())
    assert "version 2 stays, it cannot go back" in said[-1]
    assert changes.history()["pending"] is None


async def test_a_file_that_is_a_link_stays_one(tmp_path, changes, file):
    real = file.rename(tmp_path / "real.yaml")
    file.symlink_to(real)
    await apply(changes, NARROW)
    assert file.is_symlink() and real.read_text() == NARROW
    assert real.stat().st_mode & 0o777 == 0o640
