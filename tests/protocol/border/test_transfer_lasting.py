"""A border that dies during a transfer: each of the three gets a clear end from the next one."""

import pytest

from farline.sip import Transport
from farline.sip.effects import Started
from farline.testing.border_phone import DOMAIN, OFFICE, Phone, offer
from farline.testing.transfers import calls, make, office_refers, told

TARGET_SDP = offer("10.10.10.40", 7000)


@pytest.fixture
def phone(load_border):
    """In a call with the office over UDP: its flow is there again after a restart."""
    world = make(load_border)
    phone = Phone(world, transport=Transport.UDP)
    phone.target = "sip:3003@192.168.64.96:5060;transport=udp"
    phone.register()
    phone.call_office()
    return phone


def called(phone, status=180):
    """The office refers; the INVITE to the target, which has answered so far."""
    office_refers(phone)
    told(phone, 100)
    invite = phone.world.take(phone.upstream)
    phone.office_answer(invite, status, to_tag="target", body=TARGET_SDP if status == 200 else b"")
    if status < 200:
        told(phone, status)
    return invite


def restart(phone):
    """Another process; the connection to the office that it opens."""
    world = phone.world
    world.crash()
    world.give(Started())
    phone.upstream = world.opened[-1]
    return world


def of(messages, method):
    return [one for one in messages if one.method == method]


def test_a_target_that_rings_is_cancelled_and_the_first_call_goes_on(phone):
    invite = called(phone)
    world = restart(phone)
    (cancel,), (notify,) = of(world.unread(), "CANCEL"), of(world.unread(), "NOTIFY")
    assert (cancel.uri, cancel.call_id, cancel.cseq) == (invite.uri, invite.call_id, invite.cseq)
    assert str(cancel.top_via) == str(invite.top_via)
    assert notify.body.startswith(b"SIP/2.0 503 ")
    assert notify.get("Subscription-State").startswith("terminated")
    assert [one["state"] for one in calls(world)] == ["answered"]
    phone.office_answer(world.take(phone.upstream), 200)
    world.receive(phone.flow, phone.in_dialog("BYE"))
    assert world.take(phone.upstream).method == "BYE"


def test_a_target_that_answers_late_is_hung_up_on(phone):
    invite = called(phone)
    world = restart(phone)
    for _ in world.unread(phone.upstream):
        world.take(phone.upstream)
    phone.office_answer(invite, 200, to_tag="target", body=TARGET_SDP)
    sent = [world.take(phone.upstream) for _ in range(2)]
    assert [(one.method, one.call_id, one.to_tag) for one in sent] == [
        ("ACK", invite.call_id, "target"), ("BYE", invite.call_id, "target"),
    ]  # fmt: skip


def test_a_stranger_s_late_answer_gets_nothing(phone):
    invite = called(phone)
    world = restart(phone)
    for _ in world.unread(phone.upstream):
        world.take(phone.upstream)
    invite.set("Call-ID", "another")
    phone.office_answer(invite, 200, to_tag="target", body=TARGET_SDP)
    assert not world.unread(phone.upstream)


def test_who_stays_is_hung_up_on_where_the_beginner_has_left(phone):
    called(phone)
    bye = phone.office_request("BYE", call="call-1", from_tag="office", to_tag="phone", cseq=6)
    phone.world.receive(phone.upstream, bye)
    assert phone.world.take(phone.upstream).status == 200
    world = restart(phone)
    assert world.take(phone.flow).method == "BYE"
    assert of(world.unread(phone.upstream), "NOTIFY") == []
    assert calls(world) == []


def test_all_three_are_hung_up_on_while_two_are_being_joined(phone):
    invite = called(phone, 200)
    assert phone.world.take(phone.upstream).method == "ACK"
    assert phone.world.take(phone.flow).method == "INVITE"
    world = restart(phone)
    assert world.take(phone.flow).method == "BYE"
    sent = world.unread(phone.upstream)
    ended = {one.call_id for one in of(sent, "BYE")}
    assert ended == {"call-1", invite.call_id}
    assert of(sent, "NOTIFY")[0].body.startswith(b"SIP/2.0 503 ")
    assert calls(world) == []


def test_the_beginner_that_does_not_leave_is_hung_up_on_by_the_next_process(phone):
    called(phone, 200)
    assert phone.world.take(phone.upstream).method == "ACK"
    phone.answer(phone.world.take(phone.flow), 200, body=offer(phone.behind, 5000))
    assert phone.world.take(phone.flow).method == "ACK"
    told(phone, 200, "terminated")
    world = restart(phone)
    bye = world.take(phone.upstream)
    assert (bye.method, bye.call_id) == ("BYE", "call-1")
    assert len(calls(world)) == 2


def test_nothing_of_a_transfer_is_kept_when_it_is_over(phone):
    invite = called(phone)
    assert {noun for noun, _ in phone.world.memory.records} == {"binding", "session", "transfer"}
    phone.office_answer(invite, 486, to_tag="target")
    assert {noun for noun, _ in phone.world.memory.records} == {"binding", "session"}


def test_two_calls_that_were_being_joined_end_on_all_sides(phone, load_border):
    """Attended: the target is in a call of its own through the border."""
    world = phone.world
    other = Phone(world, user="3002", port=10058, transport=Transport.UDP)
    other.target = phone.target
    other.register()
    other.call_office("call-9")
    named = "call-9%3Bto-tag%3Dphone%3Bfrom-tag%3Doffice"
    office_refers(phone, f"<sip:3002@{DOMAIN}?Replaces={named}>")
    told(phone, 100)
    assert world.take(other.flow).method == "INVITE"
    restart(phone)
    assert world.take(phone.flow).method == "BYE"
    assert world.take(other.flow).method == "BYE"
    assert {one.call_id for one in of(world.unread(), "BYE")} == {"call-1", "call-9"}
    assert str(phone.upstream.remote.host) == OFFICE
    assert calls(world) == []
