"""The guide's picture as data."""

from pathlib import Path

import pytest

from farline.config import load_deployment
from farline.lab.namespaces import _ip_commands
from farline.lab.topology import NODES, guide_topology

GUIDE = Path(__file__).parents[3] / "examples/guide.yaml"


def load(text):
    return load_deployment(text, {"ruel": "a", "dora": "b", "enhtcpaservice": "c"})


def test_the_nodes_have_the_guides_addresses():
    topology = guide_topology(load(GUIDE.read_text()))
    assert tuple(node.name for node in topology.nodes) == NODES
    addresses = {
        (node.name, port.name): port.addresses
        for node in topology.nodes
        for port in (*node.ports, *node.bridges)
    }
    assert addresses == {
        ("mobile", "wlan0"): ("172.22.33.101/24",),
        ("router", "lan0"): ("172.22.33.1/24",),
        ("router", "wan0"): ("192.168.67.61/21",),
        ("outside", "router0"): (),
        ("outside", "border0"): (),
        ("outside", "br0"): ("192.168.64.250/21",),
        ("border", "A1"): ("10.10.10.7/24",),
        ("border", "B1"): ("192.168.64.96/21",),
        ("office", "eth0"): ("10.10.10.13/24", "10.10.10.250/24", "10.10.10.30/24"),
    }
    assert {node.name for node in topology.nodes if node.forward} == {"router"}
    assert topology.node("mobile").gateway == "172.22.33.1"
    assert topology.node("mobile").resolver == "192.168.64.250"
    assert topology.node("office").resolver == "10.10.10.250"


def test_every_link_ends_at_a_port():
    topology = guide_topology(load(GUIDE.read_text()))
    ports = {(node.name, port.name) for node in topology.nodes for port in node.ports}
    ends = [end for link in topology.links for end in (link.one, link.other)]
    assert sorted(ends) == sorted(ports)


def test_a_bridge_has_its_ports_and_is_up_first():
    node = guide_topology(load(GUIDE.read_text())).node("outside")
    assert _ip_commands(node) == [
        "link set lo up",
        "link add br0 type bridge",
        "addr add 192.168.64.250/21 dev br0",
        "link set br0 up",
        "link set router0 master br0",
        "link set router0 up",
        "link set border0 master br0",
        "link set border0 up",
    ]


def test_what_cannot_be_built_is_said():
    with pytest.raises(ValueError, match=r"no network of the border holds 192\.0\.2\.1"):
        guide_topology(
            load(GUIDE.read_text().replace("wan_ip: 192.168.67.61", "wan_ip: 192.0.2.1"))
        )
    text = GUIDE.read_text()
    with pytest.raises(ValueError, match="sections border, office and lab"):
        guide_topology(load(text[: text.index("\nlab:")]))
