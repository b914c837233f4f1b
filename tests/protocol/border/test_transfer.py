"""REFER carried out by the border: 202, NOTIFY, a call to the target, and the two joined."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farline.sip import responses
from farline.testing.border_phone import DOMAIN, OFFICE, Phone, media_address, offer
from farline.testing.transfers import (
    TARGET,
    calling_phone,
    calls,
    joined,
    make,
    office_refers,
    sipfrag,
    target_says,
    told,
)
from farline.testing.trunk import TrunkSite


@pytest.fixture
def world(load_border):
    return make(load_border)


@pytest.fixture
def phone(world):
    return calling_phone(world)


def test_the_phone_is_joined_with_the_target(phone):
    world = phone.world
    invite, again = joined(phone)
    assert (invite.method, invite.uri) == ("INVITE", f"sip:3005@{DOMAIN}")
    assert invite.get("Referred-By") == f"<sip:3003@{DOMAIN}>"
    assert f"<sip:3001@{DOMAIN}>" in invite.get("From")
    assert invite.call_id != "call-1"
    assert media_address(invite)[1] == "10.10.10.7"
    assert (again.call_id, again.uri) == ("call-1", phone.contact)
    assert media_address(again)[1] == "192.168.64.96"
    bye = phone.office_request("BYE", call="call-1", from_tag="office", to_tag="phone", cseq=6)
    world.receive(phone.upstream, bye)
    assert world.take(phone.upstream).status == 200
    assert not world.unread(phone.flow)
    assert len(calls(world)) == 2
    world.receive(phone.flow, phone.in_dialog("BYE"))
    assert world.take(phone.flow).status == 200
    end = world.take(phone.upstream)
    assert (end.method, end.call_id, end.to_tag) == ("BYE", invite.call_id, "target")
    assert calls(world) == []
    assert len(world.engine.sessions) == 0


def test_the_target_hangs_up(phone):
    world = phone.world
    invite, again = joined(phone)
    target_says(phone, invite, "BYE")
    assert world.take(phone.upstream).status == 200
    bye = world.take(phone.flow)
    assert (bye.method, bye.call_id, bye.cseq) == ("BYE", "call-1", again.cseq + 1)
    assert calls(world) == []


def test_the_border_hangs_up_on_who_referred(phone):
    world = phone.world
    joined(phone)
    world.wait(5)
    bye = world.take(phone.upstream)
    assert (bye.method, bye.call_id) == ("BYE", "call-1")
    phone.office_answer(bye, 200)
    assert len(calls(world)) == 2


@pytest.mark.parametrize("status", [486, 603])
def test_a_target_that_refuses(phone, status):
    world = phone.world
    office_refers(phone)
    told(phone, 100)
    invite = world.take(phone.upstream)
    phone.office_answer(invite, status, to_tag="target")
    assert world.take(phone.upstream).method == "ACK"
    told(phone, status, "terminated")
    assert not world.unread(phone.flow)
    assert len(calls(world)) == 1
    world.receive(phone.flow, phone.in_dialog("BYE"))
    assert world.take(phone.upstream).method == "BYE"


def test_who_referred_may_leave_before_it_rings(phone):
    world = phone.world
    office_refers(phone)
    told(phone, 100)
    invite = world.take(phone.upstream)
    bye = phone.office_request("BYE", call="call-1", from_tag="office", to_tag="phone", cseq=6)
    world.receive(phone.upstream, bye)
    assert world.take(phone.upstream).status == 200
    assert not world.unread(phone.flow)
    phone.office_answer(invite, 486, to_tag="target")
    assert world.take(phone.upstream).method == "ACK"
    assert world.take(phone.flow).method == "BYE"
    assert calls(world) == []


def test_the_phone_hangs_up_while_the_target_rings(phone):
    world = phone.world
    office_refers(phone)
    told(phone, 100)
    invite = world.take(phone.upstream)
    phone.office_answer(invite, 180, to_tag="target")
    told(phone, 180)
    world.receive(phone.flow, phone.in_dialog("BYE"))
    phone.office_answer(world.take(phone.upstream), 200)
    assert world.take(phone.flow).status == 200
    assert world.take(phone.upstream).method == "CANCEL"
    phone.office_answer(invite, 487, to_tag="target")
    assert calls(world) == []


def test_a_phone_that_takes_no_change(phone):
    world = phone.world
    office_refers(phone)
    told(phone, 100)
    invite = world.take(phone.upstream)
    phone.office_answer(invite, 200, to_tag="target", body=offer("10.10.10.40", 7000))
    assert world.take(phone.upstream).method == "ACK"
    phone.answer(world.take(phone.flow), 488)
    assert world.take(phone.flow).method == "ACK"
    bye = world.take(phone.upstream)
    assert (bye.method, bye.call_id) == ("BYE", invite.call_id)
    told(phone, 488, "terminated")
    assert len(calls(world)) == 1


def test_glare_is_waited_for(phone):
    world = phone.world
    office_refers(phone)
    told(phone, 100)
    invite = world.take(phone.upstream)
    phone.office_answer(invite, 200, to_tag="target", body=offer("10.10.10.40", 7000))
    assert world.take(phone.upstream).method == "ACK"
    phone.answer(world.take(phone.flow), 491)
    assert world.take(phone.flow).method == "ACK"
    world.wait(3)
    again = world.take(phone.flow)
    assert again.method == "INVITE"
    phone.answer(again, 200, body=offer(phone.behind, 5000))
    assert world.take(phone.flow).method == "ACK"
    told(phone, 200, "terminated")


def test_a_phone_refers(phone):
    """Blind transfer by the phone: both ends of the joined call are inside."""
    world = phone.world
    refer = phone.in_dialog("REFER", Refer_To=f"<sip:3005@{phone.border}>")
    world.receive(phone.flow, refer)
    assert world.take(phone.flow).status == 202
    notify = world.take(phone.flow)
    assert sipfrag(notify) == ("SIP/2.0 100 Trying", "active")
    phone.answer(notify, 200)
    invite = world.take(phone.upstream)
    assert (invite.method, invite.uri) == ("INVITE", f"sip:3005@{OFFICE}:5060")
    assert "sip:3003@" in invite.get("From")
    phone.office_answer(invite, 200, to_tag="target", body=offer("10.10.10.40", 7000))
    assert world.take(phone.upstream).method == "ACK"
    again = world.take(phone.upstream)
    assert (again.method, again.call_id) == ("INVITE", "call-1")
    assert media_address(again)[1] == "10.10.10.7"
    phone.office_answer(again, 200, body=offer(OFFICE, 40750))
    assert world.take(phone.upstream).method == "ACK"
    assert sipfrag(world.take(phone.flow)) == ("SIP/2.0 200 OK", "terminated")
    world.receive(phone.flow, phone.in_dialog("BYE"))
    assert world.take(phone.flow).status == 200
    assert not world.unread(phone.upstream)
    bye = phone.office_request("BYE", call="call-1", from_tag="office", to_tag="phone", cseq=6)
    world.receive(phone.upstream, bye)
    assert world.take(phone.upstream).status == 200
    end = world.take(phone.upstream)
    assert (end.method, end.to_tag) == ("BYE", "target")


def test_replaces_of_a_call_of_ours(phone):
    """Attended: the office is in two calls with phones and joins the phones."""
    world = phone.world
    other = Phone(world, user="3002", port=10058)
    other.register()
    other.call_office("call-9")
    named = "call-9%3Bto-tag%3Dphone%3Bfrom-tag%3Doffice"
    office_refers(phone, f"<sip:3002@{DOMAIN}?Replaces={named}>")
    told(phone, 100)
    there = world.take(other.flow)
    assert (there.method, there.call_id) == ("INVITE", "call-9")
    other.answer(there, 200, body=offer(other.behind, 5002))
    assert world.take(other.flow).method == "ACK"
    here = world.take(phone.flow)
    assert (here.method, here.call_id) == ("INVITE", "call-1")
    phone.answer(here, 200, body=offer(phone.behind, 5000))
    assert world.take(phone.flow).method == "ACK"
    told(phone, 200, "terminated")
    world.receive(phone.flow, phone.in_dialog("BYE"))
    assert world.take(phone.flow).status == 200
    assert world.take(other.flow).method == "BYE"
    assert calls(world) == []


def test_replaces_of_another_call_goes_to_the_target(phone):
    office_refers(phone, f"<sip:3005@{DOMAIN}?Replaces=abc%40d%3Bto-tag%3D1%3Bfrom-tag%3D2>")
    told(phone, 100)
    invite = phone.world.take(phone.upstream)
    assert invite.get("Replaces") == "abc@d;to-tag=1;from-tag=2"


def test_without_notify(phone):
    accepted = office_refers(phone, Refer_Sub="false")
    assert accepted.get("Refer-Sub") == "false"
    assert phone.world.take(phone.upstream).method == "INVITE"


@pytest.mark.parametrize(
    ("refer_to", "status"),
    [("<tel:+123>", 416), ("<sip:3005@x.org;method=BYE>", 501), ("<<", 400)],
)
def test_what_cannot_be_carried_out(phone, refer_to, status):
    refer = phone.office_request("REFER", call="call-1", from_tag="office", to_tag="phone",
                                 cseq=5, Refer_To=refer_to)  # fmt: skip
    phone.world.receive(phone.upstream, refer)
    assert phone.world.take(phone.upstream).status == status
    assert len(calls(phone.world)) == 1


def test_only_one_transfer_at_a_time(phone):
    office_refers(phone)
    told(phone, 100)
    phone.world.take(phone.upstream)
    refer = phone.office_request("REFER", call="call-1", from_tag="office", to_tag="phone",
                                 cseq=6, Refer_To=TARGET)  # fmt: skip
    phone.world.receive(phone.upstream, refer)
    assert phone.world.take(phone.upstream).status == 491


def test_uri_group(load_border):
    """Only targets of the group are handled; others pass."""
    groups = ("  # Global Policies > Server Configuration", "  uri_groups:\n"
              "    - {name: Far, uris: [{kind: regex, uri: '\\+.*'}]}\n"
              "  # Global Policies > Server Configuration")  # fmt: skip
    phone = Phone(make(load_border, "refer_handling: handle, uri_group: Far", groups))
    phone.register()
    phone.call_office()
    refer = phone.office_request("REFER", call="call-1", from_tag="office", to_tag="phone",
                                 cseq=5, Refer_To=TARGET)  # fmt: skip
    phone.world.receive(phone.upstream, refer)
    assert phone.world.take(phone.flow).method == "REFER"


def test_a_call_of_the_trunk_is_transferred_within_the_office():
    profile = ("  routing_profiles:\n", "  interworking_profiles:\n"
               "    - {name: Transfers, refer_handling: handle}\n\n"
               "  routing_profiles:\n")  # fmt: skip
    trunk = ("      sip_domain: trunk.example.net    # the provider's own domain\n",
             "      sip_domain: trunk.example.net\n"
             "      advanced: {interworking_profile: Transfers}\n")  # fmt: skip
    site = TrunkSite(profile, trunk)
    arrived, _ = site.inbound()
    refer = site.desk.in_dialog("REFER", arrived, cseq=3, Refer_To="<sip:3005@office.example.com>")
    site.desk.send(refer)
    site.desk.take(status=202)
    site.desk.answer(site.desk.take("NOTIFY"), 200)
    invite = site.desk.take("INVITE")
    assert invite.uri == "sip:3005@office.example.com"
    assert "provider@trunk.example.net" in invite.get("From")
    site.desk.answer(invite, 200, tag="target", body=offer("10.10.10.40", 7000))
    site.desk.take("ACK")
    again = site.trunk.take("INVITE")
    site.trunk.answer(again, 200, body=offer("203.0.113.2"))
    site.trunk.take("ACK")
    assert sipfrag(site.desk.take("NOTIFY"))[0] == "SIP/2.0 200 OK"
    bye = site.trunk.in_dialog("BYE", again, cseq=20)
    site.trunk.send(bye)
    site.trunk.take(status=200)
    end = site.desk.take("BYE")
    assert end.call_id == invite.call_id
    assert site.calls == []


@given(
    refer_to=st.text(st.characters(codec="ascii", exclude_characters="\r\n\x00"), max_size=60)
    | st.from_regex(r"<sip:[a-z0-9@.%;=?&]{0,40}(\?Replaces=[a-z0-9%;=@]{0,30})?>", fullmatch=True)
)
@settings(max_examples=60)
def test_whatever_refer_to_says_is_answered(load_border, refer_to):
    phone = Phone(make(load_border))
    phone.register()
    phone.call_office()
    refer = phone.office_request("REFER", call="call-1", from_tag="office", to_tag="phone", cseq=5)
    raw = refer.to_bytes().replace(
        b"Max-Forwards:", b"Refer-To: " + refer_to.encode() + b"\r\nMax-Forwards:"
    )
    phone.world.receive(phone.upstream, raw)
    assert 200 <= phone.world.take(phone.upstream).status < 700


def test_an_answer_of_the_target_without_a_tag(phone):
    office_refers(phone)
    told(phone, 100)
    invite = phone.world.take(phone.upstream)
    ok = responses.make(invite, 200, to_tag="x", body=offer("10.10.10.40", 7000))
    ok.set("To", invite.get("To"))
    ok.add("Content-Type", "application/sdp")
    phone.world.receive(phone.upstream, ok)
    told(phone, 502, "terminated")
    assert len(calls(phone.world)) == 1


def test_an_answer_of_the_target_without_a_contact(phone):
    office_refers(phone)
    told(phone, 100)
    invite = phone.world.take(phone.upstream)
    phone.office_answer(invite, 200, to_tag="target", body=offer("10.10.10.40", 7000), Contact="")
    assert phone.world.take(phone.flow).method == "INVITE"
