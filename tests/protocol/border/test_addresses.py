"""IPv6, NAT, both sides in one network, a proxy inside that calls one phone from another."""

import pytest

from farline.border import BorderCore
from farline.config import load_deployment
from farline.sip import Message, NameAddr, Transport, responses
from farline.testing.border import BorderWorld, changed
from farline.testing.border_phone import DOMAIN, Phone, media_address, offer

V6 = """
version: 1
border:
  interfaces: [{name: A1, enabled: true}, {name: B1, enabled: true}]
  networks:
    - {name: in, default_gateway: "fd00:a::1", prefix: "64", interface: A1,
       addresses: [{ip: "fd00:a::7"}]}
    - {name: out, default_gateway: "2001:db8::1", prefix: "64", interface: B1,
       addresses: [{ip: "2001:db8::96"}]}
  media_interfaces:
    - {name: IPORWA1Media, network: in, ip: "fd00:a::7", port_range: 35000-40000}
    - {name: IPORWB1Media, network: out, ip: "2001:db8::96", port_range: 35000-40000}
  signaling_interfaces:
    - {name: IPORWA1Sig, network: in, ip: "fd00:a::7", tcp_port: 5060, udp_port: 5060}
    - {name: IPORWB1Sig, network: out, ip: "2001:db8::96", tcp_port: 5060, udp_port: 5060}
  server_profiles:
    - {name: IPO, addresses: [{address: "fd00:a::13", port: 5060, transport: TCP}]}
  routing_profiles:
    - {name: to-IPO, next_hops: [{server: IPO, address: "fd00:a::13", port: 5060, transport: TCP}]}
  subscriber_flows:
    - {name: S, signaling_interface: IPORWB1Sig, media_interface: IPORWB1Media,
       end_point_policy_group: avaya-def-low-enc, routing_profile: to-IPO}
  server_flows:
    - {name: F, server_profile: IPO, received_interface: IPORWB1Sig,
       signaling_interface: IPORWA1Sig, media_interface: IPORWA1Media,
       end_point_policy_group: avaya-def-low-enc}
"""


def test_ipv6():
    world = BorderWorld(load_deployment(V6, {}).border)
    phone = Phone(world, ip="2001:db8:1::5")
    phone.register()
    assert phone.upstream.remote == ("fd00:a::13", 5060)
    phone.call_office(answer=False)
    invite = phone.inner_invite
    contact = NameAddr.parse(invite.get("Contact")).uri
    assert str(contact).startswith("sip:3001@[fd00:a::7]:5060;transport=tcp;subid_ipcs=")
    assert invite.get("Via").startswith("SIP/2.0/TCP [fd00:a::7]:5060;branch=")
    assert b"c=IN IP6 fd00:a::7\r\n" in invite.body
    phone.office_answer(
        invite,
        200,
        Contact="<sip:3003@[fd00:a::13]:5060>",
        Warning='399 [fd00:a::13] "from fd00:a::30"',
        P_Asserted_Identity='"Dora" <sip:3003@[FD00:A:0::13]:5060>',
    )
    ok = world.take(phone.flow)
    assert ok.get("Contact") == "<sip:3003@[2001:db8::96]:5060;transport=tcp>"
    assert ok.get("P-Asserted-Identity") == f'"Dora" <sip:3003@{DOMAIN}>'
    assert b"fd00:a" not in ok.to_bytes().lower()


@pytest.mark.parametrize("written", ["FD00:A:0::13", "[fd00:a::13]"])
def test_an_ipv6_server_is_known_however_it_is_written(written):
    text = V6.replace('address: "fd00:a::13"', f'address: "{written}"')
    world = BorderWorld(load_deployment(text, {}).border)
    phone = Phone(world, ip="2001:db8:1::5")
    phone.register()
    own = world.accept("IPORWA1Sig", "fd00:a::13", 4105)
    world.receive(own, phone.office_request("MESSAGE"))
    assert world.take(phone.flow).method == "MESSAGE"


def test_the_shared_control_port_is_our_own(guide_border):
    """Who asks there whether we are alive is not passed on to the office."""
    shared = {"shared_control": True, "shared_control_port": 5065}
    world = BorderWorld(changed(guide_border, signaling_interfaces=shared))
    phone = Phone(world)
    phone.register()
    world.receive(phone.flow, phone.request("OPTIONS", "sip:192.168.64.96:5065"))
    assert world.take(phone.flow).status == 200
    assert not world.unread(phone.upstream)


