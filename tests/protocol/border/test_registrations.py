"""Bindings: how they come, change and go, and who may use them."""

import pytest

from farline.sip import responses
from farline.testing.border import BorderWorld, changed
from farline.testing.border_phone import DOMAIN, Phone


def bindings(world):
    return world.core.show()["bindings"]


def test_a_lease_that_runs_out(world, phone):
    world.wait(181)
    assert len(bindings(world)) == 1
    world.wait(2)
    assert bindings(world) == []
    assert world.closed == [phone.upstream]


def test_a_refresh_keeps_binding_token_and_connection(world, phone):
    subid = phone.subid
    world.wait(150)
    phone.register(cseq=2)
    world.wait(150)
    phone.register(cseq=3)
    assert phone.subid == subid
    assert len(world.opened) == 1
    assert len(bindings(world)) == 1


def test_unregister_gives_up_the_connection(world, phone):
    final = phone.register(expires=0, cseq=2)
    assert final.get("Contact") is None
    assert bindings(world) == []
    assert world.closed == [phone.upstream]


def test_each_phone_has_a_connection_of_its_own(world):
    first, second = Phone(world), Phone(world, user="3002", port=10058)
    first.register()
    second.register()
    assert first.upstream != second.upstream
    assert first.subid != second.subid


def test_expires_header_counts_without_a_parameter(world):
    phone = Phone(world)
    request = phone.request("REGISTER", f"sip:{DOMAIN}", to=f"<sip:3001@{DOMAIN}>")
    world.receive(phone.flow, request)
    inner = world.take(world.opened[0])
    answer = responses.make(inner, 200, to_tag="x", headers=(("Expires", "60"),))
    answer.add("Contact", inner.get("Contact"))
    world.receive(world.opened[0], answer)
    assert 60 <= bindings(world)[0]["expires_in"] <= 63


def test_rejected_registration_leaves_nothing_behind(world):
    phone = Phone(world)
    contact = f"<{phone.contact}>"
    request = phone.request(
        "REGISTER",
        f"sip:{DOMAIN}",
        to=f"<sip:3001@{DOMAIN}>",
        Contact=contact,
        Authorization='Digest username="3001"',
    )
    world.receive(phone.flow, request)
    world.take(phone.flow)
    upstream = world.opened[0]
    world.receive(upstream, responses.make(world.take(upstream), 403, to_tag="x"))
    assert world.take(phone.flow).status == 403
    assert world.refusals()[-1].reason == "credentials"
    assert not any(entry["registered"] for entry in bindings(world))
    world.receive(phone.flow, phone.request("INVITE", f"sip:3003@{DOMAIN}"))
    assert world.take(phone.flow).status == 403
    world.wait(60)
    assert bindings(world) == []
    assert world.closed == [upstream]


def test_a_stranger_cannot_move_anothers_binding(world, phone):
    stranger = world.accept("IPORWB1Sig", "203.0.113.9", 4000)
    contact = f'<sip:3001@203.0.113.9:4000>;+sip.instance="{phone.instance}";reg-id=1'
    request = phone.request(
        "REGISTER", f"sip:{DOMAIN}", to=f"<sip:3001@{DOMAIN}>", call="evil", Contact=contact
    )
    world.receive(stranger, request)
    inner = world.take(phone.upstream)
    world.receive(phone.upstream, responses.make(inner, 401, to_tag="x"))
    assert [m.status for m in world.unread(stranger)] == [100, 401]
    (binding,) = bindings(world)
    assert binding["phone"] == "192.168.67.61:10057"
    assert binding["contact"] == phone.contact
    phone.call_office()


def guests_border(border, *changes, **fields):
    """The guide's border with a second subscriber flow, that of 203.0.113.0/24."""
    (own,) = border.subscriber_flows
    guests = {"name": "Guests", "source_subnet": "203.0.113.0/24", **fields}
    return changed(border, subscriber_flows=(own.model_copy(update=guests), own), **dict(changes))


def from_elsewhere(world, phone):
    """The phone's REGISTER from an address of the second flow; its flow there."""
    stranger = world.accept("IPORWB1Sig", "203.0.113.9", 4000)
    contact = f'<{phone.contact}>;+sip.instance="{phone.instance}";reg-id=1'
    to = f"<sip:3001@{DOMAIN}>"
    request = phone.request("REGISTER", f"sip:{DOMAIN}", to=to, call="evil", Contact=contact)
    world.receive(stranger, request)
    assert world.decisions("flow")[-1].value == "Guests"
    return stranger


def answer_register(world, flow, status):
    inner = world.take(flow)
    answer = responses.make(inner, status, to_tag="x", headers=(("Expires", "180"),))
    answer.set_all("Contact", inner.all("Contact") if status == 200 else [])
    world.receive(flow, answer)


