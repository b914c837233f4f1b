"""Next hops that fail, and the ones that are tried instead."""

import pytest

from farline.sip import Address, Transport, responses
from farline.testing.border import BorderWorld
from farline.testing.border_phone import DOMAIN, Phone, offer

SECOND = (
    "{priority: 1, server: IPO, address: 10.10.10.13, port: 5060, transport: TCP}",
    "{priority: 1, server: IPO, address: 10.10.10.13, port: 5060, transport: TCP}\n"
    "        - {priority: 2, server: IPO, address: 10.10.10.14, port: 5060, transport: TCP}",
)
SERVER = (
    "- {address: 10.10.10.13, port: 5060, transport: UDP}",
    "- {address: 10.10.10.13, port: 5060, transport: UDP}\n"
    "        - {address: 10.10.10.14, port: 5060, transport: TCP}",
)
OTHER_PORT = (
    "- {priority: 1, server: IPO, address: 10.10.10.13, port: 5060, transport: TCP}",
    "- {priority: 1, server: IPO, address: 10.10.10.13, port: 5070, transport: TCP}",
)
TLS_HOP = (
    "- {priority: 1, server: IPO, address: 10.10.10.13, port: 5060, transport: TCP}",
    "- {priority: 1, server: IPO, address: 10.10.10.13, port: 5061, transport: TLS}",
)
OTHER_ADDRESS = (
    "- {address: 10.10.10.13, port: 5060, transport: TCP}",
    "- {address: 10.10.10.13, port: 5070, transport: TCP}",
)


@pytest.fixture
def two_hops(load_border):
    return BorderWorld(load_border(SECOND, SERVER))


def test_refused_connection_goes_to_the_next_hop(two_hops):
    two_hops.refusing.add(Address("10.10.10.13", 5060))
    phone = Phone(two_hops)
    phone.register()
    assert phone.upstream.remote == Address("10.10.10.14", 5060)
    phone.call_office()


@pytest.mark.parametrize("port", [5060, 5080])
def test_failover_port_after_a_refusal(load_border, port):
    chosen = ("tcp_failover_port: 5060", f"tcp_failover_port: {port}")
    world = BorderWorld(load_border(OTHER_PORT, OTHER_ADDRESS, chosen))
    world.refusing.add(Address("10.10.10.13", 5070))
    phone = Phone(world)
    phone.register()
    assert phone.upstream.remote == Address("10.10.10.13", port)


def test_tls_failover_port_after_a_refusal(load_border):
    port = ("tls_failover_port: 5061", "tls_failover_port: 5071")
    world = BorderWorld(load_border(TLS_HOP, port))
    world.refusing.add(Address("10.10.10.13", 5061))
    phone = Phone(world)
    phone.register()
    assert phone.upstream.remote == Address("10.10.10.13", 5071)
    assert phone.upstream.transport is Transport.TLS


def test_failover_port_is_not_tried_without_a_refusal(load_border):
    world = BorderWorld(load_border(OTHER_PORT, OTHER_ADDRESS))
    phone = Phone(world)
    phone.register()
    assert [flow.remote.port for flow in world.opened] == [5070]
    world.receive(phone.flow, phone.request("MESSAGE", f"sip:3003@{DOMAIN}"))
    world.take(phone.upstream)
    world.wait(33)
    assert [m.status for m in world.unread(phone.flow)] == [100, 408]
    assert [flow.remote.port for flow in world.opened] == [5070]


def test_no_next_hop_at_all(two_hops):
    world = two_hops
    world.refusing |= {Address("10.10.10.13", 5060), Address("10.10.10.14", 5060)}
    phone = Phone(world)
    world.receive(phone.flow, phone.request("REGISTER", f"sip:{DOMAIN}", to=f"<sip:3001@{DOMAIN}>"))
    assert [m.status for m in world.unread(phone.flow)] == [100, 503]


def test_silent_next_hop(two_hops):
    world = two_hops
    phone = Phone(world)
    phone.register()
    world.receive(phone.flow, phone.request("INVITE", f"sip:3003@{DOMAIN}", body=offer()))
    world.take(phone.flow)
    assert world.take(phone.upstream).method == "INVITE"
    assert "B" in world.wait(33)
    second = world.opened[-1]
    assert second.remote == Address("10.10.10.14", 5060)
    assert phone.upstream in world.closed
    invite = world.take(second)
    assert invite.get("Max-Forwards") == "69"
    phone.upstream = second
    phone.office_answer(invite, 486)
    assert world.take(phone.flow).status == 486
    # the silent one goes last for a while
    other = Phone(world, user="3002", port=10058)
    other.register()
    assert other.upstream.remote == Address("10.10.10.14", 5060)
    assert "goes last" in world.decisions("routing")[-1].because


