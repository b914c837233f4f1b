"""Digits between the stream and INFO, by the interworking profile's DTMF Support."""

import pytest

from farline.media.engine import Dial, MediaReply, Offer
from farline.media.reports import DigitDialled
from farline.testing.border import BorderWorld
from farline.testing.border_phone import Phone, offer

PLACE = "  # Global Policies > Routing"


def answered(load_border, support: str) -> tuple[BorderWorld, Phone, str]:
    """A call through a border whose server understands that; the media session's name."""
    profile = f"  interworking_profiles:\n    - {{name: odd, dtmf_support: {support}}}\n\n{PLACE}"
    used = ("interworking_profile: avaya-ru", "interworking_profile: odd")
    world = BorderWorld(load_border(used, (PLACE, profile)))
    phone = Phone(world)
    phone.register()
    phone.call_office()
    (session,) = world.core.show()["sessions"]
    return world, phone, session["media"]


def test_an_event_becomes_info_and_later_requests_are_counted_up(load_border):
    world, phone, media = answered(load_border, "sip_info")
    (first,) = [one for one in world.engine.requests if isinstance(one, Offer)]
    assert (first.sender.events, first.receiver.events) == (True, False)
    numbers = []
    for digit in "5#":
        world.give(DigitDialled(media, "outside", digit, 80))
        info = world.take(phone.upstream)
        assert (info.method, info.get("Content-Type")) == ("INFO", "application/dtmf-relay")
        assert info.body == f"Signal={digit}\r\nDuration=80\r\n".encode()
        assert (info.from_tag, info.to_tag) == ("phone", "office")
        numbers.append(info.cseq)
        phone.office_answer(info, 200)
    assert numbers == [phone.cseq + 1, phone.cseq + 2]
    bye = phone.in_dialog("BYE")
    world.receive(phone.flow, bye)
    inner = world.take(phone.upstream)
    assert inner.cseq == bye.cseq + 2
    phone.office_answer(inner, 200)
    ended = world.take(phone.flow)
    assert (ended.status, ended.get("CSeq")) == (200, f"{bye.cseq} BYE")
    assert world.unread() == []


def test_a_reinvite_after_an_event_keeps_its_numbers_on_both_legs(load_border):
    world, phone, media = answered(load_border, "sip_info")
    world.give(DigitDialled(media, "outside", "1", 80))
    phone.office_answer(world.take(phone.upstream), 200)
    invite = phone.in_dialog("INVITE", body=offer(port=40000))
    world.receive(phone.flow, invite)
    world.take(phone.flow)
    inner = world.take(phone.upstream)
    assert inner.cseq == invite.cseq + 1
    phone.office_answer(inner, 200, body=offer("10.10.10.13", 40752))
    ok = world.take(phone.flow)
    assert ok.cseq == invite.cseq
    ack = phone.in_dialog("ACK")
    ack.set("CSeq", f"{invite.cseq} ACK")
    world.receive(phone.flow, ack)
    assert world.take(phone.upstream).cseq == inner.cseq


@pytest.mark.parametrize(
    ("kind", "body", "digit", "duration"),
    [
        ("application/dtmf-relay", b"Signal=5\r\nDuration=240\r\n", "5", 240),
        ("application/dtmf-relay", b"Signal= *\r\n", "*", 160),
        ("application/dtmf-relay", b"Signal=11\nDuration=100\n", "#", 100),
        ("application/dtmf-relay", b"Signal=7\r\nDuration=99999\r\n", "7", 5000),
        ("application/dtmf-relay", b"Signal=7\r\nDuration=100000\r\n", "7", 5000),
        ("application/dtmf", b"9\r\n", "9", 160),
        ("Application/DTMF; x=y", b"Signal=d", "D", 160),
    ],
)
def test_info_of_the_phone_becomes_an_event(load_border, kind, body, digit, duration):
    world, phone, media = answered(load_border, "rfc_4733")
    world.receive(phone.flow, phone.in_dialog("INFO", body=body, Content_Type=kind))
    assert world.take(phone.flow).status == 200
    assert world.engine.requests[-1] == Dial(media, "inside", digit, duration)
    assert world.unread() == []


def test_info_of_the_server_becomes_an_event(load_border):
    world, phone, media = answered(load_border, "sip_info")
    flow = world.accept("IPORWA1Sig", "10.10.10.13", 4103)
    info = phone.office_request(
        "INFO",
        to_tag="phone",
        call="call-1",
        body=b"Signal=7",
        Content_Type="application/dtmf-relay",
    )
    world.receive(flow, info)
    assert world.take(flow).status == 200
    assert world.engine.requests[-1] == Dial(media, "outside", "7", 160)


@pytest.mark.parametrize(
    ("support", "kind", "body"),
    [
        ("none", "application/dtmf-relay", b"Signal=5"),
        ("rfc_4733", "application/dtmf-relay", b"Signal=hello"),
        ("rfc_4733", "text/plain", b"Signal=5"),
        ("sip_info", "application/dtmf-relay", b"Signal=5"),
    ],
)
def test_other_info_passes_as_it_is(load_border, support, kind, body):
    world, phone, _ = answered(load_border, support)
    world.receive(phone.flow, phone.in_dialog("INFO", body=body, Content_Type=kind))
    inner = world.take(phone.upstream)
    assert (inner.method, inner.body) == ("INFO", body)


def test_info_passes_where_the_engine_puts_no_digits_in(load_border):
    world, phone, _ = answered(load_border, "rfc_4733")
    world.engine.fail = MediaReply(error="not here", status=501)
    body = b"Signal=5"
    world.receive(phone.flow, phone.in_dialog("INFO", body=body, Content_Type="application/dtmf"))
    assert world.take(phone.upstream).body == body


@pytest.mark.parametrize(
    ("support", "side", "digit"),
    [("none", "outside", "1"), ("sip_info", "inside", "1"), ("sip_info", "outside", "!")],
)
def test_events_that_nobody_wants_as_info_are_only_traced(load_border, support, side, digit):
    world, _, media = answered(load_border, support)
    world.give(DigitDialled(media, side, digit, 80))
    assert world.unread() == []
