"""What every process of ours does first: event loop, signals, logging, end with its parent."""

from __future__ import annotations

import asyncio
import ctypes
import logging
import os
import resource
import signal
from contextlib import suppress
from typing import TYPE_CHECKING

import uvloop

from farline.runtime.collector import Collector

if TYPE_CHECKING:
    from collections.abc import Coroutine

PR_SET_PDEATHSIG = 1
MOST_FILES = 1_048_576
"""Linux' own bound for one process (fs.nr_open) unless it was changed."""
LOG_FORM = "%(asctime)s.%(msecs)03d %(levelname)s %(name)s: %(message)s"


def run_until_signal(main: Coroutine[object, object, None]) -> int:
    """Run `main` on uvloop until it ends or SIGINT/SIGTERM cancels it; gives the exit status."""
    logging.basicConfig(level=logging.INFO, format=LOG_FORM, datefmt="%Y-%m-%d %H:%M:%S")
    os.umask(0o077)  # what a role writes (traces, captures, state) is its owner's alone
    raise_file_limit()
    collector = Collector()
    collector.start()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        collector.attend(runner.get_loop())
        return runner.run(_guarded(main))


async def _guarded(main: Coroutine[object, object, None]) -> int:
    task = asyncio.ensure_future(main)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        return 0
    return 0


def die_with_parent() -> None:
    """Ask the kernel for SIGTERM when the process that started us dies."""
    parent = os.environ.get("FARLINE_PARENT")
    if parent is None:
        return
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != int(parent):  # it died before we asked
        raise SystemExit(1)


def raise_file_limit() -> None:
    """Every phone is two descriptors: take all that the system gives, as root beyond the limit."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for limit in (MOST_FILES, hard):
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
            return
