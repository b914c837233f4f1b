"""A border that dies while a call rings: the next one ends the call on both sides."""

import json

import pytest

from farline.media.reports import MediaSessions
from farline.sip import Message, Transport, responses
from farline.sip.effects import Started
from farline.testing.border_phone import OFFICE, Phone, offer
from farline.testing.trunk import OUTSIDE_NUMBER, TrunkSite

WHY = "the border began anew while it rang"


def registered(world, transport=Transport.UDP):
    phone = Phone(world, transport=transport)
    if transport is Transport.UDP:
        phone.target = "sip:3003@192.168.64.96:5060;transport=udp"
    phone.register()
    return phone


def restart(world):
    world.crash()
    world.give(Started())


def rings(world, phone):
    """The phone calls the office, which rings; both INVITEs."""
    invite = phone.request("INVITE", phone.target, body=offer())
    world.receive(phone.flow, invite)
    assert world.take(phone.flow).status == 100
    inner = world.take(phone.upstream)
    phone.office_answer(inner, 180)
    assert world.take(phone.flow).status == 180
    return invite, inner


def again(world, phone, invite):
    """The INVITE is repeated; what comes back."""
    world.receive(phone.flow, Message.parse(invite.to_bytes()))
    return world.take(phone.flow)


def cancel_of(invite):
    cancel = Message.request("CANCEL", invite.uri)
    for name in ("Via", "Max-Forwards", "From", "To", "Call-ID"):
        cancel.add(name, invite.get(name))
    cancel.add("CSeq", f"{invite.cseq} CANCEL")
    cancel.body = b""
    return cancel


def test_the_called_side_is_cancelled_and_the_caller_told(world):
    phone = registered(world)
    invite, inner = rings(world, phone)
    restart(world)
    last = world.take(phone.flow)
    assert (last.status, last.cseq) == (503, invite.cseq)
    assert last.top_via.branch == invite.top_via.branch
    office = world.opened[-1]
    cancel = world.take(office)
    assert (cancel.method, cancel.uri, cancel.cseq) == ("CANCEL", inner.uri, inner.cseq)
    assert str(cancel.top_via) == str(inner.top_via)
    assert world.core.show()["counters"]["calls.failed"] == 1
    assert {noun for noun, _ in world.memory.records} == {"binding"}
    phone.upstream = office
    phone.office_answer(inner, 200, body=offer(OFFICE))  # it crossed the CANCEL
    assert [world.take(office).method for _ in range(2)] == ["ACK", "BYE"]
    assert world.core.show()["sessions"] == []


def test_what_the_caller_sends_again_finds_the_answer(world):
    phone = registered(world)
    invite, _ = rings(world, phone)
    restart(world)
    first = world.take(phone.flow)
    assert again(world, phone, invite).to_bytes() == first.to_bytes()
    world.receive(phone.flow, cancel_of(invite))
    assert world.take(phone.flow).status == 200
    world.wait(0.6)
    assert world.take(phone.flow).status == 503  # until its ACK
    ack = cancel_of(invite)
    ack = Message.parse(ack.to_bytes().replace(b"CANCEL", b"ACK"))
    ack.set("To", first.get("To"))
    world.receive(phone.flow, ack)
    world.wait(40)
    assert not world.unread(phone.flow)
    assert not world.unread(world.opened[-1])[1:]  # one CANCEL, no second call


def test_a_phone_that_rings_is_cancelled_and_the_office_told(world):
    phone = registered(world)
    invite = phone.office_request("INVITE", call="c9", body=offer(OFFICE))
    world.receive(phone.upstream, invite)
    world.take(phone.upstream)
    outer = world.take(phone.flow)
    phone.answer(outer, 180)
    restart(world)
    cancel = world.take(phone.flow)
    assert (cancel.method, str(cancel.top_via)) == ("CANCEL", str(outer.top_via))
    last = world.take(world.opened[-1])
    assert (last.status, last.call_id) == (503, "c9")
    assert last.top_via.branch == invite.top_via.branch
    assert str(world.opened[-1].remote) == f"{OFFICE}:5060"


