"""IPv6 outside and IPv4 inside, the other way round, and IPv6 on both sides."""

import re

import pytest

from farline.sip import Address, Transport
from farline.testing.border import BorderWorld
from farline.testing.border_phone import Phone, media_address, offer

OUTSIDE6 = [
    ("default_gateway: 192.168.64.1\n      prefix: 255.255.248.0",
     "default_gateway: '2001:db8:64::1'\n      prefix: /64"),
    ("192.168.64.96", "'2001:db8:64::96'"),
]  # fmt: skip
INSIDE6 = [
    ("default_gateway: 10.10.10.1\n      prefix: 255.255.255.0",
     "default_gateway: 'fd00:10::1'\n      prefix: /64"),
    ("10.10.10.7", "'fd00:10::7'"),
    ("10.10.10.13", "'fd00:10::13'"),
]  # fmt: skip


class SixPhone(Phone):
    border = Address("2001:db8:64::96", 5060)
    behind = "2001:db8:33::101"


class SixInside(Phone):
    inside_border = Address("fd00:10::7", 5060)
    office = Address("fd00:10::13", 5060)


class SixBoth(SixPhone, SixInside):
    pass


CASES = {
    "6-4": (SixPhone, OUTSIDE6),
    "4-6": (SixInside, INSIDE6),
    "6-6": (SixBoth, OUTSIDE6 + INSIDE6),
}


@pytest.fixture(params=[(k, t) for k in CASES for t in (Transport.UDP, Transport.TCP)], ids=str)
def call(request, load_border):
    """A world and a phone in it that has registered."""
    case, transport = request.param
    kind, changes = CASES[case]
    world = BorderWorld(load_border(*changes))
    ip = "2001:db8:67::61" if ":" in kind.border.host else "192.168.67.61"
    phone = kind(world, ip=ip, transport=transport)
    phone.register()
    return world, phone


def no_other_side(message, phone, *, inside):
    """Neither address nor any form of the hidden side is in a message."""
    text = message.to_bytes().decode()
    hidden = (phone.office.host, phone.inside_border.host) if inside else (phone.behind,)
    assert not [host for host in hidden if host in text], text
    for literal in re.findall(r"sips?:(?:[^@>;\s]+@)?((?:[0-9a-f]*:){2,}[0-9a-f]*)", text):
        raise AssertionError(f"an IPv6 address without brackets: {literal}")


def test_a_call_of_the_phone(call):
    world, phone = call
    ok = phone.call_office()
    inner = phone.inner_invite
    no_other_side(inner, phone, inside=False)
    assert inner.get("Via").startswith(f"SIP/2.0/TCP {phone.inside_border};branch=")
    assert f"@{phone.inside_border};transport=tcp;subid_ipcs=" in inner.get("Contact")
    assert media_address(inner)[1] == phone.inside_border.host
    assert media_address(ok)[1] == phone.border.host
    no_other_side(ok, phone, inside=True)
    assert f"@{phone.border};transport=" in ok.get("Contact")
    assert not world.refusals()


def test_a_call_of_the_office(call):
    world, phone = call
    world.receive(phone.upstream, phone.office_request("INVITE", body=offer(phone.office.host)))
    assert world.take(phone.upstream).status == 100
    outer = world.take(phone.flow)
    assert outer.uri == phone.contact
    no_other_side(outer, phone, inside=True)
    assert outer.get("Via").startswith(f"SIP/2.0/{phone.transport} {phone.border};branch=")
    assert media_address(outer)[1] == phone.border.host
    phone.answer(outer, 200, body=offer(phone.behind))
    answered = world.take(phone.upstream)
    assert answered.status == 200
    assert media_address(answered)[1] == phone.inside_border.host
    no_other_side(answered, phone, inside=False)


def test_the_via_learns_the_source_without_brackets(load_border):
    world = BorderWorld(load_border(*OUTSIDE6))
    phone = SixPhone(world, ip="2001:db8:67::61", transport=Transport.UDP)
    request = phone.request("OPTIONS", f"sip:{phone.border}", call="o-1")
    world.receive(phone.flow, request)
    via = world.take(phone.flow).top_via
    assert (via.param("received"), via.param("rport")) == ("2001:db8:67::61", "10057")


def test_the_same_address_in_another_spelling_is_no_other_source(load_border):
    world = BorderWorld(load_border(*OUTSIDE6))
    phone = SixPhone(world, ip="2001:db8:67::61")
    request = phone.request("OPTIONS", f"sip:{phone.border}", call="o-1")
    request.set("Via", "SIP/2.0/TCP [2001:DB8:67:0:0::61]:5060;branch=z9hG4bKx")
    world.receive(phone.flow, request)
    assert world.take(phone.flow).get("Via") == (
        "SIP/2.0/TCP [2001:DB8:67:0:0::61]:5060;branch=z9hG4bKx"
    )


def test_our_address_in_another_spelling_is_ours(load_border):
    world = BorderWorld(load_border(*OUTSIDE6))
    phone = SixPhone(world, ip="2001:db8:67::61")
    phone.register()
    request = phone.request("INVITE", "sip:3003@[2001:DB8:64:0::96]", body=offer(phone.behind))
    world.receive(phone.flow, request)
    assert world.take(phone.flow).status == 100
    assert world.take(phone.upstream).uri.startswith("sip:3003@10.10.10.13")
