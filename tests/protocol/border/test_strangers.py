"""What outsiders try, and what they learn from it."""

import pytest

from farline.config import Shield
from farline.sip import Message, Transport, responses
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


def test_scanners_get_no_answer(world, stranger):
    message = Message.request("OPTIONS", "sip:100@192.168.64.96")
    for name, value in (
        ("Via", "SIP/2.0/TCP 1.2.3.4:5;branch=z9hG4bKx"),
        ("From", "<sip:100@1.1.1.1>;tag=1"),
        ("To", "<sip:100@1.1.1.1>"),
        ("Call-ID", "1"),
        ("CSeq", "1 OPTIONS"),
        ("User-Agent", "friendly-scanner"),
    ):
        message.add(name, value)
    message.body = b""
    world.receive(stranger, message)
    assert world.unread() == []
    assert world.refusals()[0].reason == "shield"


def test_credit_runs_out_and_comes_back(guide_border):
    form = Shield(address_credit=10, address_credit_per_second=1, ban_after=0)
    world = BorderWorld(guide_border.model_copy(update={"shield": form}))
    good = Phone(world)
    good.register()
    bad = Phone(world, user="3002", port=9)
    for number in range(20):
        world.receive(bad.flow, bad.request("INVITE", f"sip:3003@{DOMAIN}", call=f"x{number}"))
    answers = len(world.unread(bad.flow))
    assert 4 <= answers <= 6
    good.call_office()  # the registered phone behind the same address is not touched
    world.wait(10)
    world.receive(bad.flow, bad.request("INVITE", f"sip:3003@{DOMAIN}", call="later"))
    assert len(world.unread(bad.flow)) == answers + 1


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


def with_shield(border, **fields):
    return BorderWorld(border.model_copy(update={"shield": Shield(**fields)}))


def scan(world, flow, agent="friendly-scanner"):
    world.receive(
        flow,
        f"OPTIONS sip:100@192.168.64.96 SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP 1.2.3.4;rport;branch=z9hG4bK{agent}\r\n"
        f"From: <sip:1@1.1.1.1>;tag=1\r\nTo: <sip:1@1.1.1.1>\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\n"
        f"User-Agent: {agent}\r\nContent-Length: 0\r\n\r\n".encode(),
    )


def test_a_scanner_is_banned_and_the_phone_behind_the_same_address_is_not(guide_border):
    world = with_shield(guide_border)
    good = Phone(world)
    good.register()
    bad = world.accept("IPORWB1Sig", good.flow.remote.host, 4444, Transport.UDP)
    scan(world, bad)
    (ban,) = world.core.show()["bans"]
    assert (ban["who"], ban["seconds left"]) == (str(bad.remote), 600)
    scan(world, bad, "Phone")
    assert "is banned for 600 s: User-Agent names the scanner" in world.refusals()[-1].detail
    good.call_office()
    other = Phone(world, user="3002", port=10058)
    other.register()
    world.wait(601)
    scan(world, bad, "Later")
    assert world.core.show()["bans"] == []
    assert len(world.unread(bad)) == 1


def test_preview_says_who_would_be_banned_and_refuses_nobody(guide_border):
    world = with_shield(guide_border, mode="preview", deny=("203.0.113.0/24",))
    bad = world.accept("IPORWB1Sig", "203.0.113.9", 4444, Transport.UDP)
    scan(world, bad)
    scan(world, bad, "Phone")
    assert [m.status for m in world.unread(bad)] == [403, 403]
    assert world.core.show()["bans"][0]["who"] == "203.0.113.9:4444"
    assert world.core.show()["counters"]["shield.would-ban"] == 1
    said = [one.because for one in world.decisions("shield") if one.value == "would be refused"]
    assert said[0] == "203.0.113.9 is on the deny list"


def test_a_registered_phone_that_floods_is_slowed_and_its_call_stays(guide_border):
    world = with_shield(guide_border, phone_credit=10, phone_credit_per_second=1)
    phone = Phone(world)
    phone.register()
    phone.call_office()
    for number in range(30):
        world.receive(phone.flow, phone.request("OPTIONS", "sip:192.168.64.96", call=f"o{number}"))
    refused = [one for one in world.refusals() if "sends too much for one phone" in one.detail]
    assert len(refused) >= 20
    assert world.core.show()["bans"] == []
    world.wait(5)
    world.receive(phone.flow, phone.in_dialog("BYE", call="call-1", cseq=90))
    assert world.take(phone.upstream).method == "BYE"


def guess(world, phone, number):
    request = phone.request(
        "REGISTER", f"sip:{DOMAIN}", to=f"<sip:{phone.user}@{DOMAIN}>", call=f"g{number}",
        Contact=f"<{phone.contact}>", Authorization='Digest username="x",response="0"',
    )  # fmt: skip
    world.receive(phone.flow, request)


def test_guessed_passwords_close_the_address_of_record_to_strangers_only(guide_border):
    world = with_shield(guide_border, aor_failures=3, ban_after=0)
    owner = Phone(world)
    owner.register()
    for number in range(3):
        bad = Phone(world, ip=f"203.0.113.{number}", port=5060)
        guess(world, bad, number)
        world.take(bad.flow)
        inner = world.take(world.opened[-1])
        world.receive(world.opened[-1], responses.make(inner, 401, to_tag="x"))
        assert world.take(bad.flow).status == 401
    late = Phone(world, ip="203.0.113.77", port=5060)
    guess(world, late, 9)
    assert world.take(late.flow).status == 403
    assert world.refusals()[-1].reason == "passwords"
    owner.register(cseq=2, call="again")


def test_a_flood_of_strangers_leaves_the_phones_theirs(guide_border):
    world = with_shield(guide_border, interface_per_second=20, ban_after=0)
    good = Phone(world)
    good.register()
    for number in range(100):
        flow = world.accept("IPORWB1Sig", f"203.0.{number}.9", 4444, Transport.UDP)
        scan(world, flow, "Phone")
    assert world.core.show()["shield"]["IPORWB1Sig"] == "flood"
    assert sum("strangers in a second" in one.detail for one in world.refusals()) >= 79
    good.call_office()