def test_a_stranger_cannot_bring_anothers_binding_under_another_flow(guide_border):
    """It is judged by its own flow; the binding stays under the phone's until it is accepted."""
    world = BorderWorld(guests_border(guide_border))
    phone = Phone(world)
    phone.register()
    own = guide_border.subscriber_flows[0].name

    def register(status):
        from_elsewhere(world, phone)
        before = bindings(world)[0]["flow"]
        answer_register(world, phone.upstream, status)
        (binding,) = bindings(world)
        return before, binding["flow"]

    assert register(401) == (own, own)
    assert register(200) == (own, "Guests")
    assert register(401) == ("Guests", "Guests")
    assert world.opened == [phone.upstream]


@pytest.fixture
def other_way(guide_border):
    """A world whose second flow leads to the same call server by a profile of its own."""
    (profile,) = guide_border.routing_profiles
    other = profile.model_copy(update={"name": "guests"})
    border = guests_border(
        guide_border, ("routing_profiles", (profile, other)), routing_profile="guests"
    )
    world = BorderWorld(border)
    phone = Phone(world)
    phone.register()
    return world, phone


@pytest.mark.parametrize("outcome", ["403", "silence", "lost"])
def test_a_refused_register_leaves_the_way_of_a_binding_alone(other_way, outcome):
    """From the first moment on: its own connection, token, flow and record."""
    world, phone = other_way
    before, kept = bindings(world), world.memory.load()
    lasts = dict.fromkeys(("expires_in", "phone_lease_left", "nat"))
    stranger = from_elsewhere(world, phone)
    assert world.closed == []
    tried = world.opened[-1]
    assert tried != phone.upstream
    phone.call_office()  # while the REGISTER is under way
    phone.world.receive(phone.flow, phone.in_dialog("BYE"))
    phone.office_answer(world.take(phone.upstream), 200)
    world.take(phone.flow)
    assert world.take(stranger).status == 100
    if outcome == "silence":
        world.wait(33)
    elif outcome == "lost":
        world.refusing.add(tried.remote)
        world.close(tried)
    else:
        answer_register(world, tried, 403)
    assert world.take(stranger).status == {"403": 403, "silence": 408, "lost": 503}[outcome]
    assert set(world.closed) <= {tried}
    (after,), (was,) = bindings(world), before
    assert {**after, **lasts} == {**was, **lasts}
    assert [record for record in world.memory.load() if record in kept] == kept
    phone.call_office(call="call-9")


def test_an_accepted_register_takes_its_way_with_it(other_way):
    world, phone = other_way
    stranger = from_elsewhere(world, phone)
    tried = world.opened[-1]
    answer_register(world, tried, 200)
    assert world.closed == [phone.upstream]
    phone.flow, phone.upstream = stranger, tried
    phone.call_office()
    assert bindings(world)[0]["flow"] == "Guests"


def test_a_call_that_began_meanwhile_keeps_the_way_until_it_ends(other_way):
    world, phone = other_way
    stranger = from_elsewhere(world, phone)
    tried = world.opened[-1]
    phone.call_office()
    answer_register(world, tried, 200)
    assert world.closed == [tried]
    phone.flow = stranger
    assert [one.status for one in world.unread(stranger)] == [100, 200]
    world.receive(stranger, phone.in_dialog("BYE"))
    phone.office_answer(world.take(phone.upstream), 200)
    assert bindings(world)[0]["flow"] == "Guests"


def test_other_ways_to_the_user_are_not_shown(world, phone):
    request = phone.request(
        "REGISTER",
        f"sip:{DOMAIN}",
        to=f"<sip:3001@{DOMAIN}>",
        call="again",
        Contact=f'<{phone.contact}>;+sip.instance="{phone.instance}";reg-id=1',
    )
    world.receive(phone.flow, request)
    inner = world.take(phone.upstream)
    answer = responses.make(inner, 200, to_tag="x", headers=(("Expires", "180"),))
    answer.add("Contact", "<sip:3001@10.10.10.30:5060>;expires=99")
    answer.add("Contact", inner.get("Contact"))
    world.receive(phone.upstream, answer)
    world.take(phone.flow)
    values = world.take(phone.flow).values("Contact")
    assert [value.partition(";")[0] for value in values] == [f"<{phone.contact.partition(';')[0]}"]


def test_all_contacts_are_removed_by_a_star(world, phone):
    request = phone.request(
        "REGISTER", f"sip:{DOMAIN}", to=f"<sip:3001@{DOMAIN}>", Contact="*", Expires="0"
    )
    world.receive(phone.flow, request)
    inner = world.take(phone.upstream)
    assert inner.get("Contact") == "*"
    world.receive(phone.upstream, responses.make(inner, 200, to_tag="x"))
    assert [m.status for m in world.unread(phone.flow)] == [100, 200]
    assert bindings(world) == []


def test_two_contacts_get_a_token_each(world):
    phone = Phone(world)
    request = phone.request("REGISTER", f"sip:{DOMAIN}", to=f"<sip:3001@{DOMAIN}>")
    request.set_all("Contact", ["<sip:3001@172.22.33.9:1>;expires=0", "<sip:3001@172.22.33.9:2>"])
    world.receive(phone.flow, request)
    upstream = world.opened[0]
    inner = world.take(upstream)
    old, new = inner.values("Contact")
    assert old.endswith(";expires=0")
    assert old.partition("subid_ipcs=")[2].partition(">")[0] not in new
    answer = responses.make(inner, 200, to_tag="x", headers=(("Expires", "180"),))
    answer.add("Contact", new)
    world.receive(upstream, answer)
    world.take(phone.flow)
    assert world.take(phone.flow).values("Contact") == ["<sip:3001@172.22.33.9:2>"]
    (binding,) = bindings(world)
    assert binding["contact"] == "sip:3001@172.22.33.9:2"


