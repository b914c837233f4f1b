"""Recordings at a server over a restart of the border, late answers, and what metadata says."""

import xml.etree.ElementTree as ElementTree

import pytest

from farline.border.recording.metadata import NAMESPACE
from farline.media.engine import Subscribe
from farline.media.reports import MediaSessions
from farline.sip import Transport, responses
from farline.sip.effects import Started
from farline.testing.border_phone import OFFICE, Phone, offer
from farline.testing.siprec import (
    OFFERS,
    SERVERS,
    accept,
    answer,
    parts,
    recorded_world,
    to_server,
    told,
)

NAME = {"r": NAMESPACE}
HELD = OFFERS[1].replace(b"a=label:2\r\na=sendonly", b"a=label:2\r\na=inactive")


@pytest.fixture
def recorded(guide_border):
    """A phone on UDP, whose flow is there again after a restart, in a call that is recorded."""
    world, _ = recorded_world(guide_border)
    phone = Phone(world, user="3002", port=10058, transport=Transport.UDP)
    phone.target = "sip:3003@192.168.64.96:5060;transport=udp"
    phone.register()
    phone.call_office()
    invite = world.take(to_server(world))
    return world, phone, invite


def metadata(message):
    return ElementTree.fromstring(parts(message)["application/rs-metadata+xml"][1])


def people(root):
    return [one.get("aor") for one in root.findall("r:participant/r:nameID", NAME)]


def streams(root):
    """For each party how many streams it sends and receives."""
    found = root.findall("r:participantstreamassoc", NAME)
    return [(len(one.findall("r:send", NAME)), len(one.findall("r:recv", NAME))) for one in found]


def restart(world, seconds=0.5):
    world.crash(seconds=seconds)
    world.give(Started())


def calls(world):
    return [one for one in world.core.show()["sessions"] if one["kind"] == "call"]


# ---- a restart ----


def test_a_recording_goes_on_after_a_restart_and_ends_with_the_call(recorded):
    world, phone, invite = recorded
    accept(world, to_server(world), invite)
    restart(world)
    assert told(world)[-1] == ("goes on", "at SRS 10.10.10.20:5060 (TCP)")
    assert [one["recording_server"] for one in calls(world)] == ["records"]
    assert not [one for one in world.unread() if one.method == "INVITE"]  # nothing has changed
    world.receive(phone.flow, phone.in_dialog("BYE"))
    world.receive(world.opened[-1], responses.make(world.take(world.opened[-1]), 200))
    bye = world.take(to_server(world))
    assert (bye.method, bye.call_id, bye.to_tag, bye.cseq) == ("BYE", invite.call_id, "srs", 2)
    world.receive(to_server(world), responses.make(bye, 200))
    assert told(world)[-1] == ("ended", "with the call")
    assert {noun for noun, _ in world.memory.records} == {"binding"}


def test_a_change_after_a_restart_has_the_identifiers_of_before(recorded):
    world, _, invite = recorded
    accept(world, to_server(world), invite)
    restart(world)
    (call,) = calls(world)
    world.engine.offer = OFFERS[1]  # the media process is another one too
    world.give(MediaSessions((call["media"],)))
    again = world.take(to_server(world))
    assert (again.method, again.call_id, again.cseq, again.to_tag) == (
        "INVITE", invite.call_id, 2, "srs",
    )  # fmt: skip
    assert parts(again)["application/sdp"][1] == OFFERS[1].rstrip()
    before, now = metadata(invite), metadata(again)
    for what in ("session", "participant", "stream"):
        ids = [[one.get(f"{what}_id") for one in root.findall(f"r:{what}", NAME)]
               for root in (before, now)]  # fmt: skip
        assert ids[0] == ids[1] != []


def test_a_recording_whose_call_is_gone_is_ended(recorded):
    world, _, invite = recorded
    accept(world, to_server(world), invite)
    restart(world, seconds=400.0)  # the binding's lease is over, and so its calls
    assert calls(world) == []
    bye = world.take(to_server(world))
    assert (bye.method, bye.call_id, bye.to_tag) == ("BYE", invite.call_id, "srs")
    world.receive(to_server(world), responses.make(bye, 200))
    assert told(world)[-1] == ("ended", "its call is gone")
    assert world.memory.records == {}


def test_the_server_may_end_a_recording_that_was_taken_over(recorded):
    world, phone, invite = recorded
    accept(world, to_server(world), invite)
    restart(world)
    world.receive(phone.flow, phone.in_dialog("OPTIONS"))  # the border is alive
    flow = world.accept("IPORWA1Sig", SERVERS[0].host, 5060)
    bye = phone.office_request("BYE", call=invite.call_id, from_tag="srs",
                               to_tag=invite.from_tag, cseq=1)  # fmt: skip
    world.receive(flow, bye)
    assert world.take(flow).status == 200
    assert told(world)[-1] == ("ended", "by the recording server")
    last = [one for one in world.engine.requests if isinstance(one, Subscribe)][-1]
    assert last.side is None


