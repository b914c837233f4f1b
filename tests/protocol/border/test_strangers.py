"""What outsiders try, and what they learn from it."""

import pytest

from farline.testing.border import BorderWorld
from farline.testing.border_phone import DOMAIN, Phone, offer


@pytest.fixture
def stranger(world):
    return world.accept("IPORWB1Sig", "203.0.113.9", 4000)


@pytest.mark.parametrize(
    "method", ["INVITE", "OPTIONS", "MESSAGE", "SUBSCRIBE", "NOTIFY", "PUBLISH", "BYE", "REFER"]
)
def test_requests_before_register_are_refused(world, phone, stranger, method):
    world.receive(stranger, phone.request(method, f"sip:3003@{DOMAIN}", call="x"))
    refused = world.take(stranger)
    assert refused.status == 403
    assert refused.reason == "Forbidden"
    names = {name for name, _ in refused.headers()}
    assert names == {"Via", "From", "To", "Call-ID", "CSeq", "Content-Length"}
    (refusal,) = world.refusals()
    assert refusal.reason == "unknown-phone"
    (decision,) = world.decisions("admission")
    assert decision.form.endswith("SubsflowRW: Methods Allowed Before REGISTER")
    assert world.unread(phone.upstream) == []


def test_methods_allowed_before_register(load_border, vector):
    world = BorderWorld(
        load_border(("methods_before_register: []", "methods_before_register: [MESSAGE]"))
    )
    phone = Phone(world)
    world.receive(phone.flow, phone.request("MESSAGE", f"sip:3003@{DOMAIN}"))
    (upstream,) = world.opened
    phone.upstream = upstream
    phone.office_answer(world.take(upstream), 200)
    assert world.take(phone.flow).status == 200
    world.receive(phone.flow, phone.request("INVITE", f"sip:3003@{DOMAIN}"))
    assert world.take(phone.flow).status == 403
    world.wait(60)
    assert world.core.show()["bindings"] == []


def test_no_subscriber_flow_matches(load_border):
    world = BorderWorld(
        load_border(
            ('source_subnet: "*"', "source_subnet: 10.99.0.0/16"),
        )
    )
    phone = Phone(world)
    world.receive(phone.flow, phone.request("REGISTER", f"sip:{DOMAIN}", to=f"<sip:3001@{DOMAIN}>"))
    assert world.take(phone.flow).status == 403
    assert "SubsflowRW: Source Subnet is 10.99.0.0/16" in world.refusals()[0].detail


def test_the_token_is_worth_nothing_outside(world, phone, stranger):
    """Somebody who knows a phone's inside URI cannot reach it from outside, phone or not."""
    other = Phone(world, user="3002", port=10058)
    other.register()
    for flow, status in ((stranger, 403), (other.flow, 403)):
        for method in ("INVITE", "BYE", "MESSAGE"):
            request = phone.office_request(method, call=f"t{flow.token}")
            world.receive(flow, request)
            assert world.take(flow).status == status
    assert world.unread(phone.flow) == []


def test_another_phone_cannot_enter_a_call(world, phone):
    phone.call_office()
    other = Phone(world, user="3002", port=10058)
    other.register()
    bye = other.request(
        "BYE", phone.target, to=f"<sip:3003@{DOMAIN}>;tag=office", call="call-1", from_tag="phone"
    )
    world.receive(other.flow, bye)
    assert world.take(other.flow).status == 481
    bye.set("From", f"<sip:3001@{DOMAIN}>;tag=phone")
    bye.set("Via", other.via())
    world.receive(other.flow, bye)
    assert world.take(other.flow).status == 403
    ack = other.request(
        "ACK", phone.target, to=f"<sip:3003@{DOMAIN}>;tag=office", call="call-1", from_tag="phone"
    )
    world.receive(other.flow, ack)
    assert world.unread() == []
    assert len(world.core.show()["sessions"]) == 1


def test_cancel_from_another_flow_is_without_effect(world, phone, stranger):
    phone.call_office(answer=False)
    phone.office_answer(phone.inner_invite, 180)
    world.take(phone.flow)
    cancel = phone.request("CANCEL", phone.invite.uri)
    cancel.set("Via", phone.invite.get("Via"))
    cancel.set("CSeq", f"{phone.invite.cseq} CANCEL")
    world.receive(stranger, cancel)
    assert world.unread(phone.upstream) == []
    assert world.unread(phone.flow) == []


def test_servers_are_known_by_address(world, phone):
    """A host inside that is no server of ours cannot use the inside interface."""
    other = world.accept("IPORWA1Sig", "10.10.10.99", 4444)
    world.receive(other, phone.office_request("INVITE"))
    assert world.take(other).status == 403
    assert "no address of IPO" in world.refusals()[-1].detail


def test_wrong_and_missing_tokens_from_inside(world, phone, office_flow):
    phone.subid = "1"
    world.receive(office_flow, phone.office_request("INVITE"))
    assert world.take(office_flow).status == 404