@pytest.mark.parametrize(("reg_id", "status"), [(True, 430), (False, 480)])
def test_a_phone_whose_connection_is_lost(world, office_flow, reg_id, status):
    phone = Phone(world)
    if reg_id:
        phone.register()
    else:
        request = phone.request("REGISTER", f"sip:{DOMAIN}", to=f"<sip:3001@{DOMAIN}>")
        world.receive(phone.flow, request)
        inner = world.take(world.opened[0])
        phone.subid = inner.get("Contact").partition("subid_ipcs=")[2].partition(">")[0]
        answer = responses.make(inner, 200, to_tag="x", headers=(("Expires", "180"),))
        answer.add("Contact", inner.get("Contact"))
        world.receive(world.opened[0], answer)
    world.close(phone.flow)
    assert bindings(world)[0]["phone"] is None
    world.receive(office_flow, phone.office_request("INVITE"))
    assert [m.status for m in world.unread(office_flow)] == [100, status]
    world.receive(office_flow, phone.office_request("MESSAGE", call="call-3"))
    assert world.unread(office_flow)[-1].status == status


def test_from_must_be_the_registered_user(world, phone):
    other = phone.request("INVITE", f"sip:3003@{DOMAIN}")
    other.set("From", f"<sip:3002@{DOMAIN}>;tag=x")
    world.receive(phone.flow, other)
    assert world.take(phone.flow).status == 403
    assert world.refusals()[-1].reason == "identity"
    assert world.unread(phone.upstream) == []


def test_register_for_another_is_refused(world):
    phone = Phone(world)
    request = phone.request("REGISTER", f"sip:{DOMAIN}", to=f"<sip:3009@{DOMAIN}>")
    world.receive(phone.flow, request)
    assert world.take(phone.flow).status == 403
    assert world.opened == []


def test_registration_over_udp_needs_the_same_port(load_border):
    world = BorderWorld(
        load_border(("port: 5060, transport: TCP}\n\n", "port: 5060, transport: UDP}\n\n"))
    )
    from farline.sip import Transport

    phone = Phone(world, transport=Transport.UDP)
    phone.register()
    assert phone.upstream.transport is Transport.UDP
    assert phone.upstream.remote == ("10.10.10.13", 5060)
    assert world.opened == []
    assert not any(b" 100 " in data[:20] for _, data in world.all_sent)  # RFC 4320 section 4.1
    elsewhere = world.accept("IPORWB1Sig", "192.168.67.61", 4444, Transport.UDP)
    world.receive(elsewhere, phone.request("INVITE", f"sip:3003@{DOMAIN}", call="x"))
    assert world.take(elsewhere).status == 403
    phone.call_office()
    assert "transport=udp" in phone.inner_invite.get("Contact")
    via = phone.inner_invite.get("Via")
    assert via.startswith("SIP/2.0/UDP 10.10.10.7:5060;branch=") and via.endswith(";rport")


def test_service_route_is_kept_and_used(world, phone):
    request = phone.request(
        "REGISTER",
        f"sip:{DOMAIN}",
        to=f"<sip:3001@{DOMAIN}>",
        Contact=f'<{phone.contact}>;+sip.instance="{phone.instance}";reg-id=1',
    )
    world.receive(phone.flow, request)
    inner = world.take(phone.upstream)
    answer = responses.make(inner, 200, to_tag="x", headers=(("Expires", "180"),))
    answer.add("Contact", inner.get("Contact"))
    answer.add("Service-Route", "<sip:10.10.10.20;lr>")
    world.receive(phone.upstream, answer)
    world.take(phone.flow)
    assert world.take(phone.flow).get("Service-Route") is None
    world.receive(phone.flow, phone.request("MESSAGE", f"sip:3003@{DOMAIN}"))
    assert world.take(phone.upstream).values("Route") == ["<sip:10.10.10.20;lr>"]


def test_tries_of_a_stranger_do_not_keep_a_phone_out(world, phone):
    """As many bindings as a user may have, none of them accepted: those of others do not count."""

    def tried(host, port):
        other = Phone(world, user=phone.user, ip=host, port=port)
        request = other.request(
            "REGISTER", f"sip:{DOMAIN}", to=f"<sip:{phone.user}@{DOMAIN}>", call=f"{host}{port}",
            Contact=f"<sip:{phone.user}@{host}:{port}>",
        )  # fmt: skip
        world.receive(other.flow, request)
        return world.unread(other.flow)[-1].status

    said = [tried("203.0.113.9", 5000 + number) for number in range(12)]
    assert said == [100] * 9 + [503] * 3
    assert tried("192.168.67.99", 6000) == 100
