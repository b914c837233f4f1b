"""Delayed SDP Handling, Send Hold, URI Scheme TEL, Init and Max Timer: each field on the wire."""

import pytest

from farline.sip import Transport
from farline.testing.border_phone import DOMAIN, Phone, media_address, offer, registered
from farline.testing.trunk import OUTSIDE_NUMBER, TrunkSite

URI = f"sip:3003@{DOMAIN}"
_HOP = "{priority: 1, server: IPO, address: 10.10.10.13, port: 5060, transport: %s}"
UDP_HOP = (_HOP % "TCP", _HOP % "UDP")


def without_sdp(phone):
    """The phone calls without SDP; the INVITE as the server reads it."""
    world = phone.world
    world.receive(phone.flow, phone.request("INVITE", URI))
    world.take(phone.flow)
    return world.take(phone.upstream)


# ---- Delayed SDP Handling ----


def test_an_invite_without_sdp_passes(with_profile):
    assert without_sdp(registered(with_profile("delayed_sdp_handling: pass"))).body == b""


def test_an_offer_is_inserted(with_profile):
    phone = registered(with_profile("delayed_sdp_handling: insert"))
    world = phone.world
    invite = without_sdp(phone)
    assert media_address(invite)[1] == "10.10.10.7"
    assert b"PCMA/8000" in invite.body
    assert invite.get("Content-Type") == "application/sdp"
    phone.office_answer(invite, 200, body=offer("10.10.10.13", 40750))
    ok = world.take(phone.flow)
    assert (ok.status, media_address(ok)[1]) == (200, "192.168.64.96")
    asked = [type(one).__name__ for one in world.engine.requests]
    assert asked == ["Offer", "Answer", "Offer"]
    ack = phone.in_dialog("ACK", cseq=phone.cseq, body=offer(phone.behind, 5000))
    world.receive(phone.flow, ack)
    told = world.take(phone.upstream)
    assert (told.method, told.body, told.get("Content-Type")) == ("ACK", b"", None)
    last = world.engine.requests[-1]
    assert type(last).__name__ == "Answer"
    assert b"m=audio 5000 " in last.sdp


def test_progress_before_the_answer(with_profile):
    phone = registered(with_profile("delayed_sdp_handling: insert"))
    invite = without_sdp(phone)
    body = offer("10.10.10.13", 40750)
    phone.office_answer(invite, 183, body=body)
    progress = phone.world.take(phone.flow)
    phone.office_answer(invite, 200, body=body)
    assert phone.world.take(phone.flow).body == progress.body
    assert len(phone.world.engine.requests) == 3


def test_a_re_invite_without_sdp_offers_what_was_said_last(with_profile):
    phone = registered(with_profile("delayed_sdp_handling: insert"))
    phone.call_office()
    phone.world.receive(phone.flow, phone.in_dialog("INVITE"))
    phone.world.take(phone.flow)
    again = phone.world.take(phone.upstream)
    assert again.body == phone.inner_invite.body


def test_towards_the_server_that_began_too():
    """A re-INVITE without SDP back to the office, which understands none."""
    profile = ("  routing_profiles:\n", "  interworking_profiles:\n"
               "    - {name: Early, delayed_sdp_handling: insert}\n\n"
               "  routing_profiles:\n")  # fmt: skip
    office = ("      sip_domain: office.example.com\n", "      sip_domain: office.example.com\n"
              "      advanced: {interworking_profile: Early}\n")  # fmt: skip
    site = TrunkSite(profile, office)
    arrived, _ = site.outbound()
    site.trunk.send(site.trunk.in_dialog("INVITE", arrived, cseq=1))
    site.trunk.take(status=100)
    assert media_address(site.desk.take("INVITE"))[1] == "10.10.10.7"


# ---- Send Hold ----


