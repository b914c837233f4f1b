"""Another configuration under way: what runs stays, what begins goes by the new one."""

import pytest

from farline.border import Reconfigured
from farline.sip import responses
from farline.testing.border_phone import DOMAIN, OFFICE, Phone, offer

NEW_OFFICE = "10.10.10.14"
MOVED = (
    ("- {address: 10.10.10.13, port: 5061", f"- {{address: {NEW_OFFICE}, port: 5061"),
    ("- {address: 10.10.10.13, port: 5060", f"- {{address: {NEW_OFFICE}, port: 5060"),
    ("server: IPO, address: 10.10.10.13,", f"server: IPO, address: {NEW_OFFICE},"),
)
"""The office moves to another address."""


@pytest.fixture
def moved(load_border):
    return Reconfigured(load_border(*MOVED))


def test_a_call_goes_on_where_it_began(world, phone, moved):
    phone.call_office()
    old = phone.upstream
    world.give(moved)
    world.receive(phone.flow, phone.in_dialog("BYE", call="call-1", cseq=9))
    bye = world.take(old)
    assert (bye.method, old.remote.host) == ("BYE", OFFICE)
    world.receive(old, responses.make(bye, 200))
    assert world.take(phone.flow).status == 200


def test_the_office_of_before_still_ends_its_call_from_a_new_connection(world, phone, moved):
    phone.call_office()
    world.give(moved)
    again = world.accept("IPORWA1Sig", OFFICE, 4999)
    world.receive(again, phone.office_request("BYE", call="call-1", to_tag=phone.invite.from_tag))
    assert world.take(phone.flow).method == "BYE"


def test_the_office_of_before_begins_nothing_new(world, phone, moved):
    phone.call_office()
    world.give(moved)
    again = world.accept("IPORWA1Sig", OFFICE, 4999)
    world.receive(again, phone.office_request("INVITE", call="late", body=offer(OFFICE, 40800)))
    assert world.take(again).status == 403


def test_the_next_call_goes_to_the_new_address(world, phone, moved):
    world.give(moved)
    world.receive(phone.flow, phone.request("INVITE", f"sip:3003@{DOMAIN}", body=offer()))
    assert world.take(phone.flow).status == 100
    assert world.opened[-1].remote.host == NEW_OFFICE
    assert world.take(world.opened[-1]).method == "INVITE"


def test_a_call_holds_the_connection_until_it_ends(world, phone, moved):
    phone.call_office()
    world.give(moved)
    world.receive(phone.flow, phone.request("MESSAGE", f"sip:3003@{DOMAIN}", call="m1"))
    assert world.take(phone.upstream).method == "MESSAGE"
    assert world.opened[-1].remote.host == OFFICE


def test_a_flow_that_is_gone_refuses_the_next_register(world, phone, load_border):
    narrow = load_border(('source_subnet: "*"', "source_subnet: 198.51.100.0/24"))
    world.give(Reconfigured(narrow))
    world.receive(phone.flow, phone.request("MESSAGE", f"sip:3003@{DOMAIN}", call="m1"))
    assert world.take(world.opened[-1]).method == "MESSAGE"  # the lease is still good
    request = phone.request("REGISTER", f"sip:{DOMAIN}", to=f"<sip:3001@{DOMAIN}>", cseq=2)
    world.receive(phone.flow, request)
    assert world.take(phone.flow).status == 403


def test_inside_addresses_of_before_stay_hidden(world, phone, moved):
    phone.call_office()
    world.give(moved)
    again = world.accept("IPORWA1Sig", OFFICE, 4999)
    info = phone.office_request("INFO", call="call-1", to_tag=phone.invite.from_tag)
    info.set("Warning", f'399 {OFFICE} "elsewhere"')
    world.receive(again, info)
    assert OFFICE not in (world.take(phone.flow).get("Warning") or "")


def test_another_border_and_back_leaves_nothing_behind(world, load_border, moved):
    world.give(moved)
    world.give(Reconfigured(load_border()))
    Phone(world).register()
    late = world.accept("IPORWA1Sig", NEW_OFFICE, 4999)
    other = Phone(world, user="3002", port=10058)
    other.register()
    world.receive(late, other.office_request("INVITE", call="late", body=offer(NEW_OFFICE, 40800)))
    assert world.take(late).status == 403


def test_heartbeats_go_to_the_new_address_only(world, load_border):
    off = 'heartbeat: {enabled: false, frequency: 30, from_uri: "", to_uri: ""}'
    beating = (off, "heartbeat: {enabled: true, frequency: 10}")
    world.give(Reconfigured(load_border(beating)))
    world.wait(1)
    world.give(Reconfigured(load_border(beating, *MOVED)))
    world.wait(40)  # the last beat to the old one is not repeated any more
    before = len(world.all_sent)
    world.wait(25)
    beats = {flow.remote.host for flow, data in world.all_sent[before:] if data[:7] == b"OPTIONS"}
    assert beats == {NEW_OFFICE}
