"""A trunk beside the office: calls between servers, by the server flows' routing profiles."""

import pytest

from farline.config import load_deployment
from farline.testing.border_phone import media_address, offer
from farline.testing.trunk import (
    NUMBER,
    OURS,
    OUTSIDE_NUMBER,
    SECRETS,
    TEXT,
    TrunkSite,
)

INSIDE = "10.10.10."


@pytest.fixture
def site():
    return TrunkSite()


def test_a_call_from_the_trunk_to_the_office_and_back_to_nothing(site):
    arrived, ok = site.inbound()
    assert arrived.uri == "sip:3003@office.example.com"
    assert media_address(arrived)[1] == "10.10.10.7"
    assert media_address(ok)[1] == OURS
    assert [(one["from"], one["state"]) for one in site.calls] == [
        ("Provider to Office", "answered")
    ]
    assert site.world.core.show()["bindings"] == []
    site.desk.send(site.desk.in_dialog("BYE", arrived, cseq=1))
    bye = site.trunk.take("BYE")
    site.trunk.answer(bye, 200)
    assert site.desk.take().status == 200
    assert site.calls == []
    site.world.wait(40)
    assert len(site.world.core._context.bindings) == 0


def test_a_call_from_the_office_to_the_trunk_ended_by_the_trunk(site):
    arrived, ok = site.outbound()
    assert media_address(arrived)[1] == OURS
    assert media_address(ok)[1] == "10.10.10.7"
    site.trunk.send(site.trunk.in_dialog("BYE", arrived, cseq=1))
    bye = site.desk.take("BYE")
    assert bye.uri == site.desk.contact
    site.desk.answer(bye, 200)
    assert site.trunk.take().status == 200
    assert site.calls == []


def test_the_trunk_reads_nothing_of_the_inside(site):
    arrived, _ = site.outbound(
        P_Asserted_Identity="<sip:3003@10.10.10.13>", X_Odd="see 10.10.10.13",
        from_="<sip:3003@10.10.10.13>",
    )  # fmt: skip
    assert INSIDE not in arrived.to_bytes().decode()
    assert arrived.get("P-Asserted-Identity") == "<sip:3003@trunk.example.net>"
    assert "@trunk.example.net" in arrived.get("From")
    site.trunk.send(site.trunk.in_dialog("INFO", arrived, cseq=1))
    info = site.desk.take("INFO")
    assert info.get("To") == "<sip:3003@10.10.10.13>;tag=3003"
    site.desk.answer(info, 200, Warning='399 10.10.10.13 "no"')
    answer = site.trunk.take(status=200)
    assert INSIDE not in answer.to_bytes().decode()


def test_re_invites_of_both_sides(site):
    arrived, ok = site.inbound()
    held = site.desk.in_dialog(
        "INVITE", arrived, cseq=7, body=offer("10.10.10.13", 6000, direction="sendonly")
    )
    site.desk.send(held)
    assert site.desk.take().status == 100
    again = site.trunk.take("INVITE")
    assert b"a=sendonly" in again.body
    site.trunk.answer(again, 200, body=offer("203.0.113.2"))
    final = site.desk.take(status=200)
    site.desk.send(site.desk.in_dialog("ACK", final, cseq=7))
    site.trunk.take("ACK")
    more = site.trunk.in_dialog("INVITE", ok, cseq=2, body=offer("203.0.113.2", 5004))
    site.trunk.send(more)
    assert site.trunk.take().status == 100
    assert site.desk.take("INVITE").cseq == 2


def test_cancel_and_refusal(site):
    invite = site.trunk.request("INVITE", NUMBER, body=offer("203.0.113.2"))
    site.trunk.send(invite)
    site.trunk.take(status=100)
    flow = site.desk.flow = site.world.opened[-1]
    arrived = site.desk.take("INVITE")
    site.desk.answer(arrived, 180)
    site.trunk.take(status=180)
    cancel = site.trunk.request("CANCEL", NUMBER)
    cancel.set_all("Via", invite.all("Via"))
    site.trunk.send(cancel)
    assert site.trunk.take().status == 200
    site.desk.answer(site.desk.take("CANCEL", flow=flow), 200)
    site.desk.answer(arrived, 487)
    assert site.trunk.take().status == 487
    assert site.calls == []


def test_requests_without_a_dialog_go_the_same_way(site):
    site.trunk.send(site.trunk.request("MESSAGE", NUMBER, body=b"hi", Content_Type="text/plain"))
    site.desk.flow = site.world.opened[-1]
    message = site.desk.take("MESSAGE")
    assert message.uri == "sip:3003@office.example.com"
    site.desk.answer(message, 200)
    assert site.trunk.take().status == 200


def test_options_to_the_border_itself_are_answered(site):
    site.trunk.send(site.trunk.request("OPTIONS", f"sip:{OURS}:5060"))
    assert site.trunk.take().status == 200


# ---- routing, policies, failover ----


def test_the_trunks_second_address_takes_over(site):
    invite = site.desk.request("INVITE", OUTSIDE_NUMBER, body=offer("10.10.10.13"))
    site.desk.send(invite)
    site.desk.take(status=100)
    site.trunk.take("INVITE")
    site.world.wait(5)
    second = site.server("TrunkSig", "203.0.113.3", "provider", "trunk.example.net")
    assert second.take("INVITE").call_id == "call-1"


