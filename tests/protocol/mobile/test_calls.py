"""Calls that the phone places, holds and ends."""

from __future__ import annotations

import pytest

from farline.mobile.commands import (
    CallState,
    Dial,
    HangUp,
    Hold,
    MediaEnded,
    Resume,
)
from farline.mobile.offer import Local, make_offer
from farline.sdp import Direction
from farline.sip.transport import Address, Transport

SERVER_RTP = Address("192.168.64.96", 35000)


def test_a_call_is_placed_answered_and_ended_by_us(desk, server):
    desk.place()
    assert desk.states == [CallState.CALLING, CallState.RINGING, CallState.ANSWERED]
    assert desk.calls[-1].peer == "Dora <sip:3003@ipo1xp.ipolab.com>"
    assert len(server.acks) == 1
    plan = desk.media[-1].plan
    assert (plan.codec, plan.remote, plan.sends) == ("PCMA", SERVER_RTP, True)
    desk.tell(HangUp("out-1"))
    desk.run(0.5)
    assert server.requests[-1].method == "BYE"
    assert server.requests[-1].get("Reason") == 'Q.850;cause=16;text="Normal call clearing"'
    assert desk.end.by_peer is False
    assert isinstance(desk.media[-1], MediaEnded)


def test_invite_has_the_guides_form(make_desk):
    desk = make_desk()
    desk.place()
    (invite,) = desk.sent("INVITE")
    port = desk.link.seen[0].flow.local.port
    assert invite.uri == "sip:3003@ipo1xp.ipolab.com"
    assert invite.get("To") == "<sip:3003@ipo1xp.ipolab.com>"
    assert invite.get("Contact") == (
        f"<sip:3001@172.22.33.101:{port};transport=tcp>;"
        '+sip.instance="<urn:uuid:96CD7630-D24F-46C6-9E6E-6AF07A9B45D6>"'
    )
    assert "100rel" not in (invite.get("Supported") or "")
    lines = invite.body.decode().split("\r\n")
    assert lines[1].startswith("o=sip:3001@172.22.33.101 ")
    assert lines[2:] == [
        "s=-",
        "c=IN IP4 172.22.33.101",
        "b=TIAS:64000",
        "t=0 0",
        "m=audio 5000 RTP/AVP 8 0 101",
        "a=sendrecv",
        "a=rtpmap:8 PCMA/8000/1",
        "a=rtpmap:0 PCMU/8000/1",
        "a=rtpmap:101 telephone-event/8000",
        "a=fmtp:101 0-15",
        "",
    ]


def test_the_peers_bye_brings_its_reason(desk, server):
    desk.place()
    bye = server.dialog.request("BYE", [("Reason", 'Q.850;cause=16;text="Normal call clearing"')])
    server.send(desk.link, bye)
    desk.run(0.5)
    assert server.responses[-1].status == 200
    assert desk.end.by_peer is True
    assert (desk.end.reason.protocol, desk.end.reason.cause) == ("Q.850", 16)


@pytest.mark.parametrize("status", [404, 480, 486, 503, 603])
def test_a_refusal_ends_the_call_with_its_status(desk, server, status):
    server.invite = [180, status]
    desk.place()
    assert desk.end.status == status
    assert desk.end.by_peer is True
    assert not server.acks  # the ACK to a refusal is the transaction's


def test_an_early_description_lets_us_hear(make_desk, server):
    server.invite = []
    desk = make_desk()
    desk.place()
    answer = make_offer(Local("server", 1, 1, SERVER_RTP))
    server.reply(server.pending, 183, [("Contact", "<sip:3003@192.168.64.96>")], answer)
    desk.run(0.5)
    assert desk.states == [CallState.CALLING, CallState.RINGING]
    assert desk.media[-1].plan.remote == SERVER_RTP


def test_cancel_before_the_answer(desk, server):
    server.invite = [180]
    desk.place()
    desk.tell(HangUp("out-1"))
    desk.run(0.5)
    assert len(server.cancelled) == 1
    assert desk.end.status == 487
    assert desk.end.detail == "cancelled"


def test_an_answer_that_crosses_our_cancel_gets_ack_and_bye(make_desk, server):
    server.invite = [180]
    desk = make_desk(transport=Transport.UDP)
    desk.place()
    server.answer_invite(200)
    desk.tell(HangUp("out-1"))  # before the 200 arrives
    desk.run(1)
    assert len(server.acks) >= 1
    assert [request.method for request in server.requests][-1] == "BYE"
    assert desk.states[-1] is CallState.ENDED
    assert CallState.ANSWERED not in desk.states


