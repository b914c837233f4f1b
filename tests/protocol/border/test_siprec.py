"""The border as a session recording client (RFC 7866): what a recording server reads, and when."""

import xml.etree.ElementTree as ElementTree

import pytest

from farline.border import Reconfigured
from farline.border.recording.metadata import NAMESPACE
from farline.config import EndPointPolicyGroup, ServerProfile
from farline.config.check_servers import check_servers
from farline.config.interworking import InterworkingProfile
from farline.media.engine import Answer, MediaReply, Subscribe, SubscribeAnswer
from farline.media.reports import MediaSessions
from farline.sip import Message, responses
from farline.testing.border import changed
from farline.testing.border_phone import offer
from farline.testing.siprec import (
    ANSWER,
    OFFERS,
    SERVERS,
    accept,
    parts,
    recorded_world,
    recording_border,
    subscribed,
    to_server,
    told,
)


@pytest.fixture
def recorded(guide_border):
    """A border whose server flow records at two servers; their phone is registered."""
    assert [
        one for one in check_servers(recording_border(guide_border)) if one.severity == "error"
    ] == []
    return recorded_world(guide_border)


def test_an_answered_call_is_told_to_the_server_with_its_people(recorded):
    world, phone = recorded
    phone.call_office()
    flow = to_server(world)
    invite = world.take(flow)
    assert (invite.method, invite.get("Require")) == ("INVITE", "siprec")
    assert invite.get("Contact").endswith(";+sip.src")
    assert invite.uri == "sip:10.10.10.20:5060;transport=tcp"
    found = parts(invite)
    assert found["application/sdp"][1] == OFFERS[0].rstrip()
    lines, xml = found["application/rs-metadata+xml"]
    assert lines["Content-Disposition"] == "recording-session"
    root = ElementTree.fromstring(xml)
    name = {"r": NAMESPACE}
    people = [one.get("aor") for one in root.findall("r:participant/r:nameID", name)]
    assert people == ["sip:3001@ipo1xp.ipolab.com", "sip:3003@ipo1xp.ipolab.com"]
    assert [one.text for one in root.findall("r:stream/r:label", name)] == ["1", "2"]
    (session,) = world.core.show()["sessions"]
    (asked,) = subscribed(world)
    assert (asked.session, asked.first) == (session["media"], "outside")
    assert (asked.side.interface, asked.side.encryption) == ("IPORWA1Media", "off")
    accept(world, flow, invite)
    assert subscribed(world)[1:] == [SubscribeAnswer(session["media"], ANSWER)]
    assert told(world) == [("began", "at SRS 10.10.10.20:5060 (TCP)")]
    world.receive(phone.flow, phone.in_dialog("BYE"))
    world.receive(phone.upstream, responses.make(world.take(phone.upstream), 200))
    bye = world.take(flow)
    assert (bye.method, bye.uri) == ("BYE", "sip:srs@10.10.10.20:5060;transport=tcp")
    assert (bye.call_id, bye.to_tag) == (invite.call_id, "srs")
    world.receive(flow, responses.make(bye, 200))
    assert told(world)[-1] == ("ended", "with the call")
    assert world.core.show()["counters"].get("siprec.failed") is None


def test_a_change_of_the_call_is_a_re_invite_and_no_change_is_none(recorded):
    world, phone = recorded
    phone.call_office()
    flow = to_server(world)
    accept(world, flow, world.take(flow))
    for body in (OFFERS[0], OFFERS[1]):
        world.engine.offer = body
        held = phone.in_dialog("INVITE", body=offer(direction="sendonly"))
        world.receive(phone.flow, held)
        inner = world.take(phone.upstream)
        phone.office_answer(inner, 200, body=offer("10.10.10.13"))
    assert isinstance(world.engine.requests[-2], Answer | Subscribe)
    again = world.take(flow)
    assert (again.method, again.cseq, again.to_tag) == ("INVITE", 2, "srs")
    assert parts(again)["application/sdp"][1] == OFFERS[1].rstrip()
    accept(world, flow, again)
    world.engine.offer = OFFERS[2]
    (session,) = world.core.show()["sessions"]
    world.give(MediaSessions((session["media"],)))  # the media process is another one
    assert parts(world.take(flow))["application/sdp"][1] == OFFERS[2].rstrip()


def test_a_server_that_fails_leaves_the_call_alone_and_the_next_is_tried_once(recorded):
    world, phone = recorded
    world.refusing.add(SERVERS[0])
    phone.call_office()
    flow = to_server(world, 1)
    invite = world.take(flow)
    accept(world, flow, invite, 503)
    assert [value for value, _ in told(world)] == ["failed", "failed", "failed"]
    assert "503" in told(world)[1][1]
    assert told(world)[2][1] == "SRS has taken none of 2 tries"
    assert world.core.show()["counters"]["siprec.failed"] == 2
    (session,) = world.core.show()["sessions"]
    assert session["state"] == "answered"


