"""Registrations of a flow: split leases, leases by the NAT's time, keep-alives."""

import pytest
from pydantic import ValidationError

from farline.config import Registrations
from farline.sip import Transport, responses
from farline.sip.effects import KeptAlive
from farline.sip.transport import Address
from farline.testing.border_phone import DOMAIN, Phone, granted, refresh


def bindings(world):
    return world.core.show()["bindings"]


def test_the_phone_gets_a_short_lease_and_the_office_is_asked_for_a_long_one(world_with):
    world = world_with(phone_lease=120, office_lease=7200)
    phone = Phone(world)
    final = phone.register(expires=300, granted=7200)
    inner = next(data for flow, data in world.all_sent if flow == phone.upstream)
    assert b";expires=7200" in inner
    assert granted(final) == 120


def test_refreshes_of_the_first_half_stay_here(world_with):
    """Of 30 refreshes in an hour and a half the office sees those after each half lease."""
    world = world_with(phone_lease=180, office_lease=3600)
    phone = Phone(world)
    phone.register(granted=3600)
    upstream = 0
    for turn in range(30):
        world.wait(170)
        refresh(phone, turn + 2)
        for inner in world.unread(phone.upstream):
            upstream += 1
            world.take(phone.upstream)
            assert world.take(phone.flow).status == 100
            answer = responses.make(inner, 200, to_tag="reg")
            answer.add("Contact", inner.get("Contact"))
            world.receive(phone.upstream, answer)
        final = world.take(phone.flow)
        assert (final.status, granted(final)) == (200, 180)
    assert upstream == 30 * 170 // (11 * 170)  # 11 x 170 is the first refresh after 1800 s
    assert len(bindings(world)) == 1
    assert phone.call_office() is not None


def test_what_is_no_plain_refresh_goes_to_the_office(world_with):
    world = world_with(phone_lease=180)
    phone = Phone(world)
    phone.register(granted=3600)
    elsewhere = world.accept("IPORWB1Sig", "192.168.67.61", 10999)
    refresh(phone, 2, flow=elsewhere)
    assert world.take(phone.upstream).method == "REGISTER"
    contact, phone.contact = phone.contact, f"sip:{phone.user}@172.22.33.101:7777;transport=tcp"
    refresh(phone, 3)
    assert world.take(phone.upstream).method == "REGISTER"
    phone.contact = contact
    refresh(phone, 4, Path="<sip:edge.example.com;lr>")
    assert world.take(phone.upstream).method == "REGISTER"
    refresh(phone, 5, expires=0)
    assert ";expires=0" in world.take(phone.upstream).get("Contact")


def test_an_office_that_was_away_is_told_at_once(world_with):
    """It may have forgotten everybody: what it said before is not repeated."""
    world = world_with(phone_lease=180)
    phone = Phone(world)
    phone.register(granted=3600)
    world.close(phone.upstream)
    phone.register(granted=3600, cseq=2)
    assert len(world.opened) == 2
    refresh(phone, 3)
    assert world.unread(phone.upstream) == []
    assert world.take(phone.flow).status == 200
    world.refusing.add(Address("10.10.10.13", 5060))
    other = Phone(world, user="3002", port=10058)
    world.wait(1)
    refresh(other, 1)  # finds the office down
    assert world.unread(other.flow)[-1].status == 503
    world.refusing.clear()
    refresh(phone, 4)
    assert world.take(phone.upstream).method == "REGISTER"


def test_a_paced_refresh_does_not_cost_the_phone_its_flow(world_with):
    world = world_with(phone_lease=60, office_lease=600, registers_per_second=1, register_burst=1)
    phone = Phone(world)
    phone.register(granted=600)
    for turn in range(6):
        world.wait(50)
        if turn < 5:
            refresh(phone, turn + 2)
            assert world.take(phone.flow).status == 200
    for port in range(12000, 12200):
        refresh(Phone(world, user=str(port), port=port), 1)
    refresh(phone, 9)
    refused = world.take(phone.flow)
    seconds = int(refused.get("Retry-After"))
    assert refused.status == 503 and 20 < seconds <= 101
    world.wait(seconds)
    assert bindings(world)[0]["phone"] is not None


