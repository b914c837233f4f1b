"""Every method through the border, in both directions, over every transport of phones."""

import pytest

from farline.sip import Transport
from farline.testing.border import BorderWorld
from farline.testing.border_phone import DOMAIN, Phone, offer

NO_WS = "      ws_port: null                  # for browsers: WSS, and their page's origin\n"
WITH_WS = ((NO_WS, "      ws_port: 80\n"), ("      wss_port: null\n", "      wss_port: 443\n"))
ALONE = {
    "OPTIONS": {},
    "MESSAGE": {"Content_Type": "text/plain", "body": b"hello"},
    "SUBSCRIBE": {"Event": "presence", "Expires": "600"},
    "PUBLISH": {"Event": "presence", "Expires": "600", "Content_Type": "application/pidf+xml",
                "body": b"<presence/>"},
    "REFER": {"Refer_To": f"<sip:3009@{DOMAIN}>"},
    "NOTIFY": {"Event": "message-summary", "Subscription_State": "active"},
    "INFO": {"Content_Type": "application/dtmf-relay", "body": b"Signal=5\r\nDuration=160\r\n"},
}  # fmt: skip
"""Requests outside of calls, and what each bears."""

IN_CALL = {
    "OPTIONS": {},
    "INFO": ALONE["INFO"],
    "UPDATE": {},
    "MESSAGE": ALONE["MESSAGE"],
    "REFER": ALONE["REFER"],
    "NOTIFY": {"Event": "refer", "Subscription_State": "active;expires=60",
               "Content_Type": "message/sipfrag", "body": b"SIP/2.0 100 Trying\r\n"},
    "INVITE": {"body": offer()},
    "BYE": {},
}  # fmt: skip


@pytest.fixture(params=list(Transport))
def phone(request, load_border):
    world = BorderWorld(load_border(*WITH_WS))
    phone = Phone(world, transport=request.param)
    phone.register()
    return phone


def bears(message, given):
    """The headers and the body are those that were sent; SDP is the border's."""
    for name, value in given.items():
        if name == "body":
            assert message.body == value or b"m=audio" in value
        else:
            assert message.get(name.replace("_", "-")) == value, name


def passed_inward(phone, request, given):
    """A request of the phone reaches the office and its 200 the phone."""
    world = phone.world
    world.receive(phone.flow, request)
    inner = next_request(world, phone.upstream)
    assert inner.method == request.method
    bears(inner, given)
    assert inner.get("Via").startswith("SIP/2.0/TCP 10.10.10.7:5060;")
    sdp = offer("10.10.10.13", 40750) if request.method == "INVITE" else b""
    phone.office_answer(inner, 200, body=sdp)
    assert final(world, phone.flow).status == 200
    assert not world.refusals()


def passed_outward(phone, request, given):
    """A request of the office reaches the phone and its 200 the office."""
    world = phone.world
    world.receive(phone.upstream, request)
    outer = next_request(world, phone.flow)
    assert outer.method == request.method
    bears(outer, given)
    assert outer.get("Via").startswith(f"SIP/2.0/{phone.transport} 192.168.64.96:")
    assert outer.uri == phone.contact
    phone.answer(outer, 200, body=offer() if request.method == "INVITE" else b"")
    assert final(world, phone.upstream).status == 200
    assert not world.refusals()


def next_request(world, flow):
    """The next request on a flow; answers of 100 are passed over."""
    while (message := world.take(flow)).status == 100:
        pass
    return message


def final(world, flow):
    while (message := world.take(flow)).status < 200:
        pass
    return message


@pytest.mark.parametrize("method", list(ALONE))
def test_of_the_phone(phone, method):
    given = dict(ALONE[method])
    passed_inward(phone, phone.request(method, f"sip:3003@{DOMAIN}", call="m-1", **given), given)


@pytest.mark.parametrize("method", list(ALONE))
def test_of_the_office(phone, method):
    given = dict(ALONE[method])
    passed_outward(phone, phone.office_request(method, call="m-2", **given), given)


@pytest.mark.parametrize("method", list(IN_CALL))
def test_of_the_phone_in_its_call(phone, method):
    phone.call_office()
    given = dict(IN_CALL[method])
    passed_inward(phone, phone.in_dialog(method, **given), given)


@pytest.mark.parametrize("method", list(IN_CALL))
def test_of_the_office_in_a_call(phone, method):
    phone.call_office()
    given = dict(IN_CALL[method])
    request = phone.office_request(method, call="call-1", to_tag="phone", cseq=5, **given)
    passed_outward(phone, request, given)


def test_reliable_provisional_answers_both_ways(phone):
    """183 with 100rel and its PRACK (RFC 3262), while the call rings."""
    world = phone.world
    phone.call_office(answer=False)
    phone.office_answer(
        phone.inner_invite, 183, body=offer("10.10.10.13", 40750), Require="100rel", RSeq="17"
    )
    ringing = world.take(phone.flow)
    assert (ringing.status, ringing.get("Require"), ringing.get("RSeq")) == (183, "100rel", "17")
    rack = f"17 {phone.cseq} INVITE"
    passed_inward(phone, phone.in_dialog("PRACK", RAck=rack), {"RAck": rack})


def test_reliable_provisional_answers_of_the_phone(phone):
    world = phone.world
    invite = phone.office_request("INVITE", call="call-3", body=offer("10.10.10.13", 40750))
    world.receive(phone.upstream, invite)
    outer = next_request(world, phone.flow)
    phone.answer(outer, 183, body=offer(), Require="100rel", RSeq="9")
    ringing = next_request(world, phone.upstream)
    assert (ringing.status, ringing.get("RSeq")) == (183, "9")
    given = {"RAck": "9 1 INVITE"}
    prack = phone.office_request("PRACK", call="call-3", to_tag="phone", cseq=2, **given)
    passed_outward(phone, prack, given)


def test_cancel_of_the_phone(phone):
    world = phone.world
    phone.call_office(answer=False)
    cancel = phone.request("CANCEL", phone.invite.uri, call="call-1", cseq=phone.cseq)
    cancel.set("Via", phone.invite.get("Via"))
    world.receive(phone.flow, cancel)
    phone.office_answer(phone.inner_invite, 180)
    inner = next_request(world, phone.upstream)
    assert inner.method == "CANCEL"


def test_cancel_of_the_office(phone):
    world = phone.world
    invite = phone.office_request("INVITE", call="call-4", body=offer("10.10.10.13", 40750))
    world.receive(phone.upstream, invite)
    outer = next_request(world, phone.flow)
    phone.answer(outer, 180)
    cancel = phone.office_request("CANCEL", call="call-4")
    cancel.set("Via", invite.get("Via"))
    cancel.remove("Contact")
    world.receive(phone.upstream, cancel)
    assert next_request(world, phone.flow).method == "CANCEL"
