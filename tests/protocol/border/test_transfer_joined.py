"""Two calls that a transfer has left joined: what their ends send goes on into the other dialog."""

import pytest

from farline.media.engine import Dial
from farline.media.reports import DigitDialled, MediaTimeout
from farline.sip import responses
from farline.testing.border_phone import DOMAIN, OFFICE, media_address, offer
from farline.testing.transfers import (
    calling_phone,
    calls,
    joined,
    make,
    office_refers,
    sipfrag,
    target_says,
    told,
)


@pytest.fixture
def world(load_border):
    return make(load_border)


@pytest.fixture
def phone(world):
    return calling_phone(world)


def test_hold_and_digits_go_on_between_the_joined(phone):
    world = phone.world
    invite, _ = joined(phone)
    held = offer("10.10.10.40", 7000, direction="sendonly")
    target_says(phone, invite, "INVITE", body=held)
    assert world.take(phone.upstream).status == 100
    again = world.take(phone.flow)
    assert b"a=sendonly" in again.body
    phone.answer(again, 200, body=offer(phone.behind, 5000, direction="recvonly"))
    ok = world.take(phone.upstream)
    assert (ok.status, b"a=recvonly" in ok.body) == (200, True)
    target_says(phone, invite, "ACK")
    ack = world.take(phone.flow)
    assert (ack.method, ack.cseq) == ("ACK", again.cseq)
    world.receive(phone.flow, phone.in_dialog("INFO", body=b"5", Content_Type="application/dtmf"))
    info = world.take(phone.upstream)
    assert (info.method, info.call_id, info.body) == ("INFO", invite.call_id, b"5")
    phone.office_answer(info, 200)
    assert world.take(phone.flow).status == 200


def test_a_late_offer_between_the_joined(phone):
    world = phone.world
    invite, _ = joined(phone)
    target_says(phone, invite, "INVITE")
    assert world.take(phone.upstream).status == 100
    again = world.take(phone.flow)
    assert again.body == b""
    phone.answer(again, 200, body=offer(phone.behind, 5000))
    ok = world.take(phone.upstream)
    assert media_address(ok)[1] == "10.10.10.7"
    target_says(phone, invite, "ACK", body=offer("10.10.10.40", 7000))
    ack = world.take(phone.flow)
    assert media_address(ack)[1] == "192.168.64.96"


def test_a_joined_call_outlives_the_process(phone):
    world = phone.world
    invite, _ = joined(phone)
    world.crash()
    flow = world.accept("IPORWA1Sig", OFFICE, 4103)
    bye = phone.office_request("BYE", call=invite.call_id, from_tag="target",
                               to_tag=invite.from_tag, cseq=9)  # fmt: skip
    bye.set("From", f"{invite.get('To')};tag=target")
    bye.set("To", invite.get("From"))
    world.receive(flow, bye)
    assert world.take(flow).status == 200
    assert calls(world) == []


def test_answers_are_acknowledged_again(phone):
    world = phone.world
    office_refers(phone)
    told(phone, 100)
    invite = world.take(phone.upstream)
    ok = responses.make(invite, 200, to_tag="target", body=offer("10.10.10.40", 7000))
    ok.add("Contact", f"<sip:3005@{OFFICE}>")
    ok.add("Content-Type", "application/sdp")
    world.receive(phone.upstream, ok)
    world.receive(phone.upstream, ok)
    assert [world.take(phone.upstream).method for _ in range(2)] == ["ACK", "ACK"]


def test_a_joined_call_is_transferred_again(phone):
    """The target refers the phone to somebody else."""
    world = phone.world
    first, _ = joined(phone)
    world.wait(5)
    phone.office_answer(world.take(phone.upstream), 200)  # BYE to who referred first
    target_says(phone, first, "REFER", cseq=20, Refer_To="<sip:3007@ipo1xp.ipolab.com>")
    assert world.take(phone.upstream).status == 202
    told(phone, 100)
    second = world.take(phone.upstream)
    assert (second.method, second.uri) == ("INVITE", f"sip:3007@{DOMAIN}")
    phone.office_answer(second, 200, to_tag="third", body=offer("10.10.10.41", 7002))
    assert world.take(phone.upstream).method == "ACK"
    again = world.take(phone.flow)
    assert (again.method, again.call_id) == ("INVITE", "call-1")
    phone.answer(again, 200, body=offer(phone.behind, 5000))
    assert world.take(phone.flow).method == "ACK"
    told(phone, 200, "terminated")
    target_says(phone, first, "BYE", cseq=21)
    assert world.take(phone.upstream).status == 200
    assert not world.unread(phone.flow)
    assert len(calls(world)) == 2
    world.receive(phone.flow, phone.in_dialog("BYE"))
    assert world.take(phone.flow).status == 200
    end = world.take(phone.upstream)
    assert (end.method, end.to_tag, end.call_id) == ("BYE", "third", second.call_id)
    assert calls(world) == []
    assert len(world.engine.sessions) == 0


