"""Every field of the flows' forms, by what it changes on the wire."""

import pytest

from farline.border.exchange import Exchange
from farline.border.flow import decide, decide_source
from farline.border.plan import Plan
from farline.config import MediaInterface, UriGroup
from farline.config.flows import split_host
from farline.sip import Address, Transport, responses
from farline.sip.dns import Found, Question
from farline.testing.border import BorderWorld, changed
from farline.testing.border_phone import DOMAIN, OFFICE, Phone, offer

GROUPS = (
    UriGroup(name="sales", uris=[{"uri": "3001@*"}, {"uri": "boss@ipo1xp.ipolab.com"}]),
    UriGroup(name="plan", uris=[{"kind": "dial_plan", "uri": "30[0-1]X@ipo1xp.ipolab.com"}]),
    UriGroup(name="re", uris=[{"kind": "regex", "uri": r"(?i)[a-c]\d+@(a|b)\.example"}]),
    UriGroup(name="long", uris=[{"kind": "dial_plan", "uri": "+49!"}]),
)


def world_of(border, **fields):
    return BorderWorld(changed(border, uri_groups=GROUPS, **fields))


def answer_to_register(world, phone):
    request = phone.request("REGISTER", f"sip:{DOMAIN}", to=f"<sip:{phone.user}@{DOMAIN}>")
    world.receive(phone.flow, request)
    return world.take(phone.flow).status


# ---- criteria ----


@pytest.mark.parametrize(
    ("group", "address", "fits"),
    [
        ("sales", "3001@a.example", True),
        ("sales", "3002@a.example", False),
        ("sales", "boss@IPO1XP.ipolab.com", True),
        ("sales", "xboss@ipo1xp.ipolab.com", False),
        ("plan", "3015@ipo1xp.ipolab.com", True),
        ("plan", "3025@ipo1xp.ipolab.com", False),
        ("plan", "30155@ipo1xp.ipolab.com", False),
        ("re", "B12@A.example", True),
        ("re", "B12@A.example.org", False),
        ("long", "+49711@x", True),
        ("long", "+4871@x", False),
        ("*", "anybody@x", True),
    ],
)
def test_uri_groups(guide_border, group, address, fits):
    plan = Plan(changed(guide_border, uri_groups=GROUPS))
    assert plan.in_uri_group(group, f'"N" <sip:{address};user=phone>;tag=1') == fits


def test_uri_group_of_a_subscriber_flow(guide_border):
    world = world_of(guide_border, subscriber_flows={"uri_group": "sales"})
    assert answer_to_register(world, Phone(world)) == 100
    assert answer_to_register(world, Phone(world, user="3002", port=10058)) == 403
    assert "URI Group is sales" in world.refusals()[-1].detail


@pytest.mark.parametrize(
    ("criterion", "fits"),
    [
        ("*", True),
        ("one-X", True),
        ("one-Y", False),
        ("Avaya*iOS", True),
        ("iOS*Avaya", False),
        (r"/^Avaya one-X.*\(iOS \d+/", True),
        (r"/^iOS/", False),
    ],
)
def test_user_agent(guide_border, criterion, fits):
    world = world_of(guide_border, subscriber_flows={"user_agent": criterion})
    phone = Phone(world)
    request = phone.request("REGISTER", f"sip:{DOMAIN}", to=f"<sip:3001@{DOMAIN}>",
                            User_Agent="Avaya one-X Mobile/9.1 (iOS 10)")  # fmt: skip
    world.receive(phone.flow, request)
    assert world.take(phone.flow).status == (100 if fits else 403)


def test_server_flow_by_uri_group(guide_border):
    """Sales has a way of its own to the server: the first flow that fits wins."""
    (flow,) = guide_border.server_flows
    first = flow.model_copy(update={"name": "sales", "uri_group": "sales",
                                    "media_interface": "Sales"})  # fmt: skip
    media = MediaInterface(name="Sales", network="IPOA1Internal", ip="10.10.10.7",
                           port_range="41000-42000")  # fmt: skip
    world = world_of(
        guide_border,
        server_flows=(first, flow),
        media_interfaces=(*guide_border.media_interfaces, media),
    )
    for user, port, interface in (("3001", 10057, "Sales"), ("3002", 10058, "IPORWA1Media")):
        phone = Phone(world, user=user, port=port)
        phone.register()
        phone.call_office(call=user)
        assert world.engine.requests[-1].sender.interface == interface
    shown = world.core.show()["server flows"]
    assert [(row["order"], row["name"]) for row in shown] == [(1, "sales"), (2, "ServflowRW")]


