"""A VLAN, gateway override and device binding in namespaces; the commands of `farline check`."""

import asyncio
import os
import subprocess
import sys

import pytest

from farline.lab.namespaces import missing_for_namespaces

REASON = missing_for_namespaces()
pytestmark = [pytest.mark.root, pytest.mark.skipif(REASON is not None, reason=str(REASON))]

BORDER = """
import asyncio, ssl, sys
from farline.config import Border
from farline.runtime.host_network import host_problems
from farline.runtime.sip import Listener, SipDriver
from farline.sip import Address, Transport
from farline.sip.effects import Open, Opened, OpenFailed
from farline.testing.core import NotingCore
border = Border.model_validate({
    "interfaces": [{"name": "A1", "enabled": True, "device": "inner", "vlan_tag": VLAN}],
    "networks": [{"name": "n", "default_gateway": "10.30.0.1", "prefix": "/24", "interface": "A1",
        "addresses": [{"ip": "10.30.0.7"}, {"ip": "10.30.0.8", "gateway_override": "10.30.0.2"}]}],
})
async def main():
    import subprocess
    rounds = 0
    while problems := list(host_problems(border)):
        rounds += 1
        for one in problems:
            print(one.remedy, flush=True)
            subprocess.run(one.remedy, shell=True, check=True)
        assert rounds < 5
    core = NotingCore()
    listener = Listener("A", "10.30.0.8", udp_port=5060, tcp_port=5060, shared_port=5070,
                        device=border.link("n"))
    driver = SipDriver(core, [listener])
    await driver.start()
    print("ready", flush=True)
    for port in (5060, 5070):
        opened = await core.next(Opened)
        print("from", opened.flow.remote.host, flush=True)
    core.outputs.append(Open(1, "A", Transport.TCP, Address("10.30.0.1", 7000)))
    driver._after()
    while not isinstance(event := await core.next(object), Opened): pass
    print("to", event.flow.remote.host, "from", event.flow.local.host, flush=True)
    await driver.stop()
asyncio.run(main())
"""
PEER = """
import socket
server, kept = socket.create_server(("10.30.0.1", 7000)), []
for port in (5060, 5070):
    kept.append(socket.create_connection(("10.30.0.8", port), timeout=30))
server.accept()
print("done", flush=True)
"""


def sh(*argv):
    subprocess.run(argv, check=True, capture_output=True)


@pytest.fixture(params=[None, 30], ids=["untagged", "vlan"])
def spaces(request):
    """Two namespaces with a wire between them; the peer's end has two addresses, in VLAN 30 or
    without; gives the tag too."""
    here, there = (f"network{os.getpid()}-{end}" for end in "ab")
    for name in (here, there):
        sh("ip", "netns", "add", name)
    try:
        sh("ip", "link", "add", "inner", "netns", here, "type", "veth", "peer", "name", "outer",
           "netns", there)  # fmt: skip
        for name, device in ((here, "inner"), (there, "outer")):
            sh("ip", "-n", name, "link", "set", "lo", "up")
            sh("ip", "-n", name, "link", "set", device, "up")
        outer = "outer"
        if request.param:
            outer = "outer.30"
            made = subprocess.run(
                ["ip", "-n", there, "link", "add", "link", "outer", "name", outer, "type", "vlan",
                 "id", "30"], capture_output=True, check=False,
            )  # fmt: skip
            if b"Unknown device type" in made.stderr:
                pytest.skip("this kernel has no VLAN devices (8021q)")
            sh("ip", "-n", there, "link", "set", outer, "up")
        for last in (1, 2):
            sh("ip", "-n", there, "address", "add", f"10.30.0.{last}/24", "dev", outer)
        yield here, there, request.param
    finally:
        for name in (here, there):
            sh("ip", "netns", "delete", name)


async def test_check_says_what_to_do_and_then_it_works(spaces):
    here, there, tag = spaces
    inner = "inner.30" if tag else "inner"
    started = [
        await asyncio.create_subprocess_exec(
            "nsenter", f"--net=/run/netns/{name}", sys.executable, "-c",
            script.replace("VLAN", str(tag)),
            stdout=asyncio.subprocess.PIPE,
        )
        for name, script in ((here, BORDER),)
    ]  # fmt: skip
    lines = []
    async with asyncio.timeout(60):
        while not lines or lines[-1] != "ready":
            line = await started[0].stdout.readline()
            assert line, lines
            lines.append(line.decode().strip())
        peer = await asyncio.create_subprocess_exec(
            "nsenter", f"--net=/run/netns/{there}", sys.executable, "-c", PEER,
            stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert (await peer.communicate())[0] == b"done\n"
        rest = (await started[0].communicate())[0].decode().splitlines()
    said = "\n".join(lines)
    assert ("ip link add link inner name inner.30 type vlan id 30" in said) is bool(tag)
    assert f"ip address add 10.30.0.8/24 dev {inner}\n" in said
    assert f"ip route add default via 10.30.0.2 dev {inner} table" in said
    assert rest == ["from 10.30.0.1", "from 10.30.0.1", "to 10.30.0.1 from 10.30.0.8"]
