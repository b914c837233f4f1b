"""RFC 5626 with two flows, Path (RFC 3327) and push (RFC 8599)."""

import pytest

from farline.border.registrations.push import Push
from farline.config import Registrations
from farline.sip import NameAddr, responses
from farline.testing.border_phone import DOMAIN, OFFICE, Phone, offer

URL = "https://push.example.com/wake"
PUSH = ";pn-provider=apns;pn-prid=00fc13adff78512;pn-param=DEF123GHIJ.com.example.app"


def register(phone, *, reg_id="1", granted=180, params="", cseq=1, via=None, **headers):
    """REGISTER until the final answer: (what the office read, what the phone read)."""
    world = phone.world
    uri = f"{phone.contact}{params}"
    contact = f'<{uri}>;expires=3600;+sip.instance="{phone.instance}"'
    contact += f";reg-id={reg_id}" if reg_id else ""
    request = phone.request(
        "REGISTER", f"sip:{DOMAIN}", to=f"<sip:{phone.user}@{DOMAIN}>",
        call=f"reg-{phone.flow.remote.port}", cseq=cseq, Contact=contact, **headers,
    )  # fmt: skip
    if via is not None:
        request.add("Via", via)
    before = len(world.opened)
    world.receive(phone.flow, request)
    if world.unread(phone.flow)[0].status != 100:
        return None, world.take(phone.flow)
    world.take(phone.flow)
    if len(world.opened) > before:
        phone.upstream = world.opened[-1]
    inner = world.take(phone.upstream)
    phone.subid = inner.get("Contact").partition("subid_ipcs=")[2].partition(">")[0]
    phone.subid = phone.subid.partition(";")[0]
    answer = responses.make(inner, 200, to_tag="reg")
    for value in inner.values("Path"):
        answer.add("Path", value)
    mine = NameAddr.parse(inner.get("Contact")).with_param("expires", str(granted))
    answer.add("Contact", str(mine))
    world.receive(phone.upstream, answer)
    return inner, world.take(phone.flow)


def two_flows(world):
    """One phone with two connections: the second flow's `Phone` first registered as reg-id 2."""
    first, second = Phone(world), Phone(world, port=10058)
    second.contact = first.contact
    register(first, Supported="path,outbound")
    register(second, reg_id="2", Supported="path,outbound")
    office = world.accept("IPORWA1Sig", OFFICE, 4103)
    return first, second, office


# ---- flows ----


def test_what_a_phone_is_told(world_with):
    world = world_with(outbound=True, flow_timer=95)
    phone = Phone(world)
    inner, final = register(phone, Supported="path,outbound")
    assert (final.get("Require"), final.get("Flow-Timer")) == ("outbound", "95")
    assert ";ob>" in inner.get("Path") and f"subid_ipcs={phone.subid}" in inner.get("Path")
    assert final.get("Path") is None
    _, plain = register(Phone(world, user="3002", port=10059), reg_id="", Supported="outbound")
    assert (plain.get("Require"), plain.get("Flow-Timer")) == (None, None)
    silent = world_with(outbound=True, flow_timer=0)
    _, final = register(Phone(silent), Supported="outbound")
    assert (final.get("Require"), final.get("Flow-Timer")) == ("outbound", None)
    off = world_with()
    _, final = register(Phone(off), Supported="outbound")
    assert final.get("Require") is None


def test_both_flows_are_kept_and_each_is_used(world_with):
    world = world_with(outbound=True)
    first, second, office = two_flows(world)
    rows = world.core.show()["bindings"]
    assert [(row["reg_id"], row["phone"]) for row in rows] == [
        ("1", "192.168.67.61:10057"),
        ("2", "192.168.67.61:10058"),
    ]
    world.receive(office, first.office_request("MESSAGE", call="a"))
    assert world.take(first.flow).call_id == "a"
    world.receive(office, second.office_request("MESSAGE", call="b"))
    assert world.take(second.flow).call_id == "b"


@pytest.mark.parametrize("failure", ["closed", "430", "silent"])
def test_a_call_goes_by_the_other_flow(world_with, failure):
    world = world_with(outbound=True)
    first, second, office = two_flows(world)
    if failure == "closed":
        world.close(first.flow)
    world.receive(office, first.office_request("INVITE", body=offer(OFFICE, 40750)))
    assert world.take(office).status == 100
    if failure == "430":
        first.answer(world.take(first.flow), 430)
        assert world.take(first.flow).method == "ACK"
    elif failure == "silent":
        assert world.take(first.flow).method == "INVITE"
        world.wait(4)
    invite = world.take(second.flow)
    assert (invite.method, invite.uri) == ("INVITE", first.contact)
    second.answer(invite, 200, body=offer())
    assert world.take(office).status == 200
    ack = first.office_request("ACK", to_tag="phone")
    ack.set("Via", ack.get("Via") + "k")
    world.receive(office, ack)
    taken = [one.method for one in world.unread(second.flow)] if failure == "closed" else ["ACK"]
    assert taken == ["ACK"]
    bye = second.request(
        "BYE", "sip:3003@192.168.64.96:5060;transport=tcp", call="call-2", from_tag="phone",
        to=f"<sip:3003@{DOMAIN}>;tag=office",
    )  # fmt: skip
    world.receive(second.flow, bye)
    assert world.take(office if world.unread(office) else first.upstream).method == "BYE"


def test_when_both_are_gone_the_office_is_told(world_with):
    world = world_with(outbound=True)
    first, second, office = two_flows(world)
    world.close(first.flow)
    world.close(second.flow)
    world.receive(office, second.office_request("MESSAGE"))
    assert world.take(office).status == 430