def test_requests_of_a_server_by_uri_group_and_branch(guide_border, office_flow):
    world = world_of(guide_border)
    phone = Phone(world)
    phone.register()
    for update, because in (
        ({"uri_group": "re"}, "URI Group is re"),
        ({"remote_branch_office": "branch.example"}, "Remote Branch Office is branch.example"),
        ({"remote_branch_office": "10.20.0.0/16"}, "Remote Branch Office is 10.20.0.0/16"),
        ({"uri_group": "sales", "remote_branch_office": "10.10.10.0/24"}, None),
    ):
        plan = Plan(changed(guide_border, uri_groups=GROUPS, server_flows=update))
        found = decide_source(plan, Exchange(phone.office_request("INVITE"), office_flow))
        assert (found.value is None) == (because is not None)
        assert because is None or because in found.because


# ---- profile ----


def test_presence_server_address(guide_border):
    """PUBLISH and SUBSCRIBE to presence go there, everything else to the routing profile's hop."""
    world = world_of(guide_border, subscriber_flows={"presence_server_address": "10.10.10.40:5070"})
    phone = Phone(world)
    phone.register()
    aor = f"sip:3001@{DOMAIN}"
    world.receive(phone.flow, phone.request("PUBLISH", aor, call="p", Event="presence"))
    presence = world.opened[-1]
    assert presence.remote == ("10.10.10.40", 5070) and presence.interface == "IPORWA1Sig"
    published = world.take(presence)
    world.receive(presence, responses.make(published, 200, to_tag="x"))
    assert world.take(phone.flow).status == 200
    request = phone.request("SUBSCRIBE", aor, call="s", Event="presence.winfo;id=1")
    world.receive(phone.flow, request)
    subscribed = world.take(presence)
    assert f"subid_ipcs={phone.subid}" in subscribed.get("Contact")
    world.receive(phone.flow, phone.request("SUBSCRIBE", aor, call="m", Event="message-summary"))
    assert world.take(phone.upstream).get("Event") == "message-summary"
    assert len(world.opened) == 2
    # and what it sends over a connection of its own comes from a server
    notify = phone.office_request("MESSAGE", call="n")
    other = world.accept("IPORWA1Sig", "10.10.10.40", 4105)
    world.receive(other, notify)
    assert world.take(phone.flow).method == "MESSAGE"
    world.refusing.add(Address("10.10.10.40", 5070))
    world.close(presence)
    world.receive(phone.flow, phone.request("PUBLISH", aor, call="p2", Event="presence"))
    assert world.take(phone.flow).status == 503


@pytest.mark.parametrize("contact", ["*", None])
def test_a_phone_that_a_contact_host_let_in_may_ask_and_leave(guide_border, contact):
    """A REGISTER without a Contact (a question) or with `*` names no host."""
    world = world_of(guide_border, subscriber_flows={"contact_host": "172.22.33.0/24"})
    phone, stranger = Phone(world), Phone(world, user="3002", port=10058)
    phone.register()
    for one, status in ((phone, 100), (stranger, 403)):
        aor = f"<sip:{one.user}@{DOMAIN}>"
        request = one.request("REGISTER", f"sip:{DOMAIN}", to=aor, cseq=9, Expires="0")
        request.remove("Contact")
        if contact is not None:
            request.add("Contact", contact)
        world.receive(one.flow, request)
        assert world.take(one.flow).status == status
    assert world.take(phone.upstream).get("Contact") == contact


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
def test_presence_server_by_name(load_border, transport):
    """Over UDP too; the second address where the first refuses."""
    hop = "server: IPO, address: 10.10.10.13, port: 5060, transport: "
    border = load_border((f"{hop}TCP", f"{hop}{transport}"))
    world = world_of(border, subscriber_flows={"presence_server_address": "ps.lan:5070"})
    found = Found(("10.10.10.40", "10.10.10.41"))
    world.names = {Question("ps.lan", "A"): found, Question("ps.lan", "AAAA"): Found(("::7",))}
    world.refusing.add(Address("10.10.10.40", 5070))
    phone = Phone(world)
    phone.register()
    aor = f"sip:3001@{DOMAIN}"
    world.receive(phone.flow, phone.request("PUBLISH", aor, call="p", Event="presence"))
    if transport == "UDP":
        presence = world.accept("IPORWA1Sig", "10.10.10.40", 5070, Transport.UDP)
    else:
        presence = world.opened[-1]
        assert presence.remote == ("10.10.10.41", 5070)
    assert world.take(presence).method == "PUBLISH"


TLS_HOP = (
    "- {priority: 1, server: IPO, address: 10.10.10.13, port: 5060, transport: TCP}",
    "- {priority: 1, server: IPO, address: 10.10.10.13, port: 5061, transport: TLS}",
)


