"""Where keys may lie: in a directory that is ours and closed, or not there at all; and how long."""

import asyncio
import os
import signal
import stat
import subprocess
import sys
import time

import pytest

from farline.runtime import leftovers
from farline.runtime.leftovers import DEAD_SECONDS, Hold, beat
from farline.runtime.media_memory import clear_dead_pins
from farline.runtime.secret_directory import clear_dead, secret_directory

OLD = time.time() - DEAD_SECONDS - 60


def test_each_run_directory_and_role_has_its_own_closed_directory(tmp_path):
    root = tmp_path / "shm"
    root.mkdir()
    media = secret_directory(tmp_path / "run", "media", [root])
    assert media == secret_directory(tmp_path / "run", "media", [root])
    assert media.parent.parent == root
    assert stat.S_IMODE(media.parent.stat().st_mode) == 0o700
    others = {
        secret_directory(tmp_path / "run", "office-media", [root]),
        secret_directory(tmp_path / "other", "media", [root]),
    }
    assert media not in others
    assert len(others) == 2


@pytest.mark.parametrize("trick", ["open", "link", "file"])
def test_a_directory_that_a_stranger_prepared_is_not_used(tmp_path, trick):
    root = tmp_path / "shm"
    root.mkdir()
    ours = secret_directory(tmp_path / "run", "media", [root]).parent
    ours.rmdir()
    if trick == "open":
        ours.mkdir(mode=0o777)
        ours.chmod(0o777)
    elif trick == "link":
        (tmp_path / "elsewhere").mkdir(mode=0o700)
        ours.symlink_to(tmp_path / "elsewhere")
    else:
        ours.write_text("")
    found = secret_directory(tmp_path / "run", "media", [root, tmp_path / "nowhere"])
    assert found == tmp_path / "run" / "state" / "media"


@pytest.fixture
def root(tmp_path):
    made = tmp_path / "shm"
    made.mkdir()
    return made


def left(root, run_dir, *, when=OLD):
    """What a deployment has in memory, last touched then; the directory of its media role."""
    role = secret_directory(run_dir, "media", [root])
    role.mkdir(mode=0o700)
    (role / "sessions.journal").write_bytes(b"keys")
    age(role, when)
    return role


def age(role, when):
    for one in (*role.iterdir(), role, role.parent):
        os.utime(one, (when, when))


def test_what_killed_deployments_left_goes_with_the_next_start_of_another(root, tmp_path, caplog):
    own = left(root, tmp_path / "own")
    for name in ("one", "two"):
        left(root, tmp_path / name)
    clear_dead(own, [root])
    assert list(root.iterdir()) == [own.parent]
    assert "what 2 deployments left in memory when they were killed is removed" in caplog.text
    clear_dead(own, [root])
    assert len(caplog.records) == 1


def test_what_may_still_be_somebodys_stays(root, tmp_path, caplog):
    own = secret_directory(tmp_path / "own", "media", [root])
    young = left(root, tmp_path / "young", when=time.time() - 60)
    open_to_all = left(root, tmp_path / "open")
    open_to_all.parent.chmod(0o755)
    stranger = root / "somebody-else"
    stranger.mkdir(mode=0o700)
    os.utime(stranger, (OLD, OLD))
    both = left(root, tmp_path / "both")
    other = secret_directory(tmp_path / "both", "office-media", [root])
    hold = Hold(other)  # one of the two roles lives
    age(other, OLD)
    clear_dead(own, [root, tmp_path / "nowhere"])
    assert young.exists() and open_to_all.exists() and stranger.exists() and other.exists()
    assert not both.exists()
    hold.release()


def test_a_directory_is_held_as_long_as_its_process_lives(root, tmp_path):
    own = secret_directory(tmp_path / "own", "media", [root])
    role = secret_directory(tmp_path / "run", "media", [root])
    argv = [sys.executable, "-m", "farline.runtime.media_process", "--threads", "1"]
    argv += ["--socket", str(tmp_path / "m.sock"), "--state", str(role)]
    argv += ["--interface", "A=127.0.0.1:26000-26099"]
    environment = {**os.environ, "FARLINE_PARENT": str(os.getpid())}
    with subprocess.Popen(argv, env=environment) as process:
        try:
            until = time.monotonic() + 30
            while not (tmp_path / "m.sock").exists():
                assert process.poll() is None and time.monotonic() < until
                time.sleep(0.02)
            age(role, OLD)
            clear_dead(own, [root])
            assert role.exists()
        finally:
            process.send_signal(signal.SIGKILL)
    age(role, OLD)
    clear_dead(own, [root])
    assert not role.parent.exists()


def test_who_comes_to_a_directory_that_is_being_cleared_has_a_new_one(root, tmp_path):
    own = secret_directory(tmp_path / "own", "media", [root])
    role = left(root, tmp_path / "run")
    clear_dead(own, [root])
    assert not role.parent.exists()
    hold = Hold(role)
    assert stat.S_IMODE(role.stat().st_mode) == stat.S_IMODE(role.parent.stat().st_mode) == 0o700
    age(role, OLD)
    clear_dead(own, [root])
    assert role.exists()
    hold.release()


async def test_who_lives_says_so_for_the_moment_in_which_another_takes_over(
    root, tmp_path, monkeypatch
):
    monkeypatch.setattr(leftovers, "BEAT_SECONDS", 0.01)
    own = secret_directory(tmp_path / "own", "media", [root])
    role = left(root, tmp_path / "run")
    hold = Hold(role)
    age(role, OLD)
    beating = asyncio.ensure_future(beat([hold]))
    async with asyncio.timeout(30):
        while role.stat().st_mtime < OLD + DEAD_SECONDS:  # noqa: ASYNC110 - a file system
            await asyncio.sleep(0.01)
    beating.cancel()
    hold.release()
    clear_dead(own, [root])
    assert role.exists()


def test_what_killed_deployments_left_in_the_kernel_goes_too(tmp_path, caplog):
    pins = tmp_path / "bpf"
    for name, when in (("dead-1", OLD), ("own-1", OLD), ("young-1", time.time()), ("held-1", OLD)):
        (pins / name).mkdir(parents=True)
        (pins / name / "flows4").write_bytes(b"")
        if name == "held-1":
            hold = Hold(pins / name)
        for one in (pins / name / "flows4", pins / name):
            os.utime(one, (when, when))
    clear_dead_pins("own", pins)
    assert sorted(one.name for one in pins.iterdir()) == ["held-1", "own-1", "young-1"]
    assert "what 1 deployments left in the kernel when killed is removed" in caplog.text
    hold.release()
