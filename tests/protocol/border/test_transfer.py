"""REFER carried out by the border: 202, NOTIFY, a call to the target, and the two joined."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farline.media.reports import MediaTimeout
from farline.sip import responses
from farline.testing.border import BorderWorld
from farline.testing.border_phone import DOMAIN, OFFICE, Phone, media_address, offer
from farline.testing.trunk import TrunkSite

TARGET = f"<sip:3005@{DOMAIN}>"


@pytest.fixture
def world(load_border):
    return make(load_border)


BORDERS = {}
"""By what was asked for: reading a deployment takes longer than a test."""


def make(load_border, fields="refer_handling: handle", *changes):
    if (fields, changes) not in BORDERS:
        BORDERS[fields, changes] = border_with(load_border, fields, *changes)
    return BorderWorld(BORDERS[fields, changes])


def border_with(load_border, fields, *changes):
    profile = f"  interworking_profiles:\n    - {{name: odd, {fields}}}\n\n"
    profile += "  # Global Policies > Routing"
    return load_border(
        ("interworking_profile: avaya-ru", "interworking_profile: odd"),
        ("  # Global Policies > Routing", profile), *changes,
    )  # fmt: skip


@pytest.fixture
def phone(world):
    found = Phone(world)
    found.register()
    found.call_office()
    return found


def sipfrag(notify):
    assert notify.method == "NOTIFY"
    assert notify.get("Event").startswith("refer")
    return notify.body.decode().split("\r\n")[0], notify.get("Subscription-State").split(";")[0]


def office_refers(phone, refer_to=TARGET, **headers):
    """The office asks that the phone be joined with somebody; the INVITE to the target."""
    world = phone.world
    refer = phone.office_request("REFER", call="call-1", from_tag="office", to_tag="phone",
                                 cseq=5, Refer_To=refer_to, **headers)  # fmt: skip
    world.receive(phone.upstream, refer)
    accepted = world.take(phone.upstream)
    assert accepted.status == 202
    return accepted


def told(phone, status, state="active"):
    """The next NOTIFY to the office."""
    notify = phone.world.take(phone.upstream)
    line, subscription = sipfrag(notify)
    assert (line.split()[1], subscription) == (str(status), state)
    phone.office_answer(notify, 200)
    return notify


def joined(phone, **headers):
    """A transfer by the office up to its end: the INVITE to the target, the re-INVITE."""
    world = phone.world
    office_refers(phone, Referred_By=f"<sip:3003@{DOMAIN}>", **headers)
    told(phone, 100)
    invite = world.take(phone.upstream)
    phone.office_answer(invite, 180, to_tag="target")
    told(phone, 180)
    phone.office_answer(invite, 200, to_tag="target", body=offer("10.10.10.40", 7000))
    ack = world.take(phone.upstream)
    again = world.take(phone.flow)
    assert (ack.method, again.method) == ("ACK", "INVITE")
    phone.answer(again, 200, to_tag="phone", body=offer(phone.behind, 5000))
    assert world.take(phone.flow).method == "ACK"
    told(phone, 200, "terminated")
    return invite, again


def calls(world):
    return [one for one in world.core.show()["sessions"] if one["kind"] == "call"]


def target_says(phone, invite, method, cseq=9, body=b"", **headers):
    """A request of the target in its new call."""
    contact = invite.get("Contact")
    phone_uri = contact[contact.index("<") + 1 : contact.index(">")]
    message = phone.office_request(method, call=invite.call_id, from_tag="target",
                                   to_tag=invite.from_tag, cseq=cseq, body=body,
                                   **headers)  # fmt: skip
    message.uri = phone_uri
    message.set("From", f"{invite.get('To')};tag=target")
    message.set("To", invite.get("From"))
    phone.world.receive(phone.upstream, message)
    return message


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


def test_hold_and_digits_go_on_between_the_joined(phone):
    world = phone.world
    invite, _ = joined(phone)
    held = offer("10.10.10.40", 7000, direction="sendonly")
    target_says(phone, invite, "INVITE", body=held)
    assert world.take(phone.upstream).status == 100
    again = world.take(phone.flow)
    assert b"a=sendonly" in again.body
    phone.answer(again, 200, body=offer(phone.behind, 5000, direction="recvonly"))
    ok = world.take(phone.upstream)
    assert (ok.status, b"a=recvonly" in ok.body) == (200, True)
    target_says(phone, invite, "ACK")
    ack = world.take(phone.flow)
    assert (ack.method, ack.cseq) == ("ACK", again.cseq)
    world.receive(phone.flow, phone.in_dialog("INFO", body=b"5", Content_Type="application/dtmf"))
    info = world.take(phone.upstream)
    assert (info.method, info.call_id, info.body) == ("INFO", invite.call_id, b"5")
    phone.office_answer(info, 200)
    assert world.take(phone.flow).status == 200


def test_a_late_offer_between_the_joined(phone):
    world = phone.world
    invite, _ = joined(phone)
    target_says(phone, invite, "INVITE")
    assert world.take(phone.upstream).status == 100
    again = world.take(phone.flow)
    assert again.body == b""
    phone.answer(again, 200, body=offer(phone.behind, 5000))
    ok = world.take(phone.upstream)
    assert media_address(ok)[1] == "10.10.10.7"
    target_says(phone, invite, "ACK", body=offer("10.10.10.40", 7000))
    ack = world.take(phone.flow)
    assert media_address(ack)[1] == "192.168.64.96"


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


def test_a_joined_call_outlives_the_process(phone):
    world = phone.world
    invite, _ = joined(phone)
    world.crash()
    flow = world.accept("IPORWA1Sig", OFFICE, 4103)
    bye = phone.office_request("BYE", call=invite.call_id, from_tag="target",
                               to_tag=invite.from_tag, cseq=9)  # fmt: skip
    bye.set("From", f"{invite.get('To')};tag=target")
    bye.set("To", invite.get("From"))
    world.receive(flow, bye)
    assert world.take(flow).status == 200
    assert calls(world) == []


def test_answers_are_acknowledged_again(phone):
    world = phone.world
    office_refers(phone)
    told(phone, 100)
    invite = world.take(phone.upstream)
    ok = responses.make(invite, 200, to_tag="target", body=offer("10.10.10.40", 7000))
    ok.add("Contact", f"<sip:3005@{OFFICE}>")
    ok.add("Content-Type", "application/sdp")
    world.receive(phone.upstream, ok)
    world.receive(phone.upstream, ok)
    assert [world.take(phone.upstream).method for _ in range(2)] == ["ACK", "ACK"]


def test_a_joined_call_is_transferred_again(phone):
    """The target refers the phone to somebody else."""
    world = phone.world
    first, _ = joined(phone)
    world.wait(5)
    phone.office_answer(world.take(phone.upstream), 200)  # BYE to who referred first
    target_says(phone, first, "REFER", cseq=20, Refer_To="<sip:3007@ipo1xp.ipolab.com>")
    assert world.take(phone.upstream).status == 202
    told(phone, 100)
    second = world.take(phone.upstream)
    assert (second.method, second.uri) == ("INVITE", f"sip:3007@{DOMAIN}")
    phone.office_answer(second, 200, to_tag="third", body=offer("10.10.10.41", 7002))
    assert world.take(phone.upstream).method == "ACK"
    again = world.take(phone.flow)
    assert (again.method, again.call_id) == ("INVITE", "call-1")
    phone.answer(again, 200, body=offer(phone.behind, 5000))
    assert world.take(phone.flow).method == "ACK"
    told(phone, 200, "terminated")
    target_says(phone, first, "BYE", cseq=21)
    assert world.take(phone.upstream).status == 200
    assert not world.unread(phone.flow)
    assert len(calls(world)) == 2
    world.receive(phone.flow, phone.in_dialog("BYE"))
    assert world.take(phone.flow).status == 200
    end = world.take(phone.upstream)
    assert (end.method, end.to_tag, end.call_id) == ("BYE", "third", second.call_id)
    assert calls(world) == []
    assert len(world.engine.sessions) == 0


def test_the_phone_transfers_a_joined_call(phone):
    world = phone.world
    joined(phone)
    world.receive(phone.flow, phone.in_dialog("REFER", Refer_To=f"<sip:3008@{DOMAIN}>"))
    assert world.take(phone.flow).status == 202
    phone.answer(world.take(phone.flow), 200)
    second = world.take(phone.upstream)
    phone.office_answer(second, 200, to_tag="third", body=offer("10.10.10.41", 7002))
    assert world.take(phone.upstream).method == "ACK"
    again = world.take(phone.upstream)
    assert (again.method, again.to_tag) == ("INVITE", "target")
    phone.office_answer(again, 200, to_tag="target", body=offer("10.10.10.40", 7000))
    assert world.take(phone.upstream).method == "ACK"
    assert sipfrag(world.take(phone.flow)) == ("SIP/2.0 200 OK", "terminated")
    world.wait(5)
    assert world.take(phone.flow).method == "BYE"
    assert len(calls(world)) == 2


def test_silence_ends_both_joined_calls(phone):
    world = phone.world
    joined(phone)
    media = next(one["media"] for one in calls(world) if one["media"])
    world.give(MediaTimeout(media, 60.0))
    assert world.take(phone.flow).method == "BYE"
    assert world.take(phone.upstream).method == "BYE"
    assert calls(world) == []


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
