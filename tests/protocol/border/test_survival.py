"""A border that dies, and the one that takes its place: dialogs and bindings go on."""

import json

import pytest

from farline.media.engine import Delete, Offer
from farline.media.reports import MediaSessions
from farline.sip import Message, Transport, responses
from farline.store.state import Persist
from farline.testing.border_phone import OFFICE, Phone, media_address, offer

UDP_TARGET = "sip:3003@192.168.64.96:5060;transport=udp"


@pytest.fixture
def udp_phone(world):
    phone = Phone(world, transport=Transport.UDP)
    phone.target = UDP_TARGET
    phone.register()
    return phone


@pytest.fixture
def call(world, udp_phone):
    """A call of a phone on UDP to the office (on TCP), and then the border dies."""
    udp_phone.call_office()
    world.crash()
    return udp_phone


def media_name(world):
    (session,) = world.core.show()["sessions"]
    return session["media"]


def answered(world, phone, request):
    """The request goes inside over a new connection to the same server, and is answered 200."""
    world.receive(phone.flow, request)
    first = world.take(phone.flow) if request.method == "INVITE" else None
    assert first is None or first.status == 100
    phone.upstream = world.opened[-1]
    inner = world.take(phone.upstream)
    body = offer(OFFICE, 40750) if inner.body else b""
    phone.office_answer(inner, 200, body=body)
    assert world.take(phone.flow).status == 200
    return inner


def test_bye_of_the_phone(world, call):
    before = len(world.opened)
    inner = answered(world, call, call.in_dialog("BYE"))
    assert len(world.opened) == before + 1
    assert str(world.opened[-1].remote) == f"{OFFICE}:5060"
    assert inner.uri == f"sip:3003@{OFFICE}:5060;transport=tcp"
    assert inner.call_id == "call-1"
    assert world.core.show()["sessions"] == []
    assert isinstance(world.engine.requests[-1], Delete)
    assert {noun for noun, _ in world.memory.records} == {"binding"}


def test_bye_of_the_office(world, call):
    office = world.accept("IPORWA1Sig", OFFICE, 4103)
    world.receive(office, call.office_request("BYE", to_tag="phone", call="call-1", cseq=9))
    bye = world.take(call.flow)
    assert (bye.method, bye.uri) == ("BYE", call.contact)
    call.answer(bye, 200)
    assert world.take(office).status == 200
    assert world.core.show()["sessions"] == []


def test_reinvite_of_each_side_keeps_the_media_session(world, call):
    name = media_name(world)
    inner = answered(world, call, call.in_dialog("INVITE", body=offer(port=5010)))
    assert media_address(inner)[1] == "10.10.10.7"
    world.receive(call.flow, call.in_dialog("ACK", cseq=call.cseq))
    assert world.take(call.upstream).method == "ACK"
    office = world.accept("IPORWA1Sig", OFFICE, 4103)
    request = call.office_request(
        "INVITE", to_tag="phone", call="call-1", cseq=7, body=offer(OFFICE, 40760)
    )
    world.receive(office, request)
    assert world.take(office).status == 100
    outer = world.take(call.flow)
    assert (outer.uri, media_address(outer)[1]) == (call.contact, "192.168.64.96")
    call.answer(outer, 200, body=offer())
    assert world.take(office).status == 200
    asked = [one for one in world.engine.requests if isinstance(one, Offer)]
    assert {one.session for one in asked} == {name}
    assert [one.sender.name for one in asked] == ["outside", "outside", "inside"]


def test_session_refresh_by_update_and_a_second_crash(world, call):
    for _ in range(2):
        inner = answered(world, call, call.in_dialog("UPDATE", Session_Expires="1800"))
        assert inner.get("Session-Expires") == "1800"
        world.crash()
    # A BYE of the border's own has a CSeq after all that the phone has used.
    world.give(MediaSessions(()))
    bye = world.take(world.opened[-1])
    assert (bye.method, bye.cseq) == ("BYE", call.cseq + 1)
    assert world.take(call.flow).method == "BYE"


def test_register_refresh_keeps_the_binding(world, udp_phone):
    subid = udp_phone.subid
    world.crash(seconds=60)
    (shown,) = world.core.show()["bindings"]
    assert shown["registered"] is True
    assert shown["expires_in"] == 122.0  # 180 s and the slack of 2, less 60
    before = len(world.opened)
    request = udp_phone.request(
        "REGISTER", "sip:ipo1xp.ipolab.com", to="<sip:3001@ipo1xp.ipolab.com>", call="reg-3001",
        cseq=2, Contact=f'<{udp_phone.contact}>;+sip.instance="{udp_phone.instance}";reg-id=1',
    )  # fmt: skip
    world.receive(udp_phone.flow, request)
    assert len(world.opened) == before + 1
    assert f"subid_ipcs={subid}" in world.take(world.opened[-1]).get("Contact")


def test_new_calls_pass_without_a_new_registration(world, udp_phone):
    world.crash()
    office = world.accept("IPORWA1Sig", OFFICE, 4103)
    world.receive(office, udp_phone.office_request("INVITE", body=offer(OFFICE, 40750)))
    assert world.take(office).status == 100
    assert world.take(udp_phone.flow).method == "INVITE"


