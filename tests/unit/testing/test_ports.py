"""What a test may use for itself is nobody else's."""

import socket
import subprocess
import sys

from farline.testing.ports import free_ports, own_network

OTHER = """
from farline.testing.ports import free_ports, own_network
print(own_network(), *free_ports(3))
"""


def test_another_process_gets_other_ports_and_another_network():
    said = subprocess.run(
        [sys.executable, "-c", OTHER], capture_output=True, text=True, check=True
    ).stdout
    network, *ports = said.split()
    assert network != own_network()
    assert not {int(port) for port in ports} & set(free_ports(3))


def test_the_network_stays_and_can_be_bound():
    assert own_network() == own_network()
    with socket.socket() as probe:
        probe.bind((f"{own_network()}.1.1", 0))


def test_a_port_in_use_is_not_given():
    [port] = free_ports(1)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        assert port not in free_ports(3)