def test_the_phone_transfers_a_joined_call(phone):
    world = phone.world
    joined(phone)
    world.receive(phone.flow, phone.in_dialog("REFER", Refer_To=f"<sip:3008@{DOMAIN}>"))
    assert world.take(phone.flow).status == 202
    phone.answer(world.take(phone.flow), 200)
    second = world.take(phone.upstream)
    phone.office_answer(second, 200, to_tag="third", body=offer("10.10.10.41", 7002))
    assert world.take(phone.upstream).method == "ACK"
    again = world.take(phone.upstream)
    assert (again.method, again.to_tag) == ("INVITE", "target")
    phone.office_answer(again, 200, to_tag="target", body=offer("10.10.10.40", 7000))
    assert world.take(phone.upstream).method == "ACK"
    assert sipfrag(world.take(phone.flow)) == ("SIP/2.0 200 OK", "terminated")
    world.wait(5)
    assert world.take(phone.flow).method == "BYE"
    assert len(calls(world)) == 2


def test_silence_ends_both_joined_calls(phone):
    world = phone.world
    joined(phone)
    media = next(one["media"] for one in calls(world) if one["media"])
    world.give(MediaTimeout(media, 60.0))
    assert world.take(phone.flow).method == "BYE"
    assert world.take(phone.upstream).method == "BYE"
    assert calls(world) == []


# ---- digits (DTMF Support) ----


def digits(load_border, support):
    """A phone that is joined with somebody behind a server of that kind; the media session."""
    phone = calling_phone(make(load_border, f"refer_handling: handle, dtmf_support: {support}"))
    invite, _ = joined(phone)
    media = next(one["media"] for one in calls(phone.world) if one["media"])
    return phone, invite, media


def test_an_event_of_the_phone_becomes_info_to_the_target(load_border):
    phone, invite, media = digits(load_border, "sip_info")
    world = phone.world
    world.give(DigitDialled(media, "outside", "5", 80))
    info = world.take(phone.upstream)
    assert (info.method, info.call_id, info.to_tag) == ("INFO", invite.call_id, "target")
    assert info.body == b"Signal=5\r\nDuration=80\r\n"
    phone.office_answer(info, 200)
    world.receive(phone.flow, phone.in_dialog("BYE"))
    bye = world.take(phone.upstream)
    assert (bye.method, bye.cseq) == ("BYE", info.cseq + 1)


def test_an_event_towards_a_phone_stays_in_the_stream(load_border):
    phone, _, media = digits(load_border, "sip_info")
    phone.world.give(DigitDialled(media, "inside", "5", 80))
    assert not phone.world.unread()


def test_info_of_the_target_becomes_an_event_for_the_phone(load_border):
    phone, invite, media = digits(load_border, "sip_info")
    target_says(phone, invite, "INFO", body=b"Signal=7", Content_Type="application/dtmf-relay")
    assert phone.world.take(phone.upstream).status == 200
    assert phone.world.engine.requests[-1] == Dial(media, "outside", "7", 160)
    assert not phone.world.unread(phone.flow)


def test_info_of_the_phone_becomes_an_event_for_the_target(load_border):
    phone, _, media = digits(load_border, "rfc_4733")
    world = phone.world
    world.receive(phone.flow, phone.in_dialog("INFO", body=b"5", Content_Type="application/dtmf"))
    assert world.take(phone.flow).status == 200
    assert world.engine.requests[-1] == Dial(media, "inside", "5", 160)
    assert not world.unread(phone.upstream)
