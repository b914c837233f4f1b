"""Requests other than REGISTER and INVITE, in both directions, in and out of dialogs."""

import pytest

from farline.sip import NameAddr
from farline.testing.border_phone import DOMAIN, OFFICE


@pytest.mark.parametrize("method", ["MESSAGE", "OPTIONS", "PUBLISH", "INFO"])
def test_out_of_dialog_both_ways(world, phone, office_flow, method):
    body = b"hello"
    request = phone.request(
        method, f"sip:3003@{DOMAIN}", body=body, Content_Type="text/plain", Expires="60"
    )
    world.receive(phone.flow, request)
    inner = world.take(phone.upstream)
    assert (inner.method, inner.uri, inner.body) == (method, f"sip:3003@{DOMAIN}", body)
    assert inner.get("Expires") == "60"
    assert inner.get("Max-Forwards") == "69"
    phone.office_answer(inner, 202)
    assert world.take(phone.flow).status == 202

    world.receive(office_flow, phone.office_request(method, body=body, Content_Type="text/plain"))
    outer = world.take(phone.flow)
    assert (outer.method, outer.uri, outer.body) == (method, phone.contact, body)
    phone.answer(outer, 200)
    assert world.take(office_flow).status == 200


def test_info_in_a_call_both_ways(world, phone, office_flow):
    phone.call_office()
    world.receive(
        phone.flow,
        phone.in_dialog("INFO", body=b"Signal=5", Content_Type="application/dtmf-relay"),
    )
    inner = world.take(phone.upstream)
    assert (inner.uri, inner.body) == (f"sip:3003@{OFFICE}:5060;transport=tcp", b"Signal=5")
    assert inner.get("Route") is None
    phone.office_answer(inner, 200)
    assert world.take(phone.flow).status == 200
    world.receive(office_flow, phone.office_request("INFO", to_tag="phone", call="call-1", cseq=9))
    outer = world.take(phone.flow)
    phone.answer(outer, 200)
    assert world.take(office_flow).status == 200


def test_subscription_of_the_phone(world, phone, office_flow):
    subscribe = phone.request(
        "SUBSCRIBE", f"sip:3001@{DOMAIN}", Event="message-summary", Expires="600"
    )
    world.receive(phone.flow, subscribe)
    inner = world.take(phone.upstream)
    assert f"subid_ipcs={phone.subid}" in inner.get("Record-Route")
    # the NOTIFY may be faster than the 200 (RFC 6665 section 4.1.2.4)
    notify = phone.office_request(
        "NOTIFY",
        to_tag="phone",
        call="call-1",
        body=b"Message-Account: sip:3001@10.10.10.13:5060\r\n",
        Content_Type="application/simple-message-summary",
        Subscription_State="active;expires=600",
    )
    world.receive(office_flow, notify)
    outer = world.take(phone.flow)
    assert outer.body == b"Message-Account: sip:3001@ipo1xp.ipolab.com\r\n"
    phone.answer(outer, 200)
    assert world.take(office_flow).status == 200
    phone.office_answer(inner, 200, Expires="600")
    assert world.take(phone.flow).status == 200
    (session,) = world.core.show()["sessions"]
    assert session["kind"] == "subscription"

    phone.target = "sip:3003@192.168.64.96:5060;transport=tcp"
    world.receive(phone.flow, phone.in_dialog("SUBSCRIBE", Expires="0"))
    again = world.take(phone.upstream)
    assert again.uri == f"sip:3003@{OFFICE}:5060;transport=tcp"
    phone.office_answer(again, 200)
    world.take(phone.flow)
    last = phone.office_request(
        "NOTIFY",
        to_tag="phone",
        call="call-1",
        cseq=2,
        Subscription_State="terminated;reason=timeout",
    )
    world.receive(office_flow, last)
    phone.answer(world.take(phone.flow), 200)
    assert world.take(office_flow).status == 200
    assert world.core.show()["sessions"] == []


def test_a_subscription_without_news_is_forgotten(world, phone):
    phone.register(cseq=2, granted=3600)
    world.receive(
        phone.flow, phone.request("SUBSCRIBE", f"sip:3001@{DOMAIN}", Event="x", Expires="60")
    )
    phone.office_answer(world.take(phone.upstream), 200, Expires="60")
    assert world.take(phone.flow).status == 200
    world.wait(100)
    assert len(world.core.show()["sessions"]) == 1
    world.wait(30)
    assert world.core.show()["sessions"] == []


