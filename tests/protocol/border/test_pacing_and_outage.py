"""REGISTERs that are paced, and phones held while the office is down or the border dies."""

import pytest

from farline.sip import Transport, responses
from farline.sip.transport import Address
from farline.testing.border_phone import DOMAIN, Phone, granted, refresh


def bindings(world):
    return world.core.show()["bindings"]


def test_a_flood_is_paced(world_with):
    world = world_with(registers_per_second=5, register_burst=20)
    known = Phone(world, user="2999", port=9999)
    known.register()
    world.wait(10)
    phones = [Phone(world, user=str(3000 + n), port=11000 + n) for n in range(60)]
    for phone in phones:
        refresh(phone, 1)
    answers = [world.unread(phone.flow)[0] for phone in phones]
    waits = [int(one.get("Retry-After")) for one in answers if one.status == 503]
    assert len(waits) == 60 - 15  # a quarter of the burst is kept
    assert min(waits) >= 1 and max(waits) <= 10 and len(set(waits)) > 4
    assert len(bindings(world)) == 1 + 15
    known.register(cseq=2)  # the kept quarter is for who is known
    refresh(phones[-1], 2)
    assert world.unread(phones[-1].flow)[-1].status == 503
    world.wait(1)
    refresh(phones[-1], 3)
    assert world.unread(phones[-1].flow)[-1].status == 100
    reason = world.decisions("registration")[0]
    assert reason.form.endswith("REGISTERs per Second")


def test_a_fleet_comes_back_at_the_pace_of_the_office(world_with):
    """Phones that do as Retry-After says: no more reach the office than it bears, and all do."""
    rate, burst, fleet = 10, 20, 300
    world = world_with(registers_per_second=rate, register_burst=burst)
    due = [(0.0, Phone(world, user=str(3000 + n), port=11000 + n)) for n in range(fleet)]
    passed, tries = [], 0
    while due:
        due.sort(key=lambda one: one[0])
        at, phone = due.pop(0)
        world.wait(at - world.clock.now if at > world.clock.now else 0.0)
        opened, tries = len(world.opened), tries + 1
        refresh(phone, tries)
        answer = world.unread(phone.flow)[-1]
        if answer.status == 503:
            due.append((world.clock.now + int(answer.get("Retry-After")), phone))
            continue
        passed.append(world.clock.now)
        phone.upstream = world.opened[opened]
        inner = world.take(phone.upstream)
        accepted = responses.make(inner, 200, to_tag="reg", headers=(("Expires", "3600"),))
        accepted.add("Contact", inner.get("Contact"))
        world.receive(phone.upstream, accepted)
    start = passed[0]
    for index, at in enumerate(passed):
        assert index <= burst + (at - start) * rate
    assert passed[-1] - start < 3 * fleet / rate
    assert tries < 5 * fleet


def test_the_second_half_of_a_challenge_is_known(world_with):
    world = world_with(registers_per_second=1, register_burst=4)
    phones = [Phone(world, user=str(3000 + n), port=11000 + n) for n in range(4)]
    for phone in phones:
        refresh(phone, 1)
    assert [world.unread(phone.flow)[0].status for phone in phones] == [100, 100, 100, 503]
    refresh(phones[0], 2, Authorization='Digest username="3000"')
    assert world.unread(phones[0].flow)[-1].status == 100


@pytest.fixture
def cut_off(world_with):
    """A registered phone, and an office that has gone."""
    world = world_with(survivable_lease=60)
    phone = Phone(world)
    phone.register()
    world.refusing.update(Address("10.10.10.13", port) for port in (5060, 5061))
    world.close(phone.upstream)
    return world, phone


def test_known_phones_are_held(cut_off):
    world, phone = cut_off
    for turn in range(6):
        world.wait(50)
        refresh(phone, turn + 2)
        assert world.take(phone.flow).status == 100
        final = world.take(phone.flow)
        assert (final.status, granted(final)) == (200, 60)
    (row,) = bindings(world)
    assert row["registered"]
    world.refusing.clear()
    world.wait(50)
    phone.register(cseq=20)


def test_others_and_calls_come_later(cut_off):
    world, phone = cut_off
    world.receive(phone.flow, phone.request("INVITE", f"sip:3003@{DOMAIN}"))
    assert world.take(phone.flow).status == 100
    refused = world.take(phone.flow)
    assert refused.status == 503 and 60 <= int(refused.get("Retry-After")) < 120
    stranger = Phone(world, user="3002", port=10058)
    refresh(stranger, 1)
    assert world.take(stranger.flow).status == 100
    refused = world.take(stranger.flow)
    assert refused.status == 503 and int(refused.get("Retry-After")) >= 60
    elsewhere = world.accept("IPORWB1Sig", "203.0.113.9", 4000)
    refresh(phone, 2, flow=elsewhere)
    assert world.unread(elsewhere)[-1].status == 503


def test_a_silent_office_is_given_up_in_four_seconds(world_with):
    world = world_with(survivable_lease=60)
    phone = Phone(world)
    phone.register()
    refresh(phone, 2)
    world.wait(4)
    assert [one.status for one in world.unread(phone.flow)] == [100, 200]


def test_without_the_option_the_phone_is_told(world_with):
    world = world_with()
    phone = Phone(world)
    phone.register()
    world.refusing.add(Address("10.10.10.13", 5060))
    world.close(phone.upstream)
    refresh(phone, 2)
    assert world.unread(phone.flow)[-1].status == 503


def test_leases_path_and_push_outlive_the_border(world_with):
    world = world_with(phone_lease=120, push_url="https://push.example.com/wake")
    phone = Phone(world, transport=Transport.UDP)
    phone.contact += ";pn-provider=fcm;pn-prid=token"
    edge = "<sip:edge.example.com;lr;ob>"
    refresh(phone, 1, Supported="path", Path=edge)
    upstream = world.opened[0]
    inner = world.take(upstream)
    phone.subid = inner.get("Contact").partition("subid_ipcs=")[2].partition(">")[0]
    accepted = responses.make(inner, 200, to_tag="x", headers=(("Expires", "3600"),))
    accepted.add("Contact", inner.get("Contact"))
    world.receive(upstream, accepted)
    world.crash()
    (row,) = bindings(world)
    assert (row["push"], 100 < row["phone_lease_left"] <= 122) == ("fcm", True)
    assert row["expires_in"] > 3500
    office = world.accept("IPORWA1Sig", "10.10.10.13", 4103)
    world.receive(office, phone.office_request("MESSAGE"))
    assert world.take(phone.flow).values("Route") == [edge]
    world.wait(125)
    world.receive(office, phone.office_request("MESSAGE", call="later"))
    (push,) = world.pushed
    assert dict(push.params)["pn-prid"] == "token"


def test_after_a_restart_the_office_hears_of_the_next_refresh(world_with):
    world = world_with(phone_lease=120)
    phone = Phone(world, transport=Transport.UDP)
    phone.register(granted=3600)
    world.crash()
    before = len(world.opened)
    refresh(phone, 2)
    assert len(world.opened) == before + 1
    assert world.take(world.opened[-1]).method == "REGISTER"