@pytest.mark.parametrize(("with_instance", "status"), [(True, 430), (False, 480)])
def test_a_phone_on_tcp_is_unreachable_until_it_registers_again(world, with_instance, status):
    phone = Phone(world)
    if not with_instance:
        phone.instance = ""
        phone.register = lambda: register_plainly(world, phone)
    phone.register()
    phone.call_office()
    world.crash()
    office = world.accept("IPORWA1Sig", OFFICE, 4103)
    world.receive(office, phone.office_request("UPDATE", to_tag="phone", call="call-1", cseq=9))
    assert world.take(office).status == status
    if not with_instance:  # behind NAT the new connection has another port, and so the Contact
        phone.contact = "sip:3001@172.22.33.101:10999;transport=tcp"
    phone.flow = world.accept("IPORWB1Sig", "192.168.67.61", 10999)
    subid = phone.subid
    del phone.upstream
    phone.register()
    if not with_instance:
        phone.subid = subid  # the dialog has the first one's
    world.receive(office, phone.office_request("BYE", to_tag="phone", call="call-1", cseq=10))
    bye = world.take(phone.flow)
    assert bye.method == "BYE"
    phone.answer(bye, 200)
    assert world.take(office).status == 200


def register_plainly(world, phone):
    request = phone.request(
        "REGISTER", "sip:ipo1xp.ipolab.com", to="<sip:3001@ipo1xp.ipolab.com>", call="reg"
    )
    world.receive(phone.flow, request)
    assert world.take(phone.flow).status == 100
    phone.upstream = world.opened[-1]
    inner = world.take(phone.upstream)
    contact = inner.get("Contact")
    phone.subid = contact.partition("subid_ipcs=")[2].partition(">")[0]
    answer = responses.make(inner, 200, to_tag="reg")
    answer.add("Contact", f"{contact};expires=180")
    world.receive(phone.upstream, answer)
    assert world.take(phone.flow).status == 200


def test_what_rings_is_lost_and_its_media_released(world, udp_phone):
    udp_phone.call_office(answer=False)
    (media,) = world.engine.sessions
    world.crash()
    assert world.core.show()["sessions"] == []
    world.give(MediaSessions((media,)))
    world.wait(31)
    assert media in world.engine.sessions
    world.wait(2)
    assert world.engine.sessions == {}


def test_media_of_calls_that_go_on_is_not_released(world, call):
    world.give(MediaSessions((media_name(world),)))
    world.wait(60)
    assert list(world.engine.sessions) == [media_name(world)]


def test_a_call_whose_media_is_lost_ends(world, call):
    world.give(MediaSessions(()))
    assert world.take(call.flow).get("Reason").startswith("Q.850;cause=41")
    assert world.core.show()["sessions"] == []


def test_an_expired_binding_is_not_restored_nor_its_call(world, call):
    world.crash(seconds=200)
    assert world.core.show()["bindings"] == world.core.show()["sessions"] == []
    assert [one.why for one in world.dropped] == ["its lease is over", "its binding is gone"]
    assert world.memory.records == {}


def damaged(value, **changes):
    return json.dumps({**json.loads(value), **changes}).encode()


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (lambda value: value[:-3], "Expecting"),
        (lambda value: b"[" * 100_000, "recursion"),
        (lambda value: damaged(value, version=7), "of version 7"),
        (lambda value: damaged(value, caller=None), "object"),
        (lambda value: damaged(value, initiator="nobody"), "nobody"),
        (lambda value: damaged(value, callees={}), "an end"),
        (lambda value: damaged(value, key=["1", "2", "3"]), "binding"),
        (lambda value: b"x" * 300_000, "300000 bytes"),
    ],
)
def test_a_damaged_record_is_dropped_and_said(world, call, damage, why):
    ((noun, key),) = [name for name in world.memory.records if name[0] == "session"]
    world.memory.write([Persist(noun, key, damage(world.memory.records[noun, key]))])
    world.crash()
    (dropped,) = world.dropped
    assert why in dropped.why
    assert [one["aor"] for one in world.core.show()["bindings"]] == ["3001@ipo1xp.ipolab.com"]
    assert (noun, key) not in world.memory.records


def test_a_configuration_without_the_flow_drops_the_binding(world, call, load_border):
    world.crash(load_border(("name: SubsflowRW", "name: Another")))
    assert "Subscriber Flow" in world.dropped[0].why


def test_names_that_are_no_utf8_survive(world, udp_phone):
    call = udp_phone.request("INVITE", "sip:3003@ipo1xp.ipolab.com", body=offer())
    call.set("From", '"R\udcfcel" <sip:3001@ipo1xp.ipolab.com>;tag=phone')
    world.receive(udp_phone.flow, call)
    world.take(udp_phone.flow)
    udp_phone.office_answer(world.take(udp_phone.upstream), 200, body=offer(OFFICE, 40750))
    world.take(udp_phone.flow)
    world.crash()
    world.give(MediaSessions(()))
    bye = world.take(world.opened[-1])
    assert isinstance(bye, Message)
    assert b"R\xfcel" in bye.to_bytes()