def test_transfer_by_the_phone(world, phone):
    phone.call_office()
    refer = phone.in_dialog(
        "REFER",
        Refer_To="<sip:3005@192.168.64.96:5060?Replaces=a%40b%3Bto-tag%3D1%3Bfrom-tag%3D2>",
        Referred_By=f"<sip:3001@{DOMAIN}>",
    )
    world.receive(phone.flow, refer)
    inner = world.take(phone.upstream)
    target = NameAddr.parse(inner.get("Refer-To")).uri
    assert (target.user, target.host, target.port) == ("3005", OFFICE, 5060)
    assert target.headers == "Replaces=a%40b%3Bto-tag%3D1%3Bfrom-tag%3D2"
    assert inner.get("Referred-By") == f"<sip:3001@{DOMAIN}>"
    phone.office_answer(inner, 202)
    assert world.take(phone.flow).status == 202


def test_transfer_by_the_office_comes_back_through_us(world, phone, office_flow):
    phone.call_office()
    refer = phone.office_request(
        "REFER", to_tag="phone", call="call-1", cseq=3, Refer_To="<sip:3005@10.10.10.13:5060>"
    )
    world.receive(office_flow, refer)
    outer = world.take(phone.flow)
    assert outer.get("Refer-To") == "<sip:3005@192.168.64.96:5060>"
    phone.answer(outer, 202)
    assert world.take(office_flow).status == 202
    world.receive(phone.flow, phone.request("INVITE", "sip:3005@192.168.64.96:5060", call="t"))
    world.take(phone.flow)
    assert world.take(phone.upstream).uri == "sip:3005@10.10.10.13:5060"


def test_requests_of_unknown_dialogs(world, phone, office_flow):
    for method in ("BYE", "INVITE", "NOTIFY"):
        world.receive(phone.flow, phone.in_dialog(method, call=f"unknown-{method}"))
        assert world.take(phone.flow).status == 481
        world.receive(
            office_flow, phone.office_request(method, to_tag="x", call=f"unknown-{method}")
        )
        assert world.take(office_flow).status == 481
    world.receive(phone.flow, phone.in_dialog("ACK", call="unknown"))
    assert world.unread() == []


def test_identity_of_the_office_is_masked_and_restored(world, phone, office_flow):
    """An office that names itself by address: the phone reads the domain, the dialog holds."""
    invite = phone.office_request("INVITE")
    invite.set("From", '"Dora" <sip:3003@10.10.10.13>;tag=office')
    invite.set("To", "<sip:3001@10.10.10.7:5060>")
    world.receive(office_flow, invite)
    world.take(office_flow)
    outer = world.take(phone.flow)
    assert outer.get("From") == f'"Dora" <sip:3003@{DOMAIN}>;tag=office'
    assert outer.get("To") == f"<sip:3001@{DOMAIN}>"
    phone.answer(outer, 200)
    ok = world.take(office_flow)
    assert ok.get("From") == '"Dora" <sip:3003@10.10.10.13>;tag=office'
    assert ok.get("To") == "<sip:3001@10.10.10.7:5060>;tag=phone"
    bye = phone.request(
        "BYE", phone.target, to=f'"Dora" <sip:3003@{DOMAIN}>;tag=office', call="call-2"
    )
    world.receive(phone.flow, bye)
    inner = world.take(phone.upstream)
    assert inner.get("To") == '"Dora" <sip:3003@10.10.10.13>;tag=office'
    assert inner.get("From") == "<sip:3001@10.10.10.7:5060>;tag=phone"
    phone.office_answer(inner, 200)
    final = world.take(phone.flow)
    assert final.get("To") == f'"Dora" <sip:3003@{DOMAIN}>;tag=office'
    assert final.get("From") == bye.get("From")


def test_keep_alive_options(world, phone, office_flow):
    world.receive(phone.flow, phone.request("OPTIONS", "sip:192.168.64.96:5060"))
    assert world.take(phone.flow).status == 200
    stranger = world.accept("IPORWB1Sig", "203.0.113.9", 4000)
    world.receive(stranger, phone.request("OPTIONS", "sip:192.168.64.96:5060", call="x"))
    assert world.take(stranger).status == 403
    probe = phone.office_request("OPTIONS")
    probe.uri = "sip:10.10.10.7:5060"
    probe.remove("Route")
    world.receive(office_flow, probe)
    assert world.take(office_flow).status == 200
