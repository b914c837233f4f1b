"""A border behind a 1:1 NAT tells phones its Public IP, wherever it tells an address."""

import pytest

from farline.sip import Address, Transport
from farline.testing.border import BorderWorld
from farline.testing.border_phone import Phone, media_address, offer

PUBLIC = "203.0.113.96"
PLAIN = "        - ip: 192.168.64.96\n"
NATTED = (PLAIN, f"{PLAIN}          public_ip: {PUBLIC}\n")


class FarPhone(Phone):
    border = Address(PUBLIC, 5060)


@pytest.fixture(params=[Transport.UDP, Transport.TCP])
def phone(request, load_border):
    phone = FarPhone(BorderWorld(load_border(NATTED)), transport=request.param)
    phone.register()
    return phone


def test_calls_to_the_phone(phone):
    world = phone.world
    world.receive(phone.upstream, phone.office_request("INVITE", body=offer("10.10.10.13", 40750)))
    invite = world.take(phone.flow)
    assert invite.get("Via").startswith(f"SIP/2.0/{phone.transport} {PUBLIC}:5060;")
    assert f"@{PUBLIC}:5060;" in invite.get("Contact")
    assert f"<sip:{PUBLIC}:5060;" in invite.get("Record-Route")
    assert media_address(invite)[1] == PUBLIC
    assert "192.168.64.96" not in invite.to_bytes().decode()
    assert phone.flow.local.host == "192.168.64.96"


def test_calls_of_the_phone_in_dialog_too(phone):
    ok = phone.call_office()
    assert media_address(ok)[1] == PUBLIC
    assert f"@{PUBLIC}:5060;" in ok.get("Contact")
    assert PUBLIC not in phone.inner_invite.to_bytes().decode()
    phone.world.receive(phone.flow, phone.in_dialog("BYE"))
    assert phone.world.take(phone.upstream).method == "BYE"
    assert "192.168.64.96" not in ok.to_bytes().decode()


def test_options_to_the_public_address_is_for_us(phone):
    request = phone.request("OPTIONS", f"sip:{PUBLIC}", call="o-1")
    phone.world.receive(phone.flow, request)
    assert phone.world.take(phone.flow).status == 200
