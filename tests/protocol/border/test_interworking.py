"""Interworking profiles, SIP Domain, DoS protection: each field changes the wire as it says."""

import pytest

from farline.testing.border import BorderWorld
from farline.testing.border_phone import DOMAIN, OFFICE, inner, offer, registered

URI = f"sip:3003@{DOMAIN}"


def ring(phone, status=180, *, body=b"", tag="office", **headers):
    """A provisional answer of the server as the phone reads it."""
    phone.office_answer(phone.inner_invite, status, to_tag=tag, body=body, **headers)
    return phone.world.take(phone.flow)


def on_hold(phone, direction="sendonly", ip="172.22.33.101"):
    """The description of a phone's hold as the server reads it."""
    held = phone.in_dialog("INVITE", body=offer(ip=ip, direction=direction))
    phone.world.receive(phone.flow, held)
    phone.world.take(phone.flow)
    return phone.world.take(phone.upstream).body


@pytest.mark.parametrize(
    ("style", "direction", "ip", "has", "lacks"),
    [
        ("none", "sendonly", "172.22.33.101", b"a=sendonly", b"0.0.0.0"),
        ("rfc2543", "sendonly", "172.22.33.101", b"c=IN IP4 0.0.0.0", b"a=sendonly"),
        ("rfc2543", "sendrecv", "172.22.33.101", b"a=sendrecv", b"0.0.0.0"),
        ("rfc3264", "sendrecv", "0.0.0.0", b"a=sendonly", b"a=sendrecv"),
        ("rfc3264", "inactive", "172.22.33.101", b"a=inactive", b"a=sendonly"),
    ],
)
def test_hold_support_towards_the_server(with_profile, style, direction, ip, has, lacks):
    phone = registered(with_profile(f"hold_support: {style}"))
    phone.call_office()
    shown = on_hold(phone, direction, ip)
    assert has in shown
    assert lacks not in shown


def test_hold_of_an_rfc_2543_server_is_told_by_rfc_3264(with_profile):
    phone = registered(with_profile("hold_support: rfc2543"))
    phone.call_office()
    held = phone.office_request("INVITE", call="call-1", from_tag="office", to_tag="phone",
                                cseq=7, body=offer(ip="0.0.0.0", port=40750))  # fmt: skip
    phone.world.receive(phone.upstream, held)
    phone.world.take(phone.upstream)
    assert b"a=sendonly" in phone.world.take(phone.flow).body


@pytest.mark.parametrize("status", [180, 181, 182, 183])
def test_no_sdp_handling(with_profile, status):
    phone = registered(with_profile(f"handling_{status}: no_sdp"))
    phone.call_office(answer=False)
    ringing = ring(phone, status, body=offer(OFFICE, 40750))
    assert (ringing.body, ringing.get("Content-Type")) == (b"", None)


def test_no_sdp_leaves_reliable_answers(with_profile):
    phone = registered(with_profile("handling_183: no_sdp"))
    phone.call_office(answer=False)
    assert ring(phone, 183, body=offer(OFFICE, 40750), RSeq="1", Require="100rel").body


def test_sdp_handling_repeats_what_came_before(with_profile):
    phone = registered(with_profile("handling_180: sdp"))
    phone.call_office(answer=False)
    assert ring(phone, 180).body == b""
    progress = ring(phone, 183, body=offer(OFFICE, 40750))
    ringing = ring(phone, 180)
    assert ringing.body == progress.body != b""
    assert ringing.get("Content-Type") == "application/sdp"
    assert ring(phone, 180, tag="other").body == b""


def test_diversion_header_support(with_profile, world):
    told = {"Diversion": "<sip:3009@example.com>", "History_Info": "<sip:3009@example.com>;index=1"}
    assert inner(registered(world), **told).get("Diversion")
    message = inner(registered(with_profile("diversion_header_support: false")), **told)
    assert message.get("Diversion") is message.get("History-Info") is None


@pytest.mark.parametrize(("support", "status"), [("true", 0), ("false", 488)])
def test_t38_support(with_profile, support, status):
    phone = registered(with_profile(f"t38_support: {support}"))
    phone.call_office()
    fax = offer() + b"m=image 5002 udptl t38\r\n"
    phone.world.receive(phone.flow, phone.in_dialog("INVITE", body=fax))
    statuses = [m.status for m in phone.world.unread(phone.flow)]
    assert statuses == ([100, status] if status else [100])


def test_uri_scheme(with_profile, world):
    assert inner(registered(world), uri="tel:+4312345").uri == "tel:+4312345"
    message = inner(registered(with_profile("uri_scheme: sip")), uri="tel:+4312345", to=f"<{URI}>")
    assert message.uri == f"sip:+4312345@{DOMAIN};user=phone"


def test_min_se(with_profile):
    phone = registered(with_profile("timers: {min_se: 600}"))
    phone.world.receive(
        phone.flow, phone.request("INVITE", URI, body=offer(), Session_Expires="300")
    )
    refused = phone.world.unread(phone.flow)[-1]
    assert (refused.status, refused.get("Min-SE")) == (422, "600")
    message = inner(phone, "INVITE", call="c2", body=offer(), Session_Expires="900")
    assert message.get("Session-Expires") == "900"


