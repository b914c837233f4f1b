"""The guide's networks, looked at from inside: who reaches whom, names, NAT; and that they go."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from contextlib import suppress
from pathlib import Path

import pytest

from farline.config import load_deployment
from farline.lab.children import Children
from farline.lab.namespaces import Namespaces, missing_for_namespaces
from farline.lab.topology import guide_topology

ROOT = Path(__file__).parents[2]
REASON = missing_for_namespaces()
pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(REASON is not None, reason=str(REASON)),
]
NAME = "ipo1xp.ipolab.com"


def topology():
    names = ("ruel", "dora", "enhtcpaservice")
    secrets = dict.fromkeys(names, "secret")
    return guide_topology(load_deployment((ROOT / "examples/guide.yaml").read_text(), secrets))


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    with Namespaces(topology(), tmp_path_factory.mktemp("lab")) as built:
        yield built


def run(lab, node, *argv, timeout=60):
    return subprocess.run(
        lab[node].command(argv), capture_output=True, text=True, timeout=timeout, check=False
    )


def pings(lab, node, address, seconds=15):
    return run(lab, node, "ping", "-c", "1", "-W", str(seconds), address).returncode == 0


def listen(lab, node, address, kind="STREAM"):
    """A server in a node that answers with the address of who called; gives the process."""
    script = textwrap.dedent(f"""
        import socket
        s = socket.socket(socket.AF_INET, socket.SOCK_{kind})
        s.bind(({address!r}, 7000))
        if {kind == "STREAM"}: s.listen()
        print("ready", flush=True)
        while True:
            if {kind == "STREAM"}:
                c, who = s.accept(); c.sendall(who[0].encode()); c.close()
            else:
                data, who = s.recvfrom(2000); s.sendto(who[0].encode(), who)
    """)
    process = subprocess.Popen(
        lab[node].command([sys.executable, "-c", script]), stdout=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    assert process.stdout.readline() == "ready\n"
    return process


def end(process):
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


CALL = """
import socket, sys
s = socket.create_connection((sys.argv[1], 7000), timeout=float(sys.argv[2]))
print(s.recv(100).decode())
"""


def call(lab, node, address, seconds=15):
    return run(lab, node, sys.executable, "-c", CALL, address, str(seconds))


def test_neighbours_reach_one_another(lab):
    assert pings(lab, "mobile", "172.22.33.1")
    assert pings(lab, "router", "192.168.64.96")
    assert pings(lab, "outside", "192.168.64.96")
    assert pings(lab, "border", "10.10.10.13")
    assert pings(lab, "office", "10.10.10.7")


def test_the_mobile_reaches_the_border_as_the_routers_wan_address(lab):
    server = listen(lab, "border", "192.168.64.96")
    try:
        assert call(lab, "mobile", "192.168.64.96").stdout == "192.168.67.61\n"
        assert call(lab, "outside", "192.168.64.96").stdout == "192.168.64.250\n"
    finally:
        end(server)


def test_nobody_outside_reaches_the_inside(lab):
    server = listen(lab, "office", "10.10.10.13")
    inside = listen(lab, "border", "10.10.10.7")
    try:
        assert call(lab, "border", "10.10.10.13").stdout == "10.10.10.7\n"
        for address in ("10.10.10.13", "10.10.10.7"):
            assert call(lab, "mobile", address, seconds=1).returncode != 0
            assert call(lab, "outside", address, seconds=1).returncode != 0
        # Not even one who routes the office's network to the border on purpose.
        route = ("ip", "route", "add", "10.10.10.0/24", "via", "192.168.64.96")
        assert run(lab, "outside", *route).returncode == 0
        for address in ("10.10.10.13", "10.10.10.7"):
            assert call(lab, "outside", address, seconds=1).returncode != 0
        assert run(lab, "outside", "ip", "route", "del", "10.10.10.0/24").returncode == 0
    finally:
        end(server)
        end(inside)


def test_nobody_outside_reaches_the_mobile_unasked(lab):
    route = ("172.22.33.0/24", "via", "192.168.67.61")
    assert run(lab, "outside", "ip", "route", "add", *route).returncode == 0
    assert not pings(lab, "outside", "172.22.33.101", seconds=1)
    assert run(lab, "outside", "ip", "route", "del", *route).returncode == 0


def test_the_mobile_has_one_way_out(lab):
    routes = run(lab, "mobile", "ip", "-4", "route").stdout.splitlines()
    assert [route.split(" proto")[0].split()[0] for route in routes] == [
        "default",
        "172.22.33.0/24",
    ]
    assert routes[0].startswith("default via 172.22.33.1 ")


def test_each_side_asks_its_own_name_server(lab):
    servers = []
    try:
        for node, ip, address in (
            ("outside", "192.168.64.250", "192.168.64.96"),
            ("office", "10.10.10.250", "10.10.10.13"),
        ):
            argv = [
                sys.executable,
                "-m",
                "farline.runtime.dns.server",
                "--ip",
                ip,
                f"{NAME}={address}",
            ]
            server = subprocess.Popen(
                lab[node].command(argv), stdout=subprocess.PIPE, text=True, start_new_session=True
            )
            servers.append(server)
            assert server.stdout.readline() == "ready\n"
        for node, address in (("mobile", "192.168.64.96"), ("office", "10.10.10.13")):
            assert run(lab, node, "getent", "ahostsv4", NAME).stdout.startswith(address)
            assert run(lab, node, "dig", "+short", "+tcp", NAME).stdout == f"{address}\n"
        missing = run(lab, "mobile", "dig", "www.example.org").stdout
        assert "NXDOMAIN" in missing
    finally:
        for server in servers:
            end(server)


SEND = """
import socket, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
while True:
    s.sendto(b"x" * 99, ("192.168.64.96", 7000))
    time.sleep(0.05)  # until the capture has begun