@pytest.mark.parametrize(
    ("way", "answered"), [("sendonly", b"recvonly"), ("inactive", b"inactive")]
)
def test_hold_is_not_sent(with_profile, way, answered):
    phone = registered(with_profile("send_hold: false"))
    phone.call_office()
    world = phone.world
    held = phone.in_dialog("INVITE", body=offer(phone.behind, direction=way))
    world.receive(phone.flow, held)
    world.take(phone.flow)
    inner = world.take(phone.upstream)
    assert b"a=sendrecv" in inner.body
    assert way.encode() not in inner.body
    phone.office_answer(inner, 200, body=offer("10.10.10.13", 40750))
    assert b"a=" + answered in world.take(phone.flow).body


def test_hold_of_the_server_is_told(with_profile):
    phone = registered(with_profile("send_hold: false"))
    phone.call_office()
    held = phone.office_request("INVITE", call="call-1", from_tag="office", to_tag="phone",
                                cseq=3,
                                body=offer("10.10.10.13", 40750, direction="sendonly"))  # fmt: skip
    phone.world.receive(phone.upstream, held)
    phone.world.take(phone.upstream)
    assert b"a=sendonly" in phone.world.take(phone.flow).body


# ---- URI Scheme ----


@pytest.mark.parametrize(
    ("scheme", "uri", "shown"),
    [
        ("tel", OUTSIDE_NUMBER, "tel:+4930123"),
        ("tel", "sip:3003@10.10.10.7", "sip:3003@trunk.example.net"),
        ("any", OUTSIDE_NUMBER, "sip:+4930123@trunk.example.net"),
    ],
)
def test_uri_scheme_tel(scheme, uri, shown):
    profile = ("  routing_profiles:\n", "  interworking_profiles:\n"
               f"    - {{name: Numbers, uri_scheme: {scheme}}}\n\n"
               "  routing_profiles:\n")  # fmt: skip
    trunk = ("    # the provider's own domain\n", "\n"
             "      advanced: {interworking_profile: Numbers}\n")  # fmt: skip
    site = TrunkSite(profile, trunk)
    site.desk.send(site.desk.request("INVITE", uri, body=offer("10.10.10.13")))
    site.desk.take(status=100)
    assert site.trunk.take("INVITE").uri == shown


# ---- Timers ----


def repeats(with_profile, fields, seconds):
    """When a MESSAGE to a silent server over UDP was sent, in milliseconds from the first."""
    world = with_profile(fields, UDP_HOP)
    phone = Phone(world, transport=Transport.UDP)
    phone.register()
    begin = len(world.all_sent)
    world.receive(phone.flow, phone.request("MESSAGE", URI))
    times, at = [], world.clock.now
    world.wait(0.001)
    for _ in range(round(seconds * 20)):
        world.wait(0.05)
        sent = [data for flow, data in world.all_sent[begin:] if data.startswith(b"MESSAGE")]
        while len(times) < len(sent) - 1:
            times.append(int((world.clock.now - at) * 20) * 50)
    return times


def test_init_timer(with_profile):
    assert repeats(with_profile, "hold_support: none", 2) == [500, 1500]
    assert repeats(with_profile, "timers: {init_timer: 200}", 2) == [200, 600, 1400]


def test_max_timer(with_profile):
    fields = "timers: {init_timer: 200, max_timer: 400}"
    assert repeats(with_profile, fields, 2) == [200, 600, 1000, 1400, 1800]


# ---- Via Header Format ----


@pytest.mark.parametrize("form", ["rfc3261", "rfc2543"])
def test_via_header_format(with_profile, form):
    world = with_profile(f"via_header_format: {form}", UDP_HOP)
    phone = Phone(world, transport=Transport.UDP)
    phone.register()
    new = form == "rfc3261"
    world.receive(phone.flow, phone.request("INVITE", URI, body=offer(phone.behind)))
    world.take(phone.flow)
    invite = world.take(phone.upstream)
    phone.office_answer(invite, 200, body=offer("10.10.10.13", 40750))
    assert world.take(phone.flow).status == 200
    world.receive(phone.flow, phone.in_dialog("ACK", cseq=phone.cseq))
    for message in (invite, world.take(phone.upstream)):
        via = message.get("Via")
        assert (";rport" in via, "branch=z9hG4bK" in via) == (new, new)