@pytest.mark.parametrize("grooming", ["false", "true"])
@pytest.mark.parametrize("own", [None, "Phones"])
def test_tls_client_profile(load_border, own, grooming):
    """The flow's profile judges the servers, the presence server too; else the server's does."""
    border = load_border(TLS_HOP, ("grooming: false  ", f"grooming: {grooming}  "))
    fields = {"tls_client_profile": own, "presence_server_address": "10.10.10.40"}
    world = BorderWorld(changed(border, subscriber_flows=fields))
    phone = Phone(world)
    phone.register()
    aor = f"sip:3001@{DOMAIN}"
    world.receive(phone.flow, phone.request("PUBLISH", aor, call="p", Event="presence"))
    assert world.take(world.opened[-1]).method == "PUBLISH"
    assert [flow.remote.port for flow in world.opened] == [5061, 5061]
    assert world.tls_profiles == [own or "ClientProf"] * 2


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("presence.example", ("presence.example", 5060)),
        ("192.0.2.1:5070", ("192.0.2.1", 5070)),
        ("2001:db8::1", ("2001:db8::1", 5060)),
        ("[2001:db8::1]:5070", ("2001:db8::1", 5070)),
    ],
)
def test_addresses_of_presence_servers(text, place):
    assert split_host(text, 5060) == place


@pytest.mark.parametrize("text", ["", "a b", "x:99999", "sip:x", "x:"])
def test_bad_addresses_of_presence_servers(text):
    with pytest.raises(ValueError):
        split_host(text, 5060)


def test_click_to_call(guide_border):
    """Somebody who never registers may call, and nothing else."""
    world = world_of(guide_border, subscriber_flows={"source": "click_to_call"})
    phone = Phone(world)
    request = phone.request("MESSAGE", f"sip:3003@{DOMAIN}")
    world.receive(phone.flow, request)
    assert world.take(phone.flow).status == 403
    assert answer_to_register(world, phone) == 403
    invite = phone.request("INVITE", f"sip:3003@{DOMAIN}", body=offer())
    world.receive(phone.flow, invite)
    assert world.take(phone.flow).status == 100
    phone.upstream = world.opened[-1]
    inner = world.take(phone.upstream)
    phone.office_answer(inner, 200, body=offer(OFFICE, 40750))
    assert world.take(phone.flow).status == 200
    world.receive(phone.flow, phone.in_dialog("ACK", cseq=phone.cseq))
    assert world.take(phone.upstream).method == "ACK"
    world.receive(phone.flow, phone.request("MESSAGE", f"sip:3003@{DOMAIN}", call="m"))
    assert world.take(phone.flow).status == 403
    world.receive(phone.flow, phone.in_dialog("BYE"))
    bye = world.take(phone.upstream)
    world.receive(phone.upstream, responses.make(bye, 200))
    assert world.take(phone.flow).status == 200
    world.wait(33)
    assert world.core.show()["bindings"] == []


SECOND = MediaInterface(
    name="Second", network="IPOA1Internal", ip="10.10.10.9", port_range="35000-40000"
)


def test_flow_criteria_of_hosts(guide_border):
    world = world_of(guide_border)
    phone = Phone(world)
    request = phone.request("REGISTER", f"sip:{DOMAIN}")
    for fields, fits in (
        ({"source_subnet": "192.168.67.0/24", "via_host": "172.22.33.0/24"}, True),
        ({"contact_host": "172.22.33.101"}, True),
        ({"contact_host": "172.22.34.0/24"}, False),
        ({"via_host": "phone.example"}, False),
        ({"source_subnet": "192.168.68.0/24"}, False),
    ):
        plan = Plan(changed(guide_border, subscriber_flows=fields))
        assert (decide(plan, Exchange(request, phone.flow)).value is not None) == fits
    assert phone.flow.remote == Address("192.168.67.61", 10057)


def test_routing_profile_of_a_subscriber_flow(guide_border):
    (profile,) = guide_border.routing_profiles
    hops = tuple(hop.model_copy(update={"address": "10.10.10.14"}) for hop in profile.next_hops)
    other = profile.model_copy(update={"name": "other", "next_hops": hops})
    world = world_of(
        guide_border,
        routing_profiles=(profile, other),
        subscriber_flows={"routing_profile": "other"},
    )
    Phone(world).register()
    assert world.opened[-1].remote.host == "10.10.10.14"


def test_media_interface_of_a_subscriber_flow(guide_border):
    outer = SECOND.model_copy(update={"name": "Outer", "ip": "192.168.64.97"})
    world = world_of(
        guide_border,
        media_interfaces=(*guide_border.media_interfaces, outer),
        subscriber_flows={"media_interface": "Outer"},
    )
    phone = Phone(world)
    phone.register()
    assert b"c=IN IP4 192.168.64.97" in phone.call_office().body
