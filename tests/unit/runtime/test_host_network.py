"""What the host lacks is said with the command that adds it."""

import pytest

from farline.config import Border
from farline.runtime.host_network import host_problems


def border(device="eth1", vlan=None, override=None):
    address = {"ip": "10.0.0.7"} | ({"gateway_override": override} if override else {})
    return Border.model_validate({
        "interfaces": [{"name": "A1", "enabled": True, "device": device, "vlan_tag": vlan}],
        "networks": [{"name": "n", "default_gateway": "10.0.0.1", "prefix": "/24",
                      "interface": "A1", "addresses": [address]}],
    })  # fmt: skip


class Host:
    """A host whose `ip -json` answers are given."""

    def __init__(self, addresses, gateway):
        self.addresses, self.gateway, self.asked = addresses, gateway, []

    def __call__(self, arguments):
        self.asked.append(arguments)
        if arguments[0] == "address":
            return [{"addr_info": [{"local": one} for one in self.addresses]}]
        return [{"gateway": self.gateway}]


@pytest.mark.parametrize(
    ("given", "host", "remedies"),
    [
        ({"device": None}, Host([], ""), []),
        ({}, Host(["10.0.0.7"], "10.0.0.1"), []),
        ({}, Host(["10.0.0.8"], ""), ["ip address add 10.0.0.7/24 dev eth1"]),
        (
            {"vlan": 30},
            Host([], ""),
            ["ip link add link eth1 name eth1.30 type vlan id 30 && ip link set eth1.30 up && "
             "ip address add 10.0.0.7/24 dev eth1.30"],
        ),
        (
            {"override": "10.0.0.9"},
            Host(["10.0.0.7"], "10.0.0.1"),
            ["ip route add default via 10.0.0.9 dev eth1 table 100 && "
             "ip rule add from 10.0.0.7 lookup 100"],
        ),
        ({"override": "10.0.0.9"}, Host(["10.0.0.7"], "10.0.0.9"), []),
    ],
)  # fmt: skip
def test_what_is_missing(given, host, remedies):
    found = list(host_problems(border(**given), host))
    assert [one.remedy for one in found] == remedies
    assert {one.severity for one in found} <= {"warning"}
