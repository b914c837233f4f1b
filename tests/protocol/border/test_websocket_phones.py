"""A phone on a WebSocket: Via and Contact name WS, and its `.invalid` names are never dialled."""

import pytest

from farline.sip import Transport
from farline.testing.border import BorderWorld
from farline.testing.border_phone import Phone, media_address, offer

PORTS = """      ip: 192.168.64.96
      tcp_port: 5060
      udp_port: 5060
      tls_port: 5061
      tls_profile: ServerProf
      ws_port: {ws}                  # for browsers: WSS, and their page's origin
      wss_port: {wss}
      ws_origins: {origins}
"""


@pytest.fixture
def world(load_border):
    off, on = (
        {"ws": "null", "wss": "null", "origins": "[]"},
        {"ws": 8080, "wss": 8443, "origins": "['*']"},
    )
    return BorderWorld(load_border((PORTS.format(**off), PORTS.format(**on))))


@pytest.fixture(params=[Transport.WS, Transport.WSS])
def phone(request, world):
    phone = Phone(world, transport=request.param)
    phone.contact = "sip:9qvn2i1d@df7jal23ls0d.invalid;transport=ws"
    phone.via = lambda: f"SIP/2.0/{request.param} df7jal23ls0d.invalid;branch=z9hG4bK{phone.cseq}x"
    phone.register()
    return phone


def own_port(phone):
    return {Transport.WS: 8080, Transport.WSS: 8443}[phone.transport]


def test_register_gives_the_phone_its_own_contact_back(world, phone):
    [binding] = world.core.show()["bindings"]
    assert phone.contact in str(binding)
    assert not world.refusals()


def test_calls_to_the_phone_go_over_its_websocket(world, phone):
    world.receive(phone.upstream, phone.office_request("INVITE", body=offer("10.10.10.13", 40750)))
    assert world.take(phone.upstream).status == 100
    invite = world.take(phone.flow)
    assert invite.uri == phone.contact
    assert invite.get("Via").startswith(
        f"SIP/2.0/{phone.transport} 192.168.64.96:{own_port(phone)};branch="
    )
    assert f"@192.168.64.96:{own_port(phone)};transport=ws>" in invite.get("Contact")
    assert ";transport=ws>" in invite.get("Record-Route")
    assert media_address(invite)[1] == "192.168.64.96"


def test_calls_of_the_phone(world, phone):
    phone.call_office()
    inner = phone.inner_invite
    assert "invalid" not in inner.to_bytes().decode()
    assert inner.get("Via").startswith("SIP/2.0/TCP 10.10.10.7:")
    assert ";transport=tcp" in inner.get("Contact")


def test_a_lost_websocket_makes_the_phone_unreachable(world, phone):
    world.close(phone.flow)
    world.receive(phone.upstream, phone.office_request("INVITE", body=offer("10.10.10.13", 40750)))
    statuses = [message.status for message in world.unread(phone.upstream)]
    assert statuses[-1] in (430, 480)
    assert not [flow for flow in world.opened if flow.remote.host == "df7jal23ls0d.invalid"]