def test_trans_expire(with_profile):
    hop = "- {priority: 1, server: IPO, address: 10.10.10.13, port: 5060, transport: TCP}"
    more = hop.replace("priority: 1", "priority: 2").replace("10.13", "10.14")
    address = "- {address: 10.10.10.13, port: 5060, transport: UDP}"
    other = "- {address: 10.10.10.14, port: 5060, transport: TCP}"
    phone = registered(with_profile(
        "timers: {trans_expire: 9}", (hop, f"{hop}\n        {more}"),
        (address, f"{address}\n        {other}"),
    ))  # fmt: skip
    inner(phone)
    phone.world.wait(8.9)
    assert len(phone.world.opened) == 1
    phone.world.wait(0.2)
    assert phone.world.opened[-1].remote.host == "10.10.10.14"


def test_invite_expire(with_profile):
    phone = registered(with_profile("timers: {invite_expire: 20}"))
    phone.call_office(answer=False)
    ring(phone)
    phone.world.wait(19)
    assert not phone.world.unread(phone.upstream)
    phone.world.wait(2)
    assert phone.world.take(phone.upstream).method == "CANCEL"


@pytest.mark.parametrize(
    ("routes", "server", "phones"), [("both", 1, 1), ("single", 1, 0), ("none", 0, 0)]
)
def test_record_routes(with_profile, routes, server, phones):
    phone = registered(with_profile(f"advanced: {{record_routes: {routes}}}"))
    ok = phone.call_office()
    assert len(phone.inner_invite.all("Record-Route")) == server
    call = phone.office_request("INVITE", body=offer(OFFICE, 40750))
    phone.world.receive(phone.upstream, call)
    phone.world.take(phone.upstream)
    assert len(phone.world.take(phone.flow).all("Record-Route")) == phones
    assert ok.status == 200


def test_extensions(with_profile, world):
    assert inner(registered(world), P_AV_Message_Id="1_1").get("P-AV-Message-Id") == "1_1"
    phone = registered(with_profile("advanced: {extensions: none}"))
    assert inner(phone, P_AV_Message_Id="1_1").get("P-AV-Message-Id") is None


def test_sip_domain(load_border, world):
    own = "sip:3003@192.168.64.96"
    assert inner(registered(world), uri=own).uri == f"sip:3003@{OFFICE}:5060"
    named = BorderWorld(load_border(('sip_domain: ""', "sip_domain: office.example")))
    assert inner(registered(named), uri=own).uri == "sip:3003@office.example"


def test_dos_protection(load_border):
    on = ("dos_protection: false", "dos_protection: true")
    limits = ("requests_per_second: 500, burst: 1000", "requests_per_second: 2, burst: 3")
    world = BorderWorld(load_border(on, limits))
    phone = registered(world)
    answers = []
    for number in range(4):
        world.receive(phone.flow, phone.request("MESSAGE", URI, call=f"m{number}"))
        answers.append([m.status for m in world.unread(phone.flow)][-1:])
    assert answers == [[], [], [503], [503]]
    assert world.core.show()["counters"]["refused.server-dos"] == 2
    assert world.decisions("dos")[0].form.endswith("DoS Protection: IPO")
    world.wait(0.6)
    assert inner(phone, call="later").method == "MESSAGE"
    while world.unread(phone.flow):
        world.take(phone.flow)
    world.receive(phone.flow, phone.request("MESSAGE", URI, call="sooner"))
    assert [m.status for m in world.unread(phone.flow)][-1:] == [503]  # two a second, no more


def test_a_rule_of_what_is_ours_is_refused(load_border, with_profile):
    with pytest.raises(ValueError, match="the border's own work"):
        with_profile("header_manipulation: [{header: Via, action: remove}]")
    with pytest.raises(ValueError, match="no regular expression"):
        with_profile("header_manipulation: [{header: X, action: remove, match: '('}]")


CONTACTS = "<sip:3005@10.10.10.13?Subject=x>;q=0.2, <sip:3004@10.10.10.13:5060>;q=0.9, <tel:+49>"


def redirected(world, phone, **headers):
    """A call that the server answers with 302; the server's transaction."""
    world.receive(phone.flow, phone.request("INVITE", URI, body=offer(), **headers))
    assert world.take(phone.flow).status == 100
    first = world.take(phone.upstream)
    phone.office_answer(first, 302, Contact=CONTACTS)
    assert world.take(phone.upstream).method == "ACK"
    return first


def test_3xx_passes_by_default(with_profile):
    world = with_profile("uri_scheme: any")
    phone = registered(world)
    redirected(world, phone)
    assert world.take(phone.flow).status == 302
    assert not world.unread(phone.upstream)


