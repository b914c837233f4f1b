"""One deployment on loopback for all tests here that need a whole one."""

import os
import subprocess
import sys
from contextlib import closing

import pytest

from farline.lab.lab import Lab
from farline.testing.deployment import phones as make_phones
from farline.testing.deployment import prepare_site, running

SPIN = """
import os, sys
os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
while os.getppid() == int(sys.argv[1]):
    pass
"""


@pytest.fixture(scope="session", autouse=True)
def awake():
    """No core halts meanwhile: in a virtual machine one wakes too late for a phone that plays out.

    Foreign phones then miss frames, and ours send half of theirs, on an all but idle machine.

    What spins has only the time that nobody else wants, and ends with us.
    """
    command = [sys.executable, "-c", SPIN, str(os.getpid())]
    spinning = [subprocess.Popen(command) for _ in range(os.cpu_count() or 1)]
    yield
    for one in spinning:
        one.kill()
        one.wait()


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    site = prepare_site(tmp_path_factory.mktemp("site"))
    said = []
    with closing(site), running(Lab(site.prepared, said.append)):
        yield site
    assert [line for line in said if "starting it again" in line] == []
    assert site.trouble() == []


@pytest.fixture
async def phones(site, tmp_path):
    async with make_phones(site, tmp_path) as made:
        yield made