def test_lost_upstream_connection_is_opened_again(world, phone):
    world.close(phone.upstream)
    world.receive(phone.flow, phone.request("MESSAGE", f"sip:3003@{DOMAIN}"))
    assert len(world.opened) == 2
    assert world.take(world.opened[1]).method == "MESSAGE"


def test_connection_lost_while_a_request_waits(world, phone):
    world.receive(phone.flow, phone.request("MESSAGE", f"sip:3003@{DOMAIN}"))
    world.take(phone.upstream)
    world.close(phone.upstream)
    again = world.opened[1]
    inner = world.take(again)
    world.receive(again, responses.make(inner, 200, to_tag="x"))
    assert world.take(phone.flow).status == 200


def test_upstream_lost_while_ringing(world, phone):
    phone.call_office(answer=False)
    phone.office_answer(phone.inner_invite, 180)
    world.take(phone.flow)
    world.close(phone.upstream)
    assert world.take(phone.flow).status == 503
    assert world.core.show()["sessions"] == []
    assert world.engine.sessions == {}


def test_phone_lost_while_ringing_is_cancelled(world, phone):
    phone.call_office(answer=False)
    phone.office_answer(phone.inner_invite, 180)
    world.close(phone.flow)
    assert world.take(phone.upstream).method == "CANCEL"
    phone.office_answer(phone.inner_invite, 200, body=offer("10.10.10.13", 40750))
    assert [m.method for m in world.unread(phone.upstream)] == ["ACK", "BYE"]


def test_tls_next_hop(load_border):
    world = BorderWorld(load_border(TLS_HOP))
    phone = Phone(world)
    phone.register()
    assert phone.upstream.remote == Address("10.10.10.13", 5061)
    phone.call_office()
    assert phone.inner_invite.get("Record-Route").startswith(
        "<sip:10.10.10.7:5061;ipcs-line=11;lr;transport=tls;"
    )
    assert phone.inner_invite.get("Via").startswith("SIP/2.0/TLS 10.10.10.7:5061;")


def test_office_is_answered_over_another_connection(world, phone, office_flow):
    world.receive(office_flow, phone.office_request("INVITE"))
    world.take(office_flow)
    invite = world.take(phone.flow)
    world.close(office_flow)
    phone.answer(invite, 180)
    assert world.take(phone.upstream).status == 180
    phone.answer(invite, 200)
    assert world.take(phone.upstream).status == 200
    assert world.unread(office_flow) == []


def test_bye_that_cannot_reach_the_phone_ends_the_call(world, phone, office_flow):
    phone.call_office()
    world.close(phone.flow)
    world.receive(office_flow, phone.office_request("BYE", to_tag="phone", call="call-1", cseq=2))
    assert world.take(office_flow).status == 430
    assert world.core.show()["sessions"] == []
    assert world.engine.sessions == {}


def test_bye_that_is_challenged_does_not_end_the_call(world, phone):
    phone.call_office()
    world.receive(phone.flow, phone.in_dialog("BYE"))
    phone.office_answer(world.take(phone.upstream), 401)
    assert world.take(phone.flow).status == 401
    assert len(world.core.show()["sessions"]) == 1
    world.receive(phone.flow, phone.in_dialog("BYE", Authorization='Digest username="3001"'))
    phone.office_answer(world.take(phone.upstream), 200)
    assert world.take(phone.flow).status == 200
    assert world.core.show()["sessions"] == []


def test_the_same_call_twice(world, phone):
    phone.call_office(answer=False)
    again = phone.request("INVITE", f"sip:3003@{DOMAIN}", body=offer())
    world.receive(phone.flow, again)
    assert [m.status for m in world.unread(phone.flow)] == [100, 482]
    assert len(world.engine.sessions) == 1


def test_an_engine_that_does_not_answer(world, phone):
    world.engine.silent = True
    world.receive(phone.flow, phone.request("INVITE", f"sip:3003@{DOMAIN}", body=offer()))
    assert world.take(phone.flow).status == 100
    assert "media-engine" in world.wait(6)
    assert world.take(phone.flow).status == 503