def test_each_call_is_routed_anew_by_turns():
    site = TrunkSite(("    - name: to-Provider\n", "    - name: to-Provider\n"
                 "      load_balancing: round_robin\n"))  # fmt: skip
    second = site.server("TrunkSig", "203.0.113.3", "provider", "trunk.example.net")
    for number, trunk in enumerate((site.trunk, second, site.trunk)):
        site.desk.send(site.desk.request("INVITE", OUTSIDE_NUMBER, call=f"c{number}",
                                         body=offer("10.10.10.13")))  # fmt: skip
        site.desk.take(status=100)
        assert trunk.take("INVITE").call_id == f"c{number}"


def test_the_called_number_chooses_the_rule_of_the_routing_profile():
    groups = ("  server_profiles:\n    - name: Office", "  uri_groups:\n"
              "    - {name: Abroad, uris: [{kind: regex, uri: '\\+1.*'}]}\n\n"
              "  server_profiles:\n    - name: Office")  # fmt: skip
    only = ("    - name: to-Provider\n", "    - name: to-Provider\n      uri_group: Abroad\n")
    site = TrunkSite(groups, only)
    site.desk.send(site.desk.request("INVITE", OUTSIDE_NUMBER, body=offer("10.10.10.13")))
    site.desk.take(status=100)
    assert site.desk.take().status == 403
    site.desk.send(site.desk.request("INVITE", "sip:+1800@10.10.10.7", call="c2",
                                     body=offer("10.10.10.13")))  # fmt: skip
    site.desk.take(status=100)
    assert site.trunk.take("INVITE").uri == "sip:+1800@trunk.example.net"


def test_most_sessions_of_the_group_towards_the_trunk():
    rules = (
        "  routing_profiles:\n",
        "  application_rules:\n    - {name: One, max_concurrent_sessions: 1}\n"
        "  end_point_policy_groups:\n    - {name: Narrow, sets: [{application: One}]}\n\n"
        "  routing_profiles:\n",
    )
    group = "      media_interface: TrunkMedia\n      end_point_policy_group: "
    narrow = (f"{group}avaya-def-low-enc", f"{group}Narrow")
    site = TrunkSite(rules, narrow)
    site.outbound()
    site.desk.send(site.desk.request("INVITE", OUTSIDE_NUMBER, call="c2",
                                     body=offer("10.10.10.13")))  # fmt: skip
    site.desk.take(status=100)
    assert site.desk.take().status == 503


def test_topology_hiding_of_both_flows():
    profiles = (
        "  routing_profiles:\n",
        "  topology_hiding_profiles:\n"
        "    - {name: out, rules: [{header: From, criteria: IP/Domain,"
        " replace_action: overwrite, overwrite_value: pbx.example.org}]}\n"
        "    - {name: in, rules: [{header: P-Asserted-Identity, criteria: IP/Domain,"
        " replace_action: overwrite, overwrite_value: provider.example.org}]}\n\n"
        "  routing_profiles:\n",
    )
    trunk = ("routing_profile: to-Office\n", "routing_profile: to-Office\n"
             "      topology_hiding_profile: out\n")  # fmt: skip
    text = TEXT.replace("      media_interface: OfficeMedia\n",
                        "      media_interface: OfficeMedia\n"
                        "      topology_hiding_profile: in\n")  # fmt: skip
    for old, new in (profiles,):
        text = text.replace(old, new)
    head, tail = text.rsplit(trunk[0], 1)
    site = TrunkSite(border=load_deployment(head + trunk[1] + tail, SECRETS).border)
    arrived, _ = site.outbound()
    assert "@pbx.example.org" in arrived.get("From")
    who = "<sip:+4930123@trunk.example.net>"
    site.trunk.send(site.trunk.in_dialog("INFO", arrived, cseq=1, P_Asserted_Identity=who))
    told = site.desk.take("INFO").get("P-Asserted-Identity")
    assert told == "<sip:+4930123@provider.example.org>"


def test_a_loop_through_a_proxy_ends(site):
    site.outbound()
    back = site.desk.request("INVITE", OUTSIDE_NUMBER, body=offer("10.10.10.13"), cseq=1)
    site.desk.send(back)
    site.desk.take(status=100)
    assert site.desk.take().status == 482


# ---- what lasts ----


def test_a_lost_connection_to_the_server_that_began_is_made_again(site):
    arrived, _ = site.outbound()
    site.world.close(site.desk.flow)
    site.trunk.send(site.trunk.in_dialog("BYE", arrived, cseq=1))
    back = site.world.opened[-1]
    assert back.remote == site.desk.address
    site.desk.answer(site.desk.take("BYE", flow=back), 200, flow=back)
    assert site.trunk.take().status == 200


def test_a_call_between_servers_outlives_the_process(site):
    arrived, _ = site.inbound()
    site.world.crash()
    assert [one["from"] for one in site.calls] == ["Provider to Office"]
    site.desk.flow = site.world.accept("OfficeSig", "10.10.10.13", 5060)
    site.desk.send(site.desk.in_dialog("BYE", arrived, cseq=1))
    site.trunk.answer(site.trunk.take("BYE"), 200)
    assert site.desk.take().status == 200
    assert site.calls == []
    site.world.wait(100)
    assert len(site.world.core._context.bindings) == 0
