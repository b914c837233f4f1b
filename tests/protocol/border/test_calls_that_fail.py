"""Calls that come to nothing or end by themselves: unanchored media, silence, limits."""

import pytest

from farline.media.engine import Delete, MediaReply
from farline.media.reports import (
    MediaTimeout,
    PortsExhausted,
)
from farline.sip import NameAddr
from farline.testing.border_phone import DOMAIN, OFFICE, offer
from farline.trace.events import MediaSeen


@pytest.mark.parametrize("status", [302, 404, 486, 503, 603])
def test_failures_pass(world, phone, status):
    phone.call_office(answer=False)
    headers = {"Warning": '399 10.10.10.13 "no luck at 10.10.10.30"'}
    if status == 302:
        headers["Contact"] = "<sip:3005@10.10.10.13:5060>"
    phone.office_answer(phone.inner_invite, status, **headers)
    final = world.take(phone.flow)
    assert final.status == status
    assert b"10.10.10." not in final.to_bytes()
    if status == 302:
        moved = NameAddr.parse(final.get("Contact")).uri
        assert (moved.user, moved.host) == ("3005", "192.168.64.96")
        again = phone.request("INVITE", str(moved), call="call-9")
        world.receive(phone.flow, again)
        world.take(phone.upstream)  # ACK of the 302
        assert world.take(phone.upstream).uri == "sip:3005@10.10.10.13:5060;transport=tcp"


def test_offer_that_cannot_be_anchored(world, phone):
    world.engine.fail = MediaReply(error="no ports", status=503)
    world.receive(phone.flow, phone.request("INVITE", "sip:3003@ipo1xp.ipolab.com", body=offer()))
    assert [m.status for m in world.unread(phone.flow)] == [100, 503]
    assert world.unread(phone.upstream) == []
    assert world.core.show()["sessions"] == []


def test_answer_that_cannot_be_anchored_ends_both_legs(world, phone):
    phone.call_office(answer=False)
    world.engine.fail = MediaReply(error="not usable", status=488)
    phone.office_answer(phone.inner_invite, 200, body=offer(OFFICE, 40750))
    assert world.take(phone.flow).status == 488
    ack, bye = world.take(phone.upstream), world.take(phone.upstream)
    assert (ack.method, ack.cseq) == ("ACK", phone.inner_invite.cseq)
    assert (bye.method, bye.uri) == ("BYE", f"sip:3003@{OFFICE}:5060;transport=tcp")
    assert bye.cseq > phone.inner_invite.cseq
    assert (bye.from_tag, bye.to_tag) == ("phone", "office")
    assert world.engine.sessions == {}


def test_early_answer_that_cannot_be_anchored_is_cancelled(world, phone):
    phone.call_office(answer=False)
    world.engine.fail = MediaReply(error="not usable", status=488)
    phone.office_answer(phone.inner_invite, 183, body=offer(OFFICE, 40750))
    assert world.take(phone.flow).status == 488
    assert world.take(phone.upstream).method == "CANCEL"


def test_multipart_bodies_are_refused(world, phone):
    invite = phone.request(
        "INVITE",
        "sip:3003@ipo1xp.ipolab.com",
        body=b"--x\r\n\r\n--x--",
        Content_Type="multipart/mixed;boundary=x",
    )
    world.receive(phone.flow, invite)
    refused = world.take(phone.flow)
    assert (refused.status, refused.get("Accept")) == (415, "application/sdp")


def test_a_silent_session_of_an_earlier_process_is_released(world):
    world.give(MediaTimeout("of-yesterday", 60.0))
    assert world.engine.requests == [
        Delete("of-yesterday", "silent, and of no call that is known here")
    ]


def test_media_timeout_hangs_up_on_both(world, phone):
    phone.call_office()
    (session,) = world.core.show()["sessions"]
    world.give(MediaTimeout(session["media"], 60.0))
    outer, inner = world.take(phone.flow), world.take(phone.upstream)
    assert (outer.method, outer.uri) == ("BYE", phone.contact)
    assert (outer.from_tag, outer.to_tag) == ("office", "phone")
    assert (inner.method, inner.uri) == ("BYE", f"sip:3003@{OFFICE}:5060;transport=tcp")
    assert (inner.from_tag, inner.to_tag) == ("phone", "office")
    assert inner.cseq > phone.cseq
    assert 'cause=102;text="no media for 60 s"' in inner.get("Reason")
    assert world.core.show()["sessions"] == []
    assert world.engine.sessions == {}
    phone.office_answer(inner, 200)
    assert world.unread() == []


def test_ringing_for_too_long_is_cancelled(world, phone):
    phone.register(cseq=2, granted=600)
    phone.call_office(answer=False)
    phone.office_answer(phone.inner_invite, 180)
    world.take(phone.flow)
    assert "C" in world.wait(190)
    assert world.take(phone.upstream).method == "CANCEL"
    world.wait(40)
    assert world.take(phone.flow).status in (408, 487)


def test_binding_that_ends_takes_its_calls_along(world, phone):
    phone.call_office()
    phone.register(expires=0, cseq=2)
    assert world.take(phone.upstream).method == "BYE"
    assert world.take(phone.flow).method == "BYE"
    shown = world.core.show()
    assert (shown["bindings"], shown["sessions"]) == ([], [])


def test_session_limits_of_the_policy_group(world, phone):
    for number in range(10):
        phone.call_office(call=f"c{number}")
    invite = phone.request("INVITE", "sip:3003@ipo1xp.ipolab.com", call="c10", body=offer())
    world.receive(phone.flow, invite)
    assert world.take(phone.flow).status == 486
    assert world.decisions("policy")[-1].form.endswith("Sessions Per Endpoint")


def test_used_up_ports_are_traced(world):
    world.give(PortsExhausted("a call", "Outside"))
    assert world.events[-1] == MediaSeen(
        "", "ports exhausted", "media interface Outside has no free ports"
    )


def test_a_call_whose_answer_had_no_contact_is_hung_up(world, phone):
    """RFC 3261 wants a Contact there; the BYE then goes to the address in To."""
    phone.call_office(answer=False)
    phone.office_answer(phone.inner_invite, 200, body=offer(OFFICE, 40750), Contact="")
    world.take(phone.flow)
    (session,) = world.core.show()["sessions"]
    world.give(MediaTimeout(session["media"], 60.0))
    assert world.take(phone.upstream).uri == f"sip:3003@{DOMAIN}"
    assert world.take(phone.flow).method == "BYE"
