"""The forms of networks, interfaces and TLS refuse what cannot be."""

import pytest
from pydantic import ValidationError

from farline.config import Border, Interface, Network, SignalingInterface, TlsServerProfile
from farline.config.tls import TlsClientProfile

NETWORK = {"name": "n", "default_gateway": "10.0.0.1", "prefix": "/24", "interface": "A1"}


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ({"ip": "10.0.1.7"}, "10.0.1.7 is not in the network 10.0.0.0/24"),
        ({"ip": "10.0.0.7", "gateway_override": "10.0.1.1"}, "10.0.1.1 is not in the network"),
        ({"ip": "10.0.0.7", "public_ip": "2001:db8::7"}, "of the same IP version"),
    ],
)
def test_addresses(address, said):
    own = {"ip": "10.0.0.6"}
    with pytest.raises(ValidationError, match=said):
        Network(**NETWORK, addresses=[own, address])


def test_a_public_address_is_shown_and_others_are_not():
    addresses = [{"ip": "10.0.0.6", "public_ip": "203.0.113.6"}, {"ip": "10.0.0.7"}]
    border = Border(networks=[Network(**NETWORK, addresses=addresses)])
    assert [border.shown(f"10.0.0.{last}") for last in (6, 7, 8)] == [
        "203.0.113.6", "10.0.0.7", "10.0.0.8",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("given", "link"),
    [({}, None), ({"device": "eth1"}, "eth1"), ({"device": "eth1", "vlan_tag": 30}, "eth1.30")],
)
def test_the_device_of_a_network(given, link):
    border = Border(
        interfaces=[Interface(name="A1", **given)],
        networks=[Network(**NETWORK, addresses=[{"ip": "10.0.0.6"}])],
    )
    assert border.link("n") == link


@pytest.mark.parametrize(
    "given", [{"vlan_tag": 30}, {"vlan_tag": 4095, "device": "e"}, {"device": "e/1"}]
)
def test_vlans(given):
    with pytest.raises(ValidationError):
        Interface(name="A1", **given)


@pytest.mark.parametrize("given", [{"shared_control": True}, {"shared_control_port": 5062}])
def test_shared_control_and_its_port(given):
    with pytest.raises(ValidationError, match="go together"):
        SignalingInterface(name="s", network="n", ip="10.0.0.6", **given)


@pytest.mark.parametrize("origin", ["phone.example.com", "https://a/b", "ftp://a"])
def test_origins(origin):
    with pytest.raises(ValidationError):
        SignalingInterface(name="s", network="n", ip="10.0.0.6", ws_origins=[origin])


def test_tls_forms():
    own = {"name": "S", "certificate": "a.pem", "key": "a.key"}
    with pytest.raises(ValidationError, match="Peer Certificate Authorities"):
        TlsServerProfile(**own, peer_verification="required")
    with pytest.raises(ValidationError, match=r"allow 1\.2"):
        TlsServerProfile(**own, versions=())
    with pytest.raises(ValidationError, match="go together"):
        TlsClientProfile(name="C", peer_certificate_authorities="ca.pem", certificate="a.pem")