def test_the_stored_answer_keeps_its_headers(world_with):
    world = world_with(phone_lease=180)
    phone = Phone(world)
    refresh(phone, 1)
    upstream = world.opened[0]
    inner = world.take(upstream)
    answer = responses.make(inner, 200, to_tag="x", headers=(("Expires", "3600"),))
    answer.add("Contact", inner.get("Contact"))
    answer.add("Allow", "INVITE,BYE")
    world.receive(upstream, answer)
    assert world.take(phone.flow).status == 100
    first = world.take(phone.flow)
    assert (first.get("Expires"), granted(first)) == ("180", 180)
    refresh(phone, 2)
    second = world.take(phone.flow)
    assert (second.status, second.get("Allow"), granted(second)) == (200, "INVITE,BYE", 180)
    assert world.unread(upstream) == []


def test_a_phone_that_does_not_refresh_is_lost_and_its_binding_stays(world_with):
    world = world_with(phone_lease=60)
    phone = Phone(world)
    phone.register(granted=3600)
    world.wait(63)
    (row,) = bindings(world)
    assert (row["phone"], row["registered"]) == (None, True)
    office = world.accept("IPORWA1Sig", "10.10.10.13", 4103)
    world.receive(office, phone.office_request("MESSAGE"))
    assert world.take(office).status == 430
    world.receive(phone.flow, phone.request("MESSAGE", f"sip:3003@{DOMAIN}"))
    assert world.take(phone.flow).status == 403
    phone.register(granted=3600, cseq=2)
    world.receive(office, phone.office_request("MESSAGE", call="call-9"))
    assert world.take(phone.flow).method == "MESSAGE"
    world.wait(3603)
    assert bindings(world) == []


@pytest.mark.parametrize("options", [{"phone_lease": 60}, {"survivable_lease": 60}])
def test_a_phone_that_leaves(world_with, options):
    world = world_with(**options)
    phone = Phone(world)
    phone.register()
    refresh(phone, 2, expires=0)
    assert world.take(phone.flow).status == 100
    inner = world.take(phone.upstream)
    assert ";expires=0" in inner.get("Contact")
    world.receive(phone.upstream, responses.make(inner, 200, headers=(("Expires", "0"),)))
    assert world.take(phone.flow).status == 200
    assert bindings(world) == []


def test_the_lease_of_the_phone_is_at_most_half_of_the_offices():
    with pytest.raises(ValidationError, match="at most half"):
        Registrations(phone_lease=180, office_lease=200)


def test_the_lease_follows_what_the_nat_holds(world_with, load_border):
    world = world_with(phone_lease="auto", office_lease=86_400)
    phone = Phone(world, transport=Transport.UDP)
    given = [granted(phone.register(granted=86_400))]
    for turn in range(3):
        world.wait(given[-1] - 1)
        refresh(phone, turn + 2)
        given.append(granted(world.take(phone.flow)))
    assert given == [60, 88, 130, 194]  # 1.5 times the silence that was survived
    (row,) = bindings(world)
    assert row["longest silence survived"] == 129.0
    world.wait(190)
    phone.flow = world.accept("IPORWB1Sig", "192.168.67.61", 33000, Transport.UDP)
    given.append(granted(phone.register(granted=86_400, cseq=9)))
    (row,) = bindings(world)
    assert row["shortest silence that broke"] == 190.0
    assert given[-1] == 129


STUN = bytes.fromhex("000100002112a442b7e7a701bc34d686fa87dfae")


def test_keep_alives_are_silences_survived(world_with):
    world = world_with()
    phone = Phone(world)
    phone.register()
    world.wait(100)
    world.give(KeptAlive(phone.flow))
    world.wait(70)
    world.give(KeptAlive(phone.flow))
    assert bindings(world)[0]["longest silence survived"] == 100.0


def test_stun_is_answered_on_flows_of_phones_only(world_with):
    world = world_with()
    phone = Phone(world, transport=Transport.UDP)
    world.give(KeptAlive(phone.flow, STUN))
    assert world.all_sent == []
    phone.register()
    before = len(world.all_sent)
    world.give(KeptAlive(phone.flow, STUN))
    world.give(KeptAlive(phone.flow, STUN[:-1]))
    ((flow, data),) = world.all_sent[before:]
    assert flow == phone.flow
    assert data[:2] == b"\x01\x01" and data[8:20] == STUN[8:]