def test_hops_and_loops(world, phone):
    request = phone.request("MESSAGE", f"sip:3003@{DOMAIN}", Max_Forwards="0")
    world.receive(phone.flow, request)
    assert world.take(phone.flow).status == 483
    looped = phone.request("MESSAGE", f"sip:3003@{DOMAIN}", call="l")
    looped.add("Via", "SIP/2.0/TCP 192.168.64.96:5060;branch=z9hG4bKours")
    world.receive(phone.flow, looped)
    assert world.take(phone.flow).status == 482
    needy = phone.request("MESSAGE", f"sip:3003@{DOMAIN}", call="n", Proxy_Require="magic")
    world.receive(phone.flow, needy)
    answer = world.take(phone.flow)
    assert (answer.status, answer.get("Unsupported")) == (420, "magic")


def test_too_large(world, phone):
    body = b"x" * 40_000
    world.receive(
        phone.flow, phone.request("MESSAGE", "sip:1@x", body=body, Content_Type="text/plain")
    )
    assert world.unread() == []
    assert "40" in world.refusals()[0].detail


@pytest.mark.parametrize(
    ("broken", "status"),
    [
        ({"CSeq": "x MESSAGE"}, 400),
        ({"CSeq": "1 INVITE"}, 400),
        ({"Max-Forwards": "many"}, 400),
        ({"From": "<sip:"}, 400),
        ({"Contact": "<sip:"}, 400),
    ],
)
def test_malformed_requests_are_answered_once(world, phone, broken, status):
    request = phone.request("MESSAGE", f"sip:3003@{DOMAIN}")
    for name, value in broken.items():
        request.set(name, value)
    world.receive(phone.flow, request)
    assert [m.status for m in world.unread(phone.flow)] == [status]
    assert world.unread(phone.upstream) == []


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\r\n\r\n",
        b"\x00\xff\xfe",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"INVITE\r\n\r\n",
        b"SIP/2.0 200 OK\r\n\r\n",
        b"SIP/2.0 200 OK\r\nVia: SIP/2.0/TCP 1.2.3.4;branch=z9hG4bKnone\r\nCSeq: 1 INVITE\r\n\r\n",
        b"ACK sip:x SIP/2.0\r\nVia: SIP/2.0/TCP 1.2.3.4\r\n\r\n",
    ],
)
def test_garbage_is_dropped(world, stranger, data):
    world.receive(stranger, data)
    assert world.unread() == []


def test_bad_answers_of_the_office_harm_nothing(world, phone):
    phone.call_office(answer=False)
    phone.office_answer(phone.inner_invite, 180, Contact="<sip:", Record_Route="???")
    phone.office_answer(phone.inner_invite, 200, body=b"this is no SDP")
    final = world.unread(phone.flow)[-1]
    assert final.status == 488
    assert [m.method for m in world.unread(phone.upstream)] == ["ACK", "BYE"]


def test_own_addresses_in_sdp_origin_can_be_hidden(load_border):
    world = BorderWorld(
        load_border(
            (
                "topology_hiding_profile: null",
                "topology_hiding_profile: strict",
            ),
            (
                "  # Device Specific Settings > End Point Flows > Subscriber Flows",
                "  topology_hiding_profiles:\n    - {name: strict, sdp_origin: true}\n",
            ),
        )
    )
    phone = Phone(world)
    phone.register()
    body = offer(user="sip:3001@172.22.33.101")
    world.receive(phone.flow, phone.request("INVITE", f"sip:3003@{DOMAIN}", body=body))
    assert b"o=- 1 2 IN IP4 10.10.10.7" in world.take(phone.upstream).body


def test_every_byte_sent_outside_is_clean(world, phone, office_flow):
    """Leaks that no rule of SIP names: unknown headers, bodies, Warning, Server."""
    request = phone.office_request(
        "MESSAGE",
        body=b"<dialog-info entity='sip:3003@10.10.10.13:5060'/>",
        Content_Type="application/dialog-info+xml",
        X_Internal="10.10.10.30:5060 via 10.10.10.13",
        Call_Info="<http://10.10.10.13/x.png>;purpose=icon",
        History_Info="<sip:3005@10.10.10.13>;index=1",
        Diversion='"x" <sip:3006@10.10.10.30:5061>',
    )
    world.receive(office_flow, request)
    outer = world.take(phone.flow)
    assert b"10.10.10." not in outer.to_bytes()
    assert outer.get("Diversion") == f'"x" <sip:3006@{DOMAIN}>'
    assert outer.get("X-Internal") == "192.168.64.96:5060 via 192.168.64.96:5060"
    assert outer.body == f"<dialog-info entity='sip:3003@{DOMAIN}'/>".encode()
    assert int(outer.get("Content-Length")) == len(outer.body)


# ---- the shield ----
