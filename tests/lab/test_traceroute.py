"""Hop-by-Hop Traceroute: a way with a router in it, in namespaces of the test's own."""

import os
import subprocess
import sys

import pytest

from farline.lab.namespaces import missing_for_namespaces

REASON = missing_for_namespaces()
pytestmark = [pytest.mark.root, pytest.mark.skipif(REASON is not None, reason=str(REASON))]

TRACE = """
from farline.runtime.traceroute import trace
for address in ("10.41.2.2", "10.41.1.1", "10.41.9.9"):
    print(trace("10.41.1.2", address), flush=True)
"""


def run(*words):
    return subprocess.run(words, check=True, capture_output=True, text=True, timeout=60).stdout


@pytest.fixture
def networks():
    """A (10.41.1.2) - router (10.41.1.1, 10.41.2.1) - B (10.41.2.2); gives A's name."""
    a, router, b = (f"tls{os.getpid()}{word}" for word in "arb")
    for name in (a, router, b):
        run("ip", "netns", "add", name)
    try:
        for number, (name, own) in enumerate(((a, "10.41.1"), (b, "10.41.2")), 1):
            link = f"r{number}"
            run("ip", "-n", name, "link", "add", "lan", "type", "veth", "peer", link, "netns",
                router)  # fmt: skip
            run("ip", "-n", name, "address", "add", f"{own}.2/24", "dev", "lan")
            run("ip", "-n", name, "link", "set", "lan", "up")
            run("ip", "-n", router, "address", "add", f"{own}.1/24", "dev", link)
            run("ip", "-n", router, "link", "set", link, "up")
            run("ip", "-n", name, "route", "add", "default", "via", f"{own}.1")
        run("nsenter", f"--net=/run/netns/{router}", "sysctl", "-q", "net.ipv4.ip_forward=1")
        yield a
    finally:
        for name in (a, router, b):
            run("ip", "netns", "delete", name)


def test_the_router_and_the_end_answer(networks):
    said = run("nsenter", f"--net=/run/netns/{networks}", sys.executable, "-c", TRACE)
    beyond, near, nowhere = said.splitlines()
    assert beyond.startswith("Way(hops=('10.41.1.1', '10.41.2.2'),")
    assert near.startswith("Way(hops=('10.41.1.1',),")
    assert nowhere.startswith("Way(hops=('10.41.1.1',),")