def test_3xx_is_followed_by_the_border(with_profile):
    """Best contact first; the second when it is busy; its answer is the call's."""
    rule = "{user_regex: '^3003', user_action: add_prefix, user_value: '9'}"
    world = with_profile(f"handling_3xx: follow, uri_manipulation: [{rule}]")
    phone = registered(world)
    first = redirected(world, phone)
    assert first.uri == f"sip:93003@{DOMAIN}"
    second = world.take(phone.upstream)
    assert (second.method, second.uri) == ("INVITE", "sip:3004@10.10.10.13:5060")
    assert second.top_via.branch != first.top_via.branch
    assert second.body == first.body
    phone.office_answer(second, 486)
    assert world.take(phone.upstream).method == "ACK"
    third = world.take(phone.upstream)
    assert third.uri == "sip:3005@10.10.10.13"
    assert not world.unread(phone.flow)
    phone.office_answer(third, 200, body=offer(OFFICE, 40750))
    assert world.take(phone.flow).status == 200
    assert [one.value for one in world.decisions("redirection")] == [second.uri, third.uri]
    assert world.decisions("redirection")[0].form.endswith(": odd: 3xx Handling")
    (session,) = world.core.show()["sessions"]
    assert session["state"] == "answered"


def test_the_last_answer_is_the_callers(with_profile):
    world = with_profile("handling_3xx: follow")
    phone = registered(world)
    redirected(world, phone)
    for _ in range(2):
        # a server that redirects in a circle leads nowhere
        phone.office_answer(world.take(phone.upstream), 302, Contact=CONTACTS)
        assert world.take(phone.upstream).method == "ACK"
    assert world.take(phone.flow).status == 302
    assert not world.unread(phone.upstream)
    assert world.core.show()["sessions"] == []


def test_five_contacts_are_followed_and_no_more(with_profile):
    world = with_profile("handling_3xx: follow")
    phone = registered(world)
    world.receive(phone.flow, phone.request("INVITE", URI, body=offer()))
    assert world.take(phone.flow).status == 100
    for number in range(6):
        invite = world.take(phone.upstream)
        assert invite.uri == (f"sip:400{number}@a.example" if number else URI)
        phone.office_answer(invite, 302, Contact=f"<sip:400{number + 1}@a.example>")
        assert world.take(phone.upstream).method == "ACK"
    assert not world.unread(phone.upstream)
    assert world.take(phone.flow).status == 302


def test_a_call_that_was_cancelled_is_not_led_on(with_profile):
    world = with_profile("handling_3xx: follow")
    phone = registered(world)
    invite = phone.request("INVITE", URI, body=offer())
    world.receive(phone.flow, invite)
    world.take(phone.flow)
    first = world.take(phone.upstream)
    phone.office_answer(first, 180)
    world.take(phone.flow)
    cancel = phone.request("CANCEL", URI, cseq=invite.cseq)
    cancel.set("Via", invite.get("Via"))
    world.receive(phone.flow, cancel)
    assert world.take(phone.upstream).method == "CANCEL"
    phone.office_answer(first, 302, Contact=CONTACTS)
    assert world.take(phone.upstream).method == "ACK"
    assert not world.unread(phone.upstream)


@pytest.mark.parametrize(("prack", "left"), [("true", "100rel, timer"), ("false", "timer")])
def test_prack_handling(with_profile, prack, left):
    world = with_profile(f"prack_support: {prack}")
    phone = registered(world)
    message = inner(phone, "INVITE", body=offer(), Supported="100rel, timer")
    assert message.get("Supported") == left
    answer = phone.request("INVITE", URI, call="c2", body=offer(), Require="100rel")
    world.receive(phone.flow, answer)
    seen = [one for one in world.unread(phone.flow) if one.call_id == "c2"][-1]
    assert seen.status == 100
    arrived = world.take(phone.upstream)
    assert arrived.get("Require") == ("100rel" if prack == "true" else None)


@pytest.mark.parametrize("handling", ["pass", "refuse"])
def test_refer_handling(with_profile, handling):
    """Refuse: no REFER passes either way, and nobody reads that it is allowed."""
    world = with_profile(f"refer_handling: {handling}")
    phone = registered(world)
    phone.call_office()
    invite = inner(phone, "INVITE", call="c2", body=offer(), Allow="INVITE, REFER, BYE")
    phone.office_answer(invite, 180, Allow="INVITE,REFER")
    (ringing,) = [one for one in world.unread(phone.flow) if one.status == 180]
    passes = handling == "pass"
    assert ("REFER" in invite.get("Allow"), "REFER" in ringing.get("Allow")) == (passes, passes)
    while world.unread(phone.flow):
        world.take(phone.flow)
    refer = phone.in_dialog("REFER", Refer_To=f"<sip:3005@{DOMAIN}>")
    world.receive(phone.flow, refer)
    if passes:
        assert world.take(phone.upstream).method == "REFER"
    else:
        answer = world.take(phone.flow)
        assert (answer.status, "REFER" in answer.get("Allow")) == (405, False)
        assert "Refer Handling is refuse" in world.decisions("REFER")[-1].because
    back = phone.office_request("REFER", call="c3", Refer_To=f"<sip:3005@{DOMAIN}>")
    world.receive(phone.upstream, back)
    seen = world.take(phone.flow) if passes else world.take(phone.upstream)
    assert (seen.method, seen.status) == ("REFER", 0 if passes else 405)
    assert not world.unread(phone.upstream)
