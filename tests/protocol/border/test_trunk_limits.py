"""What a trunk may not do, and who stands before its interface."""

import pytest

from farline.sip import Address
from farline.testing.border_phone import offer
from farline.testing.border_server import Server
from farline.testing.trunk import NUMBER, OURS, TO_TRUNK, TrunkSite


@pytest.fixture
def site():
    return TrunkSite()


REGISTER_AT = ("phone_registrations: null", "phone_registrations: true")
FLOW_FOR_PHONES = (
    "    - name: Trunk\n      server_profile: Provider\n      received_interface: OfficeSig",
    "    - name: TrunkForPhones\n      server_profile: Provider\n"
    "      received_interface: PhoneSig\n      signaling_interface: TrunkSig\n"
    "      media_interface: TrunkMedia\n      end_point_policy_group: avaya-def-low-enc\n"
    "    - name: Trunk\n      server_profile: Provider\n      received_interface: OfficeSig",
)


def registering(world):
    phone = Server(world, "PhoneSig", Address("192.168.67.61", 5060), user="3001", domain="x.org")
    request = phone.request("REGISTER", "sip:x.org", to="<sip:3001@x.org>")
    request.set("From", "<sip:3001@x.org>;tag=p")
    phone.send(request)
    return phone


def test_phones_do_not_register_with_a_trunk():
    site = TrunkSite(TO_TRUNK, FLOW_FOR_PHONES)
    phone = registering(site.world)
    assert phone.take().status == 403
    assert not site.world.unread(site.trunk.flow)
    decision = site.world.decisions("server-type")[0]
    assert decision.form.endswith("Provider: Phone Registrations")


def test_phones_register_with_a_trunk_that_is_said_to_take_them():
    site = TrunkSite(TO_TRUNK, FLOW_FOR_PHONES, REGISTER_AT)
    registering(site.world)
    inner = site.trunk.take("REGISTER")
    token = inner.get("Contact").partition("subid_ipcs=")[2].partition(">")[0].partition(";")[0]
    site.trunk.answer(inner, 200, Contact=inner.get("Contact") + ";expires=180")
    invite = site.trunk.request("INVITE", f"sip:3001@{OURS};subid_ipcs={token}", body=offer())
    site.trunk.send(invite)
    assert site.trunk.take().status == 100


def test_a_trunk_may_not_name_a_phone_of_the_office(site):
    phone = registering(site.world)
    flow = site.world.opened[-1]
    inner = site.desk.take("REGISTER", flow=flow)
    token = inner.get("Contact").partition("subid_ipcs=")[2].partition(">")[0].partition(";")[0]
    site.desk.answer(inner, 200, flow=flow, Contact=inner.get("Contact") + ";expires=180")
    assert phone.take().status == 200
    uri = f"sip:3001@{OURS};subid_ipcs={token}"
    site.trunk.send(site.trunk.request("INVITE", uri, body=offer("203.0.113.2")))
    assert site.trunk.take().status == 403
    refused = site.world.decisions("admission")[-1]
    assert refused.form.endswith("Provider: Server Type")
    office = site.desk.request("INVITE", f"sip:3001@10.10.10.7;subid_ipcs={token}", body=offer())
    site.desk.send(office)
    assert site.desk.take().status == 100
    assert phone.take().method == "INVITE"


def test_a_server_without_a_routing_profile_reaches_nobody_else():
    off = ("      media_interface: TrunkMedia\n      end_point_policy_group: avaya-def-low-enc\n"
           "      routing_profile: to-Office\n",
           "      media_interface: TrunkMedia\n      end_point_policy_group: avaya-def-low-enc\n"
           "      routing_profile: default\n")  # fmt: skip
    site = TrunkSite(off)
    site.trunk.send(site.trunk.request("INVITE", NUMBER, body=offer("203.0.113.2")))
    assert site.trunk.take().status == 404
    assert site.world.decisions("admission")[-1].form.endswith("Trunk: Routing Profile")


def test_servers_do_not_register(site):
    site.trunk.send(site.trunk.request("REGISTER", f"sip:{OURS}"))
    assert site.trunk.take().status in (403, 405)


def test_a_stranger_cannot_use_the_token_of_a_way(site):
    _, ok = site.inbound()
    token = ok.get("Contact")
    thief = Server(
        site.world, "TrunkSig", Address("203.0.113.66", 5060), user="thief", domain="x.org"
    )
    bye = thief.in_dialog("BYE", ok, cseq=9)
    assert "subid_ipcs=" in token
    thief.send(bye)
    assert thief.take().status == 403
    assert len(site.calls) == 1


# ---- strangers before a trunk's interface ----


def test_a_scanner_before_the_trunks_interface_gets_no_answer(site):
    thief = site.server("TrunkSig", "203.0.113.66", "100", "x.org")
    probe = thief.request("OPTIONS", f"sip:100@{OURS}", User_Agent="friendly-scanner")
    thief.send(probe)
    assert not site.world.unread(thief.flow)
    other = site.server("TrunkSig", "203.0.113.67", "100", "x.org")
    other.send(other.request("INVITE", NUMBER, call="c9", body=offer("203.0.113.67")))
    assert other.take().status == 403
    shield = site.world.core.show()["counters"]
    assert shield["refused.no-flow"] == 1


def test_a_trunk_known_by_name_and_subnet_is_no_stranger():
    """Its Remote Subnet says where it is: it is not held to the limits of strangers."""
    named = ("{address: 203.0.113.3, port: 5060, transport: UDP}",
             "{address: trunk.example.net, port: 5060, transport: UDP}")  # fmt: skip
    hop = ("        - {priority: 2, server: Provider, address: 203.0.113.3, port: 5060,"
           " transport: UDP}\n", "")  # fmt: skip
    subnet = ("      server_profile: Provider\n", "      server_profile: Provider\n"
              "      remote_subnet: 203.0.113.0/28\n")  # fmt: skip
    site = TrunkSite(hop, named, subnet)
    other = site.server("TrunkSig", "203.0.113.5", "provider", "trunk.example.net")
    for number in range(60):
        other.send(other.request("INVITE", NUMBER, call=f"c{number}", body=offer("203.0.113.5")))
        assert other.take().status == 100
