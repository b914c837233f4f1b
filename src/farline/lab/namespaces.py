"""Builds a topology out of anonymous network namespaces.

Each node is a keeper process that holds a network, a mount and a process namespace. Nothing is
named: no /run/netns, no interface in the host's own network. A keeper asks the kernel to be killed
when the lab dies, and it is process 1 of its node: with it go all processes of the node, then the
namespaces, then their interfaces, whatever ended the lab.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from farline.lab import offload
from farline.lab.errors import LabError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from farline.lab.topology import Node, Topology

TOOLS = ("ip", "nft", "nsenter", "unshare", "setpriv", "sysctl", "mount")
STOP_SECONDS = 5.0

_KEEPER = """
mount --bind "$1" /etc/resolv.conf && echo ready && exec cat
"""
"""Process 1 of a node: it reads our end of a pipe, so it ends too when that is closed."""


def missing_for_namespaces() -> str | None:
    """Why namespaces cannot be made here, with the remedy; None when they can."""
    if os.geteuid() != 0:
        return (
            "network namespaces need root: run this with sudo, or use "
            "`farline lab run --loopback`, which does the same on loopback addresses"
        )
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    missing = [
        tool for tool in TOOLS if not any(Path(d, tool).exists() for d in path.split(":") if d)
    ]
    if missing:
        return f"missing: {', '.join(missing)} (apt-get install iproute2 nftables util-linux)"
    return None


@dataclass(frozen=True, slots=True)
class Place:
    """A node that is up. `pid` is its process 1, as the host numbers it."""

    node: Node
    pid: int
    keeper: subprocess.Popen[str]

    def command(self, argv: Sequence[str], *, directory: Path | None = None) -> list[str]:
        """The command that runs `argv` in this node, in `directory` (default: the present one)."""
        return enter(self.pid, argv, directory or Path.cwd())


def enter(pid: int, argv: Sequence[str], directory: Path) -> list[str]:
    """The command that runs `argv` in the node of process `pid`."""
    spaces = ["--net", "--mount", "--pid", f"--wdns={directory}"]
    return ["nsenter", "--target", str(pid), *spaces, "--", *argv]


class Namespaces:
    """A topology that is up while the `with` block runs."""

    def __init__(self, topology: Topology, directory: Path) -> None:
        self.topology = topology
        self.directory = directory
        """For the nodes' resolv.conf."""
        self.places: dict[str, Place] = {}

    def __enter__(self) -> Namespaces:
        reason = missing_for_namespaces()
        if reason is not None:
            raise LabError(reason)
        try:
            for node in self.topology.nodes:
                self.places[node.name] = self._keep(node)
            for link in self.topology.links:
                self._connect(link.one, link.other)
            for place in self.places.values():
                _configure(place)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.close()

    def __getitem__(self, name: str) -> Place:
        return self.places[name]

    def close(self) -> None:
        """End every node; what still runs in one is killed with it."""
        for place in reversed(self.places.values()):
            keeper = place.keeper
            if keeper.stdin is not None:
                with contextlib.suppress(OSError):
                    keeper.stdin.close()
            try:
                keeper.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                keeper.kill()
                keeper.wait()
            if keeper.stdout is not None:
                keeper.stdout.close()
        self.places.clear()

    def _keep(self, node: Node) -> Place:
        resolv = self.directory / f"resolv.{node.name}"
        lines = [f"nameserver {node.resolver}"] if node.resolver else []
        resolv.write_text("\n".join([*lines, "options timeout:2 attempts:2", ""]))
        inner = ["sh", "-c", _KEEPER, "keeper", str(resolv.resolve())]
        spaces = ["--net", "--mount", "--pid", "--fork", "--kill-child=KILL", "--mount-proc"]
        keeper = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "unshare", *spaces, "--", *inner],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C is for the lab, which ends the nodes in order
        )
        if keeper.stdout is None or keeper.stdout.readline() != "ready\n":
            keeper.kill()
            keeper.wait()
            raise LabError(f"node {node.name}: no namespace; see the message above")
        children = Path(f"/proc/{keeper.pid}/task/{keeper.pid}/children").read_text().split()
        return Place(node, int(children[0]), keeper)

    def _connect(self, one: tuple[str, str], other: tuple[str, str]) -> None:
        (node, port), (peer, peer_port) = one, other
        end = [port, "netns", str(self[node].pid)]
        peer_end = [peer_port, "netns", str(self[peer].pid)]
        run(["ip", "link", "add", *end, "type", "veth", "peer", "name", *peer_end])


def _configure(place: Place) -> None:
    """Addresses, bridges, routes, kernel settings and rules of one node."""
    node = place.node
    settings = [
        "net.ipv6.conf.all.disable_ipv6=1",
        f"net.ipv4.ip_forward={int(node.forward)}",
        "net.ipv4.conf.all.arp_ignore=1",  # answer for an address on its own interface only
        "net.ipv4.conf.all.rp_filter=0",
    ]
    run(place.command(["sysctl", "-q", "-w", *settings]))
    run(place.command(["ip", "-batch", "-"]), "\n".join(_ip_commands(node)) + "\n")
    ports = [port.name for port in node.ports]
    run(place.command([sys.executable, "-I", str(Path(offload.__file__)), *ports]))
    if node.rules:
        run(place.command(["nft", "-f", "-"]), node.rules)


def _ip_commands(node: Node) -> list[str]:
    commands = ["link set lo up"]
    commands += [f"link add {bridge.name} type bridge" for bridge in node.bridges]
    for port in (*node.bridges, *node.ports):
        commands += [f"addr add {address} dev {port.name}" for address in port.addresses]
        if port.bridge is not None:
            commands.append(f"link set {port.name} master {port.bridge}")
        commands.append(f"link set {port.name} up")
    if node.gateway is not None:
        commands.append(f"route add default via {node.gateway}")
    return commands


def run(argv: Sequence[str], text: str = "") -> str:
    """Run a command to its end and give what it printed. Raises LabError with what it said."""
    done = subprocess.run(argv, input=text, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise LabError(f"{' '.join(argv)}: {done.stderr.strip() or done.returncode}")
    return done.stdout
