"""A trunk beside the office: calls between servers, by the server flows' routing profiles."""

import pytest

from farline.border.explain.explainer import Explainer
from farline.border.explain.scratch import Scratch
from farline.config import load_deployment, load_with_warnings
from farline.media.reports import DigitDialled
from farline.sip import Address, Transport
from farline.testing.border_phone import media_address, offer
from farline.testing.border_server import Server
from farline.testing.trunk import (
    NUMBER,
    OURS,
    OUTSIDE_NUMBER,
    SECRETS,
    TEXT,
    TrunkSite,
    trunk_border,
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


# ---- what differs by Server Type ----


REGISTER_AT = ("phone_registrations: null", "phone_registrations: true")
TO_TRUNK = (
    "end_point_policy_group: avaya-def-low-enc\n      routing_profile: to-Office\n\n",
    "end_point_policy_group: avaya-def-low-enc\n      routing_profile: to-Provider\n\n",
)
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


# ---- farline check ----


def problems(*changes):
    text = TEXT
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    try:
        return [str(one) for one in load_with_warnings(text, SECRETS)[1]]
    except ValueError as error:
        return str(error).splitlines()


TRUNKS_OWN = ("media_interface: TrunkMedia\n      end_point_policy_group: avaya-def-low-enc\n"
              "      routing_profile: to-Office")  # fmt: skip


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ((TRUNKS_OWN, TRUNKS_OWN.replace("to-Office", "to-Provider")), "a loop: requests of"),
        ((TRUNKS_OWN, TRUNKS_OWN.replace("to-Office", "default")), "lead nowhere"),
        ((TRUNKS_OWN, TRUNKS_OWN.replace("to-Office", "to-Nowhere")), "no such routing profile"),
        (("203.0.113.3", "203.0.113.10"), "what is sent there comes back"),
        (("    - name: Trunk\n      server_profile: Provider", "    - name: Trunk\n"
          "      server_profile: Office"), "no server flow names 'Provider'"),
        (("- name: to-Office\n", "- name: default\n"), "means in a server flow"),
        (TO_TRUNK, "phones cannot register"),
    ],
)  # fmt: skip
def test_check(change, says):
    assert any(says in one for one in problems(change)), problems(change)


def test_the_example_is_right():
    assert problems() == []


def test_connections_to_servers_are_shared(site):
    site.inbound()
    opened = len(site.world.opened)
    site.trunk.send(site.trunk.request("INVITE", NUMBER, call="c2", body=offer("203.0.113.2")))
    site.trunk.take(status=100)
    assert site.desk.take("INVITE").call_id == "c2"
    assert len(site.world.opened) == opened


def test_explained():
    explainer = Explainer(Scratch(trunk_border()))
    flow = explainer.scratch.flow("TrunkSig", Transport.UDP, Address("203.0.113.2", 5060))
    invite = TrunkSite().trunk.request("INVITE", NUMBER, body=offer("203.0.113.2"))
    told = explainer.explain(flow, invite.to_bytes())
    steps = {step.stage: step for step in told.steps}
    assert steps["server-type"].value == "trunk"
    assert "Routing Profile only" in steps["server-type"].because
    assert steps["flow"].because.startswith("to another server by Routing Profile to-Office")
    assert [row.name for row in steps["server-flow"].candidates if row.taken] == ["OfficeForTrunk"]
    assert any(sent.interface == "OfficeSig" for sent in told.sent)


# ---- both interworking profiles ----


def with_profiles(trunk, office):
    """A site whose two servers have interworking profiles with these fields."""
    profiles = ("  routing_profiles:\n", "  interworking_profiles:\n"
                f"    - {{name: Theirs, {trunk}}}\n    - {{name: Ours, {office}}}\n\n"
                "  routing_profiles:\n")  # fmt: skip
    theirs = ("    # the provider's own domain\n", "\n"
              "      advanced: {interworking_profile: Theirs}\n")  # fmt: skip
    ours = ("      sip_domain: office.example.com\n", "      sip_domain: office.example.com\n"
            "      advanced: {interworking_profile: Ours}\n")  # fmt: skip
    return TrunkSite(profiles, theirs, ours)


def test_digits_between_servers_that_speak_differently():
    site = with_profiles("dtmf_support: sip_info", "dtmf_support: rfc_4733")
    arrived, ok = site.outbound()
    (one,) = site.calls
    info = site.trunk.in_dialog("INFO", arrived, cseq=1, body=b"5", Content_Type="application/dtmf")
    site.trunk.send(info)
    assert site.trunk.take().status == 200
    dialled = site.world.engine.requests[-1]
    assert (dialled.side, dialled.digit) == ("outside", "5")
    site.world.give(DigitDialled(one["media"], "outside", "7", 160))
    told = site.trunk.take("INFO")
    assert b"Signal=7" in told.body
    site.trunk.answer(told, 200)
    site.world.give(DigitDialled(one["media"], "inside", "8", 160))
    assert not site.world.unread(site.desk.flow)
    site.desk.send(site.desk.in_dialog("BYE", ok, cseq=2))
    assert site.trunk.take("BYE").cseq == told.cseq + 1


def test_hold_of_both_styles():
    site = with_profiles("hold_support: rfc2543", "hold_support: rfc3264")
    arrived, ok = site.outbound()
    held = offer("203.0.113.2").replace(b"c=IN IP4 203.0.113.2", b"c=IN IP4 0.0.0.0")
    site.trunk.send(site.trunk.in_dialog("INVITE", arrived, cseq=1, body=held))
    site.trunk.take(status=100)
    shown = site.desk.take("INVITE")
    assert b"a=sendonly" in shown.body
    site.desk.answer(shown, 200, body=offer("10.10.10.13", 6000, direction="recvonly"))
    final = site.trunk.take(status=200)
    site.trunk.send(site.trunk.in_dialog("ACK", final, cseq=1))
    site.desk.take("ACK")
    back = site.desk.in_dialog("INVITE", ok, cseq=5,
                               body=offer("10.10.10.13", 6000, direction="sendonly"))  # fmt: skip
    site.desk.send(back)
    site.desk.take(status=100)
    assert b"c=IN IP4 0.0.0.0" in site.trunk.take("INVITE").body


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
