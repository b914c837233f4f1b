"""The guide's deployment on loopback: consistent, valid, every box an address of its own."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from farline.config import check, load_deployment
from farline.lab.loopback import _Plan, loopback_port, to_loopback

GUIDE = Path(__file__).parents[3] / "examples/guide.yaml"
SECRETS = {"ruel": "a", "dora": "b", "enhtcpaservice": "c"}


def load(text):
    return load_deployment(text, SECRETS)


@pytest.fixture(scope="module")
def guide():
    return load(GUIDE.read_text())


def test_every_box_keeps_the_end_of_its_address(guide):
    mapped = to_loopback(guide)
    assert [entry.ip for entry in mapped.border.signaling_interfaces] == [
        "127.10.10.7",
        "127.168.64.96",
    ]
    assert mapped.office.ip == mapped.portal.ip == "127.10.10.13"
    assert mapped.lab.mobile.ip == "127.22.33.101"
    assert mapped.lab.router.wan_ip == "127.168.67.61"
    assert mapped.lab.desk_phone.ip == "127.10.10.30"
    assert (mapped.lab.outside_dns, mapped.lab.inside_dns) == ("127.168.64.250", "127.10.10.250")


def test_each_variant_has_addresses_and_an_element_manager_of_its_own(guide):
    one, other = to_loopback(guide, 1), to_loopback(guide, 2)
    assert one.office.ip != other.office.ip
    assert (one.ems.ip, one.ems.port, other.ems.port) == ("127.0.0.1", 8091, 8092)


def test_all_that_named_an_address_names_its_new_one(guide):
    mapped = to_loopback(guide)
    assert {a.address for a in mapped.border.server_profiles[0].addresses} == {"127.10.10.13"}
    assert mapped.border.routing_profiles[0].next_hops[0].address == "127.10.10.13"
    assert {r.remote.address for r in mapped.border.application_relays} == {"127.10.10.13"}
    assert {r.device.connect_ip for r in mapped.border.application_relays} == {"127.10.10.7"}
    assert mapped.portal.sip_info.private_address == "127.10.10.13"
    dump = str(mapped.model_dump(mode="json"))
    for old in ("10.10.10.", "192.168", "172.22"):
        assert old not in dump


def test_networks_keep_prefix_and_gateway(guide):
    mapped = to_loopback(guide)
    inside, outside = mapped.border.networks
    assert str(inside.subnet) == "127.10.10.0/24"
    assert inside.prefix == "255.255.255.0"
    assert str(outside.subnet) == "127.168.64.0/21"
    assert outside.default_gateway == "127.168.64.1"


def test_low_ports_move_up_on_both_ends_and_others_stay(guide):
    mapped = to_loopback(guide)
    assert mapped.office.directory.port == mapped.portal.dsml_provider.port == 10443
    assert mapped.portal.rest_port == 8444
    assert mapped.portal.dsml_provider.timeout == 300
    assert mapped.border.media_interfaces[0].port_range == (35000, 40000)
    assert (loopback_port(53), loopback_port(1023), loopback_port(1024)) == (10053, 11023, 1024)


def test_what_names_no_box_stays(guide):
    mapped = to_loopback(guide)
    assert mapped.portal.sip_info.public_address == "0.0.0.0"
    assert mapped.ems == guide.ems
    assert mapped.office.users == guide.office.users
    assert mapped.portal.server_name == "ipo1xp.ipolab.com"


def test_the_result_can_run_and_mapping_it_again_changes_nothing(guide):
    mapped = to_loopback(guide)
    assert check(mapped) == []
    assert to_loopback(mapped) == mapped


def test_variants_share_no_address(guide):
    one, other = (to_loopback(guide, variant).model_dump(mode="json") for variant in (1, 2))
    assert other["office"]["ip"] == "127.8.10.13"
    assert check(to_loopback(guide, 2)) == []
    addresses = [set(re.findall(r"127\.\d+\.\d+\.\d+", str(tree))) for tree in (one, other)]
    assert addresses[0] & addresses[1] == {"127.0.0.1"}  # the element manager's


def test_subnets_in_flows_follow_their_network():
    text = GUIDE.read_text().replace('source_subnet: "*"', "source_subnet: 192.168.67.0/24")
    assert to_loopback(load(text)).border.subscriber_flows[0].source_subnet == "127.168.67.0/24"
    wide = GUIDE.read_text().replace('source_subnet: "*"', "source_subnet: 0.0.0.0/0")
    assert to_loopback(load(wide)).border.subscriber_flows[0].source_subnet == "127.0.0.0/8"


def test_addresses_that_would_meet_are_kept_apart(guide):
    text = (
        GUIDE.read_text()
        .replace("172.22.33.101", "192.10.10.7")
        .replace("172.22.33.1", "192.10.10.1")
    )
    mapped = to_loopback(load(text))
    assert mapped.lab.mobile.ip != mapped.border.networks[0].addresses[0].ip


def test_ipv6_is_refused_with_the_form():
    text = GUIDE.read_text().replace("inside_dns: 10.10.10.250", "inside_dns: 2001:db8::1")
    with pytest.raises(ValueError, match="Lab: 2001:db8::1"):
        to_loopback(load(text))


@given(st.sets(st.ip_addresses(v=4), max_size=30), st.integers(8, 30))
def test_different_addresses_stay_different_and_neighbours_stay_neighbours(addresses, prefix):
    plan = _Plan(addresses)
    mapped = {address: int(plan.address(address)) for address in addresses}
    assert len(set(mapped.values())) == len(addresses)
    assert all(value >> 24 == 127 for value in mapped.values())
    shift = 32 - prefix
    for one in addresses:
        for other in addresses:
            if int(one) >> shift == int(other) >> shift:
                assert mapped[one] >> shift == mapped[other] >> shift