"""


def test_checksums_are_computed_before_the_wire(lab):
    capture = subprocess.Popen(
        lab["border"].command(
            ["tshark", "-l", "-i", "B1", "-c", "1", "-f", "udp port 7000", "-T", "fields",
             "-o", "udp.check_checksum:TRUE", "-e", "udp.checksum.status"]
        ),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    sender = subprocess.Popen(
        lab["outside"].command([sys.executable, "-c", SEND]), stdout=subprocess.PIPE,
        start_new_session=True,
    )  # fmt: skip
    try:
        assert capture.stdout.readline() == "1\n"
    finally:
        end(sender)
        end(capture)


POLITE = """
import signal, sys, time
def end(*_):
    open(sys.argv[1], "w").write("said goodbye")
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
print("ready", flush=True)
time.sleep(600)
"""


async def test_a_child_in_a_node_is_asked_to_end_and_may_say_goodbye(lab, tmp_path):
    children = Children({}, inside=True)
    argv = [sys.executable, "-c", POLITE, str(tmp_path / "goodbye")]
    child = await children.start("polite", lab["mobile"].command(argv), tmp_path / "log", read=True)
    assert await child.line() == b"ready\n"
    await children.end()
    assert child.process.returncode == 0
    assert (tmp_path / "goodbye").read_text() == "said goodbye"


def ours(marker):
    """Processes of the host whose environment bears the marker."""
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdecimal():
            try:
                if marker.encode() in (process / "environ").read_bytes():
                    found.append((process / "cmdline").read_bytes())
            except OSError:
                continue
    return found


def host_interfaces():
    return {one.name for one in Path("/sys/class/net").iterdir()}


def held_networks():
    """Those that a process is in."""
    found = set()
    for one in Path("/proc").glob("[0-9]*/ns/net"):
        with suppress(OSError):  # it has just ended
            found.add(str(one.readlink()))
    return found


def named_networks():
    """Those that `ip netns` shows: other tests have some."""
    found = set()
    for one in Path("/run/netns").glob("*"):
        with suppress(FileNotFoundError):  # another test's that has just ended
            found.add(f"net:[{one.stat().st_ino}]")
    return found


LAB = """
import subprocess, sys, signal
sys.path.insert(0, {tests!r})
from pathlib import Path
from test_namespaces import topology, Namespaces
# A shell that starts the tests in the background has SIGINT ignored in all its descendants.
signal.signal(signal.SIGINT, signal.default_int_handler)
with Namespaces(topology(), Path({directory!r})) as lab:
    for node in lab.places.values():
        print(subprocess.check_output(node.command(["readlink", "/proc/self/ns/net"]), text=True), end="")
        subprocess.Popen(node.command(["sh", "-c", "sleep 600 & setsid sleep 600"]), start_new_session=True)
    print("up", flush=True)
    signal.pause()
"""  # noqa: E501


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_nothing_is_left_whatever_ends_the_lab(tmp_path, number):
    interfaces = host_interfaces()
    marker = f"FARLINE_LAB_TEST={tmp_path}"
    script = LAB.format(tests=str(Path(__file__).parent), directory=str(tmp_path))
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, text=True,
        env={**os.environ, "FARLINE_LAB_TEST": str(tmp_path)}, start_new_session=True,
    )  # fmt: skip
    networks = set()
    for line in process.stdout:
        if line == "up\n":
            break
        networks.add(line.strip())
    assert len(networks) == 5
    deadline = time.monotonic() + 30
    while len(ours(marker)) <= 10:  # the shells start their children beside us
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(number)
    try:
        process.communicate(timeout=60)
    finally:
        process.kill()
    deadline = time.monotonic() + 30
    # Another test's lab may have an interface on its way through the host meanwhile.
    while (ours(marker) or host_interfaces() - interfaces) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert ours(marker) == []
    assert host_interfaces() - interfaces == set()
    assert not networks & held_networks()
    assert not networks & named_networks()
    assert not Path("/etc/netns").exists()