def test_a_repeated_200_is_acknowledged_again(make_desk, server):
    desk = make_desk(transport=Transport.UDP)
    desk.place()
    server.answer_invite(200)
    desk.run(0.5)
    assert len(server.acks) == 2
    assert desk.states[-1] is CallState.ANSWERED


def test_a_server_that_says_nothing_is_a_timeout(desk, server):
    desk.register()
    server.layer.receive = lambda *args: None
    desk.tell(Dial("out-1", "3003"))
    desk.run(40)
    assert desk.end.status == 408
    assert "no answer to INVITE" in desk.end.detail


def test_an_answer_without_common_codec_ends_with_bye(make_desk, server):
    server.invite = []
    desk = make_desk()
    desk.place()
    body = make_offer(Local("server", 1, 1, SERVER_RTP))
    body = body.replace(b"AVP 8 0 101", b"AVP 18").replace(b"a=rtpmap:8 PCMA", b"a=rtpmap:18 G729")
    server.reply(server.pending, 200, [("Contact", "<sip:3003@192.168.64.96>")], body)
    desk.run(0.5)
    assert len(server.acks) == 1
    assert server.requests[-1].method == "BYE"
    assert "codec" in desk.end.detail


def test_dialling_unregistered_ends_at_once(make_desk):
    desk = make_desk()
    desk.tell(Dial("out-1", "3003"))
    desk.run(0.1)
    assert desk.end.detail == "not registered"


@pytest.mark.parametrize("target", ["sip:", "sip:@", "30 03\r\nX: y"])
def test_a_target_that_is_no_uri_ends_at_once(make_desk, target):
    desk = make_desk()
    desk.register()
    desk.tell(Dial("out-1", target))
    desk.run(0.5)
    assert desk.states[-1] is CallState.ENDED
    assert not desk.sent("INVITE")
    assert "\r" not in desk.end.detail


def test_we_hold_and_take_back(desk, server):
    desk.place()
    desk.tell(Hold("out-1"))
    desk.run(0.5)
    assert desk.states[-1] is CallState.HOLDING
    assert b"a=sendonly" in desk.sent("INVITE")[-1].body
    assert desk.media[-1].plan.sends is False
    desk.tell(Resume("out-1"))
    desk.run(0.5)
    assert desk.states[-1] is CallState.RESUMED
    assert b"a=sendrecv" in desk.sent("INVITE")[-1].body
    assert desk.media[-1].plan.sends is True
    assert len(server.acks) == 3
    versions = [message.body.split()[3] for message in desk.sent("INVITE")]
    assert versions == [b"1", b"2", b"3"]


@pytest.mark.parametrize("direction", [Direction.SENDONLY, Direction.INACTIVE])
def test_the_peer_holds_and_takes_back(desk, server, direction):
    desk.place()
    for version, wanted in ((2, direction), (3, Direction.SENDRECV)):
        message = server.dialog.request("INVITE", [("Contact", "<sip:3003@192.168.64.96>")])
        message.add("Content-Type", "application/sdp")
        message.body = make_offer(Local("server", 1, version, SERVER_RTP, wanted))
        server.send(desk.link, message)
        desk.run(0.5)
    assert desk.states[-2:] == [CallState.HELD, CallState.RESUMED]
    held, resumed = (news.plan for news in desk.media[-2:])
    assert (held.sends, resumed.sends) == (False, True)


def test_glare_is_491_both_ways(make_desk, server):
    desk = make_desk()
    desk.place()
    message = server.dialog.request("INVITE", [("Contact", "<sip:3003@192.168.64.96>")])
    message.body = make_offer(Local("server", 1, 2, SERVER_RTP))
    desk.tell(Hold("out-1"))
    server.send(desk.link, message)
    desk.run(0.5)
    assert 491 in [answer.status for answer in server.responses]


def test_a_re_invite_refused_with_491_is_tried_again_later(make_desk, server):
    desk = make_desk()
    desk.place()
    polite = server._request

    def once(tx, message):
        server._request = polite
        server.reply(tx, 491)

    server._request = once
    desk.tell(Hold("out-1"))
    desk.run(2.0)
    assert CallState.HOLDING not in desk.states
    desk.run(3.0)
    assert desk.states[-1] is CallState.HOLDING