def test_a_phone_whose_connection_is_lost_is_told_when_it_comes_back(world):
    phone = registered(world, Transport.TCP)
    invite, _ = rings(world, phone)
    restart(world)
    assert world.take(world.opened[-1]).method == "CANCEL"
    phone.flow = world.accept("IPORWB1Sig", "192.168.67.61", 50111)
    register(world, phone)
    last = world.take(phone.flow)
    assert (last.status, last.cseq, last.method) == (503, invite.cseq, "INVITE")
    world.receive(phone.flow, cancel_of(invite))
    assert world.take(phone.flow).status == 200


def register(world, phone):
    request = phone.request(
        "REGISTER", "sip:ipo1xp.ipolab.com", to="<sip:3001@ipo1xp.ipolab.com>", call="reg-3001",
        cseq=9, Contact=f'<{phone.contact}>;+sip.instance="{phone.instance}";reg-id=1',
    )  # fmt: skip
    world.receive(phone.flow, request)
    phone.upstream = world.opened[-1]
    inner = world.unread(phone.upstream)[-1]
    answer = responses.make(inner, 200, to_tag="reg")
    answer.add("Contact", f"{inner.get('Contact')};expires=180")
    world.receive(phone.upstream, answer)
    while (seen := world.take(phone.flow)).method == "REGISTER" and seen.status != 200:
        pass


def test_a_call_between_servers_is_ended_on_both_sides():
    site = TrunkSite()
    site.trunk.send(site.trunk.request("INVITE", "sip:3003@203.0.113.10:5060", body=offer()))
    site.trunk.take(status=100)
    arrived = site.world.take(site.world.opened[-1])
    restart(site.world)
    assert site.trunk.take().status == 503
    assert site.world.take(site.world.opened[-1]).call_id == arrived.call_id


def test_the_number_of_the_cancel_is_that_of_the_last_invite():
    site = TrunkSite()
    site.desk.send(site.desk.request("INVITE", OUTSIDE_NUMBER, body=offer("10.10.10.13")))
    site.desk.take(status=100)
    first = site.trunk.take("INVITE")
    site.trunk.answer(first, 421, Require="timer")
    site.trunk.take("ACK")
    second = site.trunk.take("INVITE")
    restart(site.world)
    cancels = [one for one in site.world.unread(site.trunk.flow) if one.method == "CANCEL"]
    assert [(one.cseq, str(one.top_via)) for one in cancels] == [(second.cseq, str(second.top_via))]


@pytest.mark.parametrize("end", ["486", "200", "CANCEL"])
def test_nothing_is_kept_of_a_call_that_rings_no_more(world, end):
    phone = registered(world)
    invite, inner = rings(world, phone)
    assert ("ringing" in {noun for noun, _ in world.memory.records}) is True
    if end == "CANCEL":
        world.receive(phone.flow, cancel_of(invite))
        phone.office_answer(inner, 487)
    else:
        phone.office_answer(inner, int(end), body=offer(OFFICE) if end == "200" else b"")
    assert "ringing" not in {noun for noun, _ in world.memory.records}
    restart(world)
    assert not [one for one in world.unread(phone.flow) if one.status == 503]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"came": "bm9uZQ=="}, ""),
        ({"at": -9999.0}, "nothing rings for so long"),
        ({"caller": {"interface": "gone", "transport": "UDP", "local": ["1.1.1.1", 1],
                     "remote": ["1.1.1.1", 1]}}, "no Signaling Interface"),
        ({"called": {"interface": "IPORWA1Sig", "transport": "X", "local": ["1.1.1.1", 1],
                     "remote": ["1.1.1.1", 1]}}, "X"),
    ],
)  # fmt: skip
def test_a_record_that_cannot_be_used_is_dropped_and_said(world, changes, why):
    phone = registered(world)
    rings(world, phone)
    key = next(key for key in world.memory.records if key[0] == "ringing")
    value = {**json.loads(world.memory.records[key]), **changes}
    world.memory.records[key] = json.dumps(value).encode()
    restart(world)
    (dropped,) = world.dropped
    assert dropped.noun == "ringing"
    assert why in dropped.why
    assert not world.unread(phone.flow)


def test_the_media_of_a_call_that_rang_are_released(world):
    phone = registered(world)
    rings(world, phone)
    (media,) = world.engine.sessions
    restart(world)
    world.give(MediaSessions((media,)))
    world.wait(33)
    assert world.engine.sessions == {}