def test_a_server_that_says_nothing_is_given_up(recorded):
    world, phone = recorded
    world.refusing.add(SERVERS[1])
    phone.call_office()
    flow = to_server(world)
    assert world.take(flow).method == "INVITE"
    world.wait(9)
    assert told(world)[0][1].endswith("no answer in 8 s")
    assert len(world.core.show()["sessions"]) == 1


def test_copies_that_cannot_be_had_are_said(recorded):
    world, phone = recorded
    world.engine.fail = MediaReply(error="no free ports", status=503)
    phone.call_office()
    assert [one for one in world.opened if one.remote in SERVERS] == []
    assert told(world)[0][1].endswith("media: no free ports")


def test_the_server_may_end_it_and_asks_for_nothing_else(recorded):
    world, phone = recorded
    phone.call_office()
    flow = to_server(world)
    invite = world.take(flow)
    accept(world, flow, invite)
    for method, status in (("OPTIONS", 200), ("INFO", 405), ("BYE", 200)):
        request = Message.request(method, "sip:10.10.10.7:5060;transport=tcp")
        request.add("Via", f"SIP/2.0/TCP 10.10.10.20:5060;branch=z9hG4bKs{method}")
        request.add("Max-Forwards", "70")
        request.add("From", f"{invite.get('To')};tag=srs")
        request.add("To", invite.get("From"))
        request.add("Call-ID", invite.call_id)
        request.add("CSeq", f"1 {method}")
        request.body = b""
        world.receive(flow, request)
        assert world.take(flow).status == status
    assert told(world)[-1] == ("ended", "by the recording server")
    assert subscribed(world)[-1].side is None
    (session,) = world.core.show()["sessions"]
    assert session["state"] == "answered"


def test_the_check_knows_what_a_recording_server_is_for(guide_border):
    server = ServerProfile(
        name="SRS",
        server_type="recording",
        addresses=[{"address": "10.10.10.20", "port": 5060, "transport": "TCP"}],
    )
    (profile,) = guide_border.routing_profiles
    hop = profile.next_hops[0].model_copy(update={"server": "SRS"})
    border = changed(
        guide_border,
        server_profiles=(*guide_border.server_profiles, server),
        routing_profiles={"next_hops": (hop,)},
        end_point_policy_groups=(
            EndPointPolicyGroup(
                name="g", sets=[{"recording": {"name": "r", "recording_profile": "IPO"}}]
            ),
        ),
    )
    said = [one.text for one in check_servers(border)]
    assert "'IPO' is no server profile of the type recording" in said
    assert "'SRS' is a recording server and takes no calls" in said


def test_a_transferred_call_is_recorded_anew(recorded):
    """The border carries out a REFER: the first recording ends, the joined call has its own."""
    world, phone = recorded
    border = world.config
    handles = InterworkingProfile(name="handles", refer_handling="handle")
    office = border.server_profiles[0]
    advanced = office.advanced.model_copy(update={"interworking_profile": "handles"})
    office = office.model_copy(update={"advanced": advanced})
    servers = (office, *border.server_profiles[1:])
    world.give(
        Reconfigured(changed(border, interworking_profiles=(handles,), server_profiles=servers))
    )
    phone.register(cseq=2)
    phone.call_office()
    flow = to_server(world)
    first = world.take(flow)
    accept(world, flow, first)
    refer = phone.office_request("REFER", call="call-1", from_tag="office", to_tag="phone",
                                 cseq=5, Refer_To="<sip:3005@ipo1xp.ipolab.com>")  # fmt: skip
    refer.set("Refer-Sub", "false")
    world.receive(phone.upstream, refer)
    assert world.take(phone.upstream).status == 202
    upstream = phone.upstream
    phone.office_answer(world.take(upstream), 200, to_tag="t", body=offer("10.10.10.40", 7000))
    assert world.take(upstream).method == "ACK"
    again = world.take(phone.flow)
    phone.answer(again, 200, body=offer(phone.behind, 5000))
    assert world.take(phone.flow).method == "ACK"
    sent = {message.method: message for message in world.unread(flow)}
    assert set(sent) == {"INVITE", "BYE"}
    assert sent["INVITE"].call_id != sent["BYE"].call_id
    roots = [ElementTree.fromstring(parts(one)["application/rs-metadata+xml"][1])
             for one in (first, sent["INVITE"])]  # fmt: skip
    name = {"r": NAMESPACE}
    groups = [root.find("r:session/r:group-ref", name).text for root in roots]
    assert groups[0] == groups[1]  # one conversation
    assert [one.get("aor") for one in roots[1].findall("r:participant/r:nameID", name)] == [
        "sip:3001@ipo1xp.ipolab.com", "sip:3005@ipo1xp.ipolab.com",
    ]  # fmt: skip
    assert subscribed(world)[-1].session != subscribed(world)[0].session