def test_another_phone_of_the_user_is_no_flow_of_this_one(world_with):
    world = world_with(outbound=True)
    phone, other = Phone(world), Phone(world, port=10058)
    other.instance = "<urn:uuid:00000000-0000-0000-0000-0000000000ff>"
    register(phone, Supported="outbound")
    register(other, reg_id="2", Supported="outbound")
    office = world.accept("IPORWA1Sig", OFFICE, 4103)
    world.close(phone.flow)
    world.receive(office, phone.office_request("MESSAGE"))
    assert world.take(office).status == 430
    assert world.unread(other.flow) == []


EDGE = "SIP/2.0/TCP edge.example.com;branch=z9hG4bKedge"


@pytest.mark.parametrize(("path", "status"), [(None, 439), (";lr", 439), (";lr;ob", 200)])
def test_first_hop_without_outbound(world_with, path, status):
    world = world_with(outbound=True)
    given = {} if path is None else {"Path": f"<sip:edge.example.com{path}>"}
    _, final = register(Phone(world), Supported="path,outbound", via=EDGE, **given)
    assert final.status == status


def test_first_hop_without_outbound_does_not_matter_where_it_is_off(world_with):
    _, final = register(Phone(world_with()), Supported="outbound", via=EDGE)
    assert final.status == 200


# ---- Path ----


@pytest.mark.parametrize(
    ("option", "supported", "there"),
    [
        ("off", "path", False),
        ("supported", "path", True),
        ("supported", "timer", False),
        ("always", "timer", True),
    ],
)
def test_path_to_the_office(world_with, option, supported, there):
    inner, final = register(Phone(world_with(path=option)), Supported=supported)
    assert (inner.get("Path") is not None) is there
    assert final.get("Path") is None


def test_the_path_of_an_edge_proxy_is_kept(world_with):
    """The office reads ours only; requests to the phone bear the edge proxy's as Route."""
    world = world_with()
    phone = Phone(world)
    edge = "<sip:edge.example.com;lr;ob>"
    inner, final = register(phone, Supported="path", Path=edge)
    assert "edge.example.com" not in inner.get("Path")
    assert final.get("Path") == edge
    office = world.accept("IPORWA1Sig", OFFICE, 4103)
    world.receive(office, phone.office_request("MESSAGE"))
    message = world.take(phone.flow)
    assert (message.uri, message.values("Route")) == (phone.contact, [edge])


# ---- push ----


def asleep(world_with, **fields):
    world = world_with(push_url=URL, phone_lease=60, **fields)
    phone = Phone(world)
    inner, final = register(phone, granted=3600, params=PUSH)
    world.close(phone.flow)
    office = world.accept("IPORWA1Sig", OFFICE, 4103)
    return world, phone, office, inner, final


def test_a_call_waits_for_a_phone_that_sleeps(world_with):
    world, phone, office, inner, final = asleep(world_with)
    assert "pn-" not in inner.get("Contact")
    assert final.get("Feature-Caps") == '*;+sip.pns="apns"'
    assert NameAddr.parse(final.get("Contact")).uri.param("pn-prid") == "00fc13adff78512"
    world.receive(office, phone.office_request("INVITE", body=offer(OFFICE, 40750)))
    world.receive(office, phone.office_request("MESSAGE", call="other"))
    params = tuple(tuple(one.split("=")) for one in PUSH[1:].split(";"))
    assert world.pushed == [Push(URL, params, f"3001@{DOMAIN}", "INVITE")]
    assert [one.status for one in world.unread(office)] == [100]
    world.wait(4)
    phone.flow = world.accept("IPORWB1Sig", "192.168.67.61", 20000)
    register(phone, granted=3600, params=PUSH, cseq=2)
    assert sorted(one.method for one in world.unread(phone.flow)) == ["INVITE", "MESSAGE"]
    assert {one.uri for one in world.unread(phone.flow)} == {f"{phone.contact}{PUSH}"}


def test_a_phone_that_does_not_wake(world_with):
    world, phone, office, _, _ = asleep(world_with, push_seconds=5)
    world.receive(office, phone.office_request("MESSAGE"))
    world.wait(4.9)
    assert [one.status for one in world.unread(office)] == [100]
    world.wait(0.2)
    assert [one.status for one in world.unread(office)] == [100, 480]
    assert world.core.show()["counters"]["push.in-vain"] == 1


def test_a_caller_who_gives_up_meanwhile(world_with):
    world, phone, office, _, _ = asleep(world_with)
    invite = phone.office_request("INVITE", body=offer(OFFICE, 40750))
    world.receive(office, invite)
    cancel = phone.office_request("CANCEL")
    cancel.set("Via", invite.get("Via"))
    world.receive(office, cancel)
    phone.flow = world.accept("IPORWB1Sig", "192.168.67.61", 20000)
    register(phone, granted=3600, params=PUSH, cseq=2)
    assert world.unread(phone.flow) == []
    assert [one.status for one in world.unread(office)] == [100, 200, 487]


def test_without_a_push_service_the_office_reads_the_parameters(world_with):
    world = world_with()
    phone = Phone(world)
    inner, final = register(phone, params=PUSH)
    assert PUSH in inner.get("Contact")
    assert final.get("Feature-Caps") is None
    world.close(phone.flow)
    office = world.accept("IPORWA1Sig", OFFICE, 4103)
    world.receive(office, phone.office_request("MESSAGE"))
    assert (world.take(office).status, world.pushed) == (430, [])


@pytest.mark.parametrize("url", ["http://push.example.com/", "ftp://127.0.0.1/", "https:///wake"])
def test_push_goes_over_https(url):
    with pytest.raises(ValueError, match="write https"):
        Registrations(push_url=url)
