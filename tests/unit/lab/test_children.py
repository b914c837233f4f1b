"""Children end with their whole group, in reverse order, also one that will not."""

import asyncio
import sys

import pytest

from farline.lab import children as module
from farline.lab.children import Children
from farline.lab.state import start_time

SLEEPER = "import time; print('up', flush=True); time.sleep(600)"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + SLEEPER
PARENT = (
    "import subprocess, sys;"
    "p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']);"
    "print(p.pid, flush=True); p.wait()"
)


@pytest.fixture
async def children():
    group = Children({"FARLINE_TEST": "yes"})
    yield group
    await group.end()


async def start(children, tmp_path, code, name="child"):
    child = await children.start(
        name, [sys.executable, "-c", code], tmp_path / f"{name}.log", read=True
    )
    return child, await asyncio.wait_for(child.line(), 30)


async def gone(pid):
    async with asyncio.timeout(30):
        while start_time(pid) is not None:  # noqa: ASYNC110 - the kernel tells nobody
            await asyncio.sleep(0.01)


async def test_a_child_and_what_it_started_end(children, tmp_path):
    child, line = await start(children, tmp_path, PARENT)
    await children.end()
    assert child.process.returncode is not None
    await gone(int(line))


async def test_one_that_ignores_sigterm_is_killed(children, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "STOP_SECONDS", 0.2)
    child, _ = await start(children, tmp_path, STUBBORN)
    await children.end()
    assert child.process.returncode == -9


async def test_a_cancelled_end_still_ends(children, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "STOP_SECONDS", 0.2)
    child, _ = await start(children, tmp_path, STUBBORN)
    ending = asyncio.ensure_future(children.end())
    await asyncio.sleep(0)
    ending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await ending
    assert child.process.returncode == -9


async def test_errors_go_to_the_log_and_the_environment_is_given(children, tmp_path):
    code = (
        "import os, sys; print(os.environ['FARLINE_TEST'], flush=True); sys.exit('broken\\nhere')"
    )
    child, line = await start(children, tmp_path, code)
    assert line == b"yes\n"
    assert await child.process.wait() == 1
    assert child.tail() == "  broken\n  here"
    assert await child.line() == b""


async def test_a_line_without_end_does_not_stop_the_reader(children, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "LINE_LIMIT", 1000)
    code = "print('x' * 5000); print('after', flush=True)"
    child = await children.start("long", [sys.executable, "-c", code], tmp_path / "log", read=True)
    async with asyncio.timeout(30):
        while (line := await child.line()) != b"after\n":
            assert line == b"\n"