def test_a_server_that_had_not_answered_is_called_anew_and_its_late_answer_ended(recorded):
    world, _, invite = recorded
    restart(world)
    flow = to_server(world)
    again = world.take(flow)
    assert again.method == "INVITE"
    assert again.call_id != invite.call_id
    answer(world, flow, invite)
    sent = [world.take(flow) for _ in range(2)]
    assert [(one.method, one.call_id, one.to_tag) for one in sent] == [
        ("ACK", invite.call_id, "srs"), ("BYE", invite.call_id, "srs"),
    ]  # fmt: skip
    answer(world, flow, invite)  # our ACK was lost
    assert world.take(flow).method == "ACK"
    assert not world.unread(flow)
    accept(world, flow, again)
    assert told(world)[-1][0] == "began"


# ---- an answer that crosses our CANCEL ----


def test_a_late_answer_is_acknowledged_and_ended(recorded):
    world, _, invite = recorded
    flow = to_server(world)
    world.receive(flow, responses.make(invite, 100))
    world.wait(9)
    assert world.take(flow).method == "CANCEL"
    answer(world, flow, invite)
    sent = [world.take(flow) for _ in range(2)]
    assert [(one.method, one.call_id, one.to_tag) for one in sent] == [
        ("ACK", invite.call_id, "srs"), ("BYE", invite.call_id, "srs"),
    ]  # fmt: skip
    assert len(calls(world)) == 1


def test_a_call_that_ends_before_the_server_answers_is_ended_there_too(recorded):
    world, phone, invite = recorded
    flow = to_server(world)
    world.receive(phone.flow, phone.in_dialog("BYE"))
    world.receive(phone.upstream, responses.make(world.take(phone.upstream), 200))
    answer(world, flow, invite)
    sent = [world.take(flow) for _ in range(2)]
    assert [one.method for one in sent] == ["ACK", "BYE"]
    assert told(world) == []


def test_an_answer_without_sdp_is_hung_up_on(recorded):
    world, _, invite = recorded
    flow = to_server(world)
    bare = responses.make(invite, 200, to_tag="srs")
    bare.add("Contact", f"<sip:srs@{flow.remote};transport=tcp>")
    world.receive(flow, bare)
    assert [world.take(flow).method for _ in range(2)] == ["ACK", "BYE"]


# ---- metadata ----


def hold(world, phone, engine_offer):
    world.engine.offer = engine_offer
    world.receive(phone.flow, phone.in_dialog("INVITE", body=offer(direction="sendonly")))
    assert world.take(phone.flow).status == 100
    phone.office_answer(world.take(phone.upstream), 200, body=offer(OFFICE))


def test_hold_rests_the_stream_that_nobody_sends(recorded):
    world, phone, invite = recorded
    flow = to_server(world)
    assert streams(metadata(invite)) == [(1, 1), (1, 1)]
    accept(world, flow, invite)
    hold(world, phone, HELD)
    again = world.take(flow)
    assert streams(metadata(again)) == [(1, 0), (0, 1)]
    assert people(metadata(again)) == people(metadata(invite))
    accept(world, flow, again)


def test_who_takes_over_behind_the_server_is_told_without_a_change_of_media(recorded):
    """A transfer inside the office: its re-INVITE names another identity (RFC 3325)."""
    world, phone, invite = recorded
    flow = to_server(world)
    accept(world, flow, invite)
    office = world.accept("IPORWA1Sig", OFFICE, 4103)
    again = phone.office_request("INVITE", call="call-1", from_tag="office", to_tag="phone",
                                 cseq=9, body=offer(OFFICE, 40752))  # fmt: skip
    again.set("P-Asserted-Identity", '"Ben" <sip:3007@ipo1xp.ipolab.com>')
    world.receive(office, again)
    assert world.take(office).status == 100
    phone.answer(world.take(phone.flow), 200, body=offer(phone.behind, 5000))
    told_server = world.take(flow)
    before, now = metadata(invite), metadata(told_server)
    assert people(now) == [people(before)[0], "sip:3007@ipo1xp.ipolab.com"]
    ids = [[one.get("participant_id") for one in root.findall("r:participant", NAME)]
           for root in (before, now)]  # fmt: skip
    assert ids[0][0] == ids[1][0]
    assert ids[0][1] != ids[1][1]