def test_udp_phone_asks_for_its_port(world):
    phone = Phone(world, transport=Transport.UDP)
    final = phone.register()
    via = final.get("Via")
    assert "rport=10057" in via and "received=192.168.67.61" in via
    phone.call_office(answer=False)
    phone.office_answer(phone.inner_invite, 180)
    ringing = world.take(phone.flow)
    assert ringing.get("Contact") == '"Dora" <sip:3003@192.168.64.96:5060;transport=udp>'
    assert "transport=tcp;subid" in phone.inner_invite.get("Contact")


def test_rport_over_tcp_behind_nat(world):
    phone = Phone(world)
    request = phone.request("REGISTER", f"sip:{DOMAIN}", to=f"<sip:3001@{DOMAIN}>")
    request.set("Via", request.get("Via") + ";rport")
    world.receive(phone.flow, request)
    via = world.take(phone.flow).get("Via")
    assert "rport=10057" in via and "received=192.168.67.61" in via


@pytest.mark.parametrize("shared", [False, True])
def test_call_between_two_phones_over_a_proxy(world, shared):
    """An office that is a proxy keeps Call-ID and From tag: two sessions of one dialog.

    `shared`: both users are registered on one connection.
    """
    ruel, eve = Phone(world), Phone(world, user="3002", port=10058)
    if shared:
        eve.flow = ruel.flow
    ruel.register()
    eve.register()
    world.receive(ruel.flow, ruel.request("INVITE", f"sip:3002@{DOMAIN}", body=offer()))
    world.take(ruel.flow)
    spiral = world.take(ruel.upstream)
    spiral.prepend("Via", "SIP/2.0/TCP 10.10.10.13:5060;branch=z9hG4bKspiral")
    spiral.prepend("Record-Route", "<sip:10.10.10.13;lr>")
    spiral.uri = eve.inside
    world.receive(eve.upstream, spiral)
    assert world.take(eve.upstream).status == 100
    invite = world.take(eve.flow)
    assert invite.all("Record-Route") == ["<sip:192.168.64.96:5060;ipcs-line=11;lr;transport=tcp>"]
    eve.answer(invite, 200, to_tag="eve", body=offer("172.22.33.102", 6000))
    ok = world.take(eve.upstream)
    assert ok.values("Record-Route")[1:] == spiral.values("Record-Route")
    ok.pop("Via")
    world.receive(ruel.upstream, ok)
    final = world.take(ruel.flow)
    assert (final.status, final.to_tag) == (200, "eve")
    assert media_address(final)[1] == "192.168.64.96"
    assert len(world.core.show()["sessions"]) == 2
    bye = ruel.request("BYE", "sip:3002@192.168.64.96:5060", to=f"<sip:3002@{DOMAIN}>;tag=eve")
    world.receive(ruel.flow, bye)
    inner = world.take(ruel.upstream)
    assert inner.uri == eve.inside
    # what the proxy takes off is its own Route; the rest is ours of the other line
    assert inner.values("Route")[0] == "<sip:10.10.10.13;lr>"
    inner.pop("Route")
    inner.prepend("Via", "SIP/2.0/TCP 10.10.10.13:5060;branch=z9hG4bKspiral2")
    world.receive(eve.upstream, inner)
    outer = world.take(eve.flow)
    assert (outer.method, outer.uri, outer.get("Route")) == ("BYE", eve.contact, None)
    info = eve.request(
        "INFO",
        "sip:3001@192.168.64.96:5060",
        to=f"<sip:3001@{DOMAIN}>;tag=phone",
        from_tag="eve",
    )
    world.receive(eve.flow, info)
    assert world.take(eve.upstream).uri == ruel.inside


def test_the_core_is_silent_until_something_comes(guide_border):
    from farline.testing import SeededIds

    core = BorderCore(guide_border, SeededIds())
    assert core.poll() is None
    assert core.next_deadline() is None
    assert core.show()["bindings"] == []


def test_own_addresses_are_never_taken_for_inside(load_border):
    """A laboratory may put both sides into one network: then only exact addresses are inside."""
    world = BorderWorld(
        load_border(
            ("10.10.10.7", "192.168.64.7"),
            ("10.10.10.13", "192.168.64.13"),
            ("10.10.10.1\n", "192.168.64.1\n"),
            ("prefix: 255.255.255.0", "prefix: 255.255.248.0"),
        )
    )
    phone = Phone(world)
    phone.register()
    inner = phone.request("MESSAGE", f"sip:3003@{DOMAIN}")
    world.receive(phone.flow, inner)
    request = world.take(phone.upstream)
    answer = responses.make(
        request, 404, to_tag="x", headers=(("X-A", "192.168.64.13 192.168.64.96"),)
    )
    world.receive(phone.upstream, answer)
    final = world.take(phone.flow)
    assert final.get("X-A") == "192.168.64.96:5060 192.168.64.96"
    assert Message.parse(final.to_bytes()).status == 404
