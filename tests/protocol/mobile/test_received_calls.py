"""Calls that the phone receives, and everything else that arrives."""

from __future__ import annotations

import pytest

from farline.mobile.commands import (
    CallState,
    HangUp,
    MediaNews,
    Pick,
    Reject,
    TextReceived,
    Unregister,
)
from farline.mobile.offer import Local, make_offer
from farline.sip.effects import Received
from farline.sip.transport import Address, Flow, Transport
from farline.testing import sip_request

SERVER_RTP = Address("192.168.64.96", 35000)


def received(desk, server, **options):
    desk.register()
    server.call(desk.link, **options)
    desk.run(0.5)


def test_a_call_is_received_picked_up_and_ended_by_the_peer(desk, server):
    received(desk, server)
    assert desk.states == [CallState.INCOMING]
    assert desk.calls[-1].peer == "Dora <sip:3003@ipo1xp.ipolab.com>"
    assert server.responses[-1].status == 180
    desk.tell(Pick("in-1"))
    desk.run(0.5)
    assert server.responses[-1].status == 200
    assert desk.states[-1] is CallState.ANSWERED
    assert desk.media[-1].plan.remote == SERVER_RTP
    desk.run(40)  # the ACK came: nothing is repeated, nothing times out
    assert [message.status for message in server.responses] == [180, 200]
    server.send(desk.link, server.dialog.request("BYE"))
    desk.run(0.5)
    assert desk.end.by_peer is True


def test_auto_answer_after_its_time(make_desk, server):
    desk = make_desk(answer_after=2.0)
    received(desk, server)
    desk.run(1.4)
    assert desk.states == [CallState.INCOMING]
    desk.run(0.3)
    assert desk.states[-1] is CallState.ANSWERED


def test_a_lost_ack_makes_us_repeat_the_200_and_then_hang_up(make_desk, server):
    server.swallow_acks = 1000
    desk = make_desk(transport=Transport.UDP, answer_after=0.0)
    received(desk, server)
    desk.run(40)
    oks = [message for message in server.responses if message.status == 200]
    assert len(oks) > 8
    assert server.requests[-1].method == "BYE"
    assert "no ACK" in desk.end.detail


def test_hanging_up_waits_for_the_ack(make_desk, server):
    """RFC 3261 section 15: the callee sends no BYE before the ACK to its 2xx."""
    server.swallow_acks = 1
    desk = make_desk(transport=Transport.UDP, answer_after=0.0)
    received(desk, server)
    server.swallow_acks = 1
    desk.tell(HangUp("in-1"))
    desk.run(0.3)
    assert "BYE" not in [request.method for request in server.requests]
    desk.run(3)  # the 200 comes again and is acknowledged
    assert server.requests[-1].method == "BYE"
    assert desk.end.detail == "we hung up"


def test_an_invite_without_offer_gets_ours_and_the_ack_answers(make_desk, server):
    desk = make_desk(answer_after=0.0)
    received(desk, server, body=b"")
    assert desk.states[-1] is CallState.ANSWERED
    assert isinstance(desk.media[-1], MediaNews)
    assert desk.media[-1].plan.remote == SERVER_RTP


def test_the_callers_cancel_ends_the_ringing(desk, server):
    desk.register()
    tx = server.call(desk.link)
    desk.run(0.5)
    server.layer.cancel(tx, desk.link.clock.now)
    desk.run(0.5)
    assert server.responses[-1].status == 487
    assert desk.end.by_peer is True


def test_reject_is_busy(desk, server):
    received(desk, server)
    desk.tell(Reject("in-1"))
    desk.run(0.5)
    assert server.responses[-1].status == 486
    assert desk.states[-1] is CallState.ENDED


def test_a_second_call_is_busy(desk, server):
    received(desk, server)
    server.call(desk.link)
    desk.run(0.5)
    assert server.responses[-1].status == 486
    assert desk.states == [CallState.INCOMING]


def test_an_offer_without_common_codec_is_488(desk, server):
    body = make_offer(Local("server", 1, 1, SERVER_RTP))
    body = body.replace(b"AVP 8 0 101", b"AVP 18").replace(b"a=rtpmap:8 PCMA", b"a=rtpmap:18 G729")
    received(desk, server, body=body)
    assert server.responses[-1].status == 488
    assert desk.states[-1] is CallState.ENDED


def test_a_required_extension_that_we_lack_is_420(desk, server):
    received(desk, server, headers=[("Require", "100rel")])
    assert server.responses[-1].status == 420
    assert server.responses[-1].get("Unsupported") == "100rel"
    assert not desk.states


def test_replaces_takes_the_place_of_a_call(make_desk, server):
    desk = make_desk()
    desk.place()
    old = server.dialog
    value = f"{old.call_id};to-tag={old.remote_tag};from-tag={old.local_tag}"
    server.dialog = None
    server.call(desk.link, headers=[("Replaces", value)])
    desk.run(0.5)
    ended = [news.call for news in desk.calls if news.state is CallState.ENDED]
    answered = [news.call for news in desk.calls if news.state is CallState.ANSWERED]
    assert ended == ["out-1"]
    assert answered == ["out-1", "in-1"]


def test_replaces_of_an_unknown_call_is_481(desk, server):
    received(desk, server, headers=[("Replaces", "nope;to-tag=a;from-tag=b")])
    assert server.responses[-1].status == 481


@pytest.mark.parametrize(
    ("method", "status"),
    [("OPTIONS", 200), ("NOTIFY", 200), ("MESSAGE", 200), ("REFER", 603), ("PUBLISH", 489),
     ("BYE", 481), ("UPDATE", 481), ("SUBSCRIBE", 405)],
)  # fmt: skip
def test_requests_outside_a_dialog(desk, server, method, status):
    desk.register()
    server.send(desk.link, sip_request(method, "sip:3001@172.22.33.101", via=None))
    desk.run(0.2)
    assert server.responses[-1].status == status


def test_a_text_is_shown_without_control_characters(desk, server):
    desk.register()
    server.send(desk.link, sip_request("MESSAGE", via=None, body=b"lunch?\x1b[31m"))
    desk.run(0.2)
    (text,) = [said for said in desk.said if isinstance(said, TextReceived)]
    assert text.text == "lunch??[31m"


@pytest.mark.parametrize("data", [b"garbage", b"\0" * 400, b"INVITE sip:a SIP/2.0\r\n\r\n"])
def test_malformed_input_is_dropped_and_traced(make_desk, data):
    desk = make_desk()
    desk.register()
    flow = desk.link.seen[0].flow
    desk.tell(Received(flow, data))
    desk.run(0.2)
    assert not desk.states
    assert desk.phone.registered


def test_nobody_but_the_server_makes_it_ring(make_desk):
    desk = make_desk(transport=Transport.UDP)
    desk.register()
    stranger = Flow(
        0, "phone", Transport.UDP, Address("172.22.33.101", 62657), Address("6.6.6.6", 5060)
    )
    sent = len(desk.link.seen)
    desk.tell(Received(stranger, sip_request().to_bytes()))
    desk.run(1)
    assert not desk.states
    assert len(desk.link.seen) == sent


def test_leaving_hangs_up_first(desk, server):
    desk.place()
    desk.tell(Unregister())
    desk.run(1)
    methods = [request.method for request in server.requests]
    assert methods.index("BYE") < len(methods) - 1
    assert methods[-1] == "REGISTER"
    assert desk.states[-1] is CallState.ENDED
    assert not desk.phone.registered
