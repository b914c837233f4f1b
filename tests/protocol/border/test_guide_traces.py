"""The border's output for the guide's input equals the guide's output, field by field."""

import re

import pytest

from farline.sip import Address, Flow, Message, Transport, Via
from farline.trace.events import CallChanged

STAGES = ("shield", "flow", "server-flow", "routing", "policy", "topology", "anchor")
PHONE = ("IPORWB1Sig", "192.168.67.61", 10057)


def fields(message):
    """Every header with optional space after separators removed, branches aside, in a set order."""
    found = []
    for name, value in message.headers():
        value = re.sub(r"(branch=z9hG4bK)[^;]*", r"\1", value)
        value = re.sub(r"([,;])\s+", r"\1", value)
        found.append((name, value))
    return sorted(found)


def start(message):
    return message.to_bytes().partition(b"\r\n")[0]


def assert_same(sent, expected_bytes, *, body=True):
    expected = Message.parse(expected_bytes)
    assert start(sent) == start(expected)
    assert fields(sent) == fields(expected)
    if body:
        assert sent.body == expected.body


def answer_with(vector, name, request):
    """The office's answer of the guide, with the branch that our border drew."""
    response = Message.parse(vector(name))
    if response.get("Via"):
        via = Via.parse(response.get("Via"))
        response.set("Via", str(via.with_param("branch", request.top_via.branch)))
    return response


@pytest.fixture
def registered(world, vector):
    phone = world.accept(*PHONE)
    world.receive(phone, vector("01"))
    trying = world.take(phone)
    assert (trying.status, trying.get("Via")) == (100, Message.parse(vector("01")).get("Via"))
    (upstream,) = world.opened
    assert upstream.remote == Address("10.10.10.13", 5060)
    assert upstream.local == Address("10.10.10.7", 43873)
    request = world.take(upstream)
    assert_same(request, vector("02"))
    world.receive(upstream, answer_with(vector, "03", request))
    assert_same(world.take(phone), vector("04"))
    world.receive(phone, vector("05"))
    assert world.take(phone).status == 100
    request = world.take(upstream)
    assert_same(request, vector("06"))
    world.receive(upstream, answer_with(vector, "07", request))
    assert_same(world.take(phone), vector("08"))
    assert world.unread() == []
    return world, phone, upstream


def test_register_as_in_the_guide(registered):
    world, _, _ = registered
    (binding,) = world.core.show()["bindings"]
    assert binding["aor"] == "3001@ipo1xp.ipolab.com"
    assert binding["contact"] == "sip:3001@172.22.33.101:62657;transport=tcp"
    assert binding["phone"] == "192.168.67.61:10057"
    assert 180 <= binding["expires_in"] <= 183


def test_call_as_in_the_guide(registered, vector):
    world, phone, upstream = registered
    world.receive(phone, vector("09"))
    assert world.take(phone).status == 100
    invite = world.take(upstream)
    assert_same(invite, vector("10"))
    world.receive(upstream, answer_with(vector, "11", invite))
    assert world.unread() == []  # the office's 100 stays inside
    world.receive(upstream, answer_with(vector, "12", invite))
    assert_same(world.take(phone), vector("13"))
    world.receive(upstream, answer_with(vector, "14", invite))
    answered = world.take(phone)
    assert answered.status == 200
    assert answered.get("Contact") == '"Dora" <sip:3003@192.168.64.96:5060;transport=tcp>'
    assert b"o=UserA 1281316076 538797939 IN IP4 192.168.64.96\r\n" in answered.body
    assert b"c=IN IP4 192.168.64.96\r\n" in answered.body
    assert b"m=audio 35002 RTP/AVP 8 101\r\n" in answered.body
    world.receive(phone, vector("15"))
    assert_same(world.take(upstream), vector("16"))

    from_office = Flow(
        900, "IPORWA1Sig", Transport.TCP, Address("10.10.10.7", 5060), Address("10.10.10.13", 4103)
    )
    world.receive(from_office, vector("17"))
    bye = world.take(phone)
    assert start(bye) == b"BYE sip:3001@172.22.33.101:62657;transport=tcp SIP/2.0"
    assert bye.get("Route") is None
    assert bye.get("Contact") == '"Dora" <sip:3003@192.168.64.96:5060;transport=tcp>'
    assert bye.get("Reason") == 'Q.850;cause=16;text="Normal call clearing"'
    assert bye.get("Max-Forwards") == "69"
    assert [via.partition(";")[0] for via in bye.values("Via")] == [
        "SIP/2.0/TCP 192.168.64.96:5060"
    ]
    answer = Message.parse(vector("18"))
    answer.set("Via", bye.get("Via"))
    world.receive(phone, answer)
    assert_same(world.take(from_office), vector("19"))
    assert world.core.show()["sessions"] == []
    assert world.engine.sessions == {}
    assert world.unread() == []


def test_nothing_of_the_inside_is_sent_outside(registered, vector):
    test_call_as_in_the_guide(registered, vector)
    world, _, _ = registered
    outside = [data for flow, data in world.all_sent if flow.interface == "IPORWB1Sig"]
    assert len(outside) == 8
    for data in outside:
        assert b"10.10.10." not in data
        assert b"subid_ipcs" not in data


def test_every_stage_says_what_it_decided(registered, vector):
    test_call_as_in_the_guide(registered, vector)
    world, _, _ = registered
    said = {stage: [d.value for d in world.decisions(stage)] for stage in STAGES}
    assert said["shield"] == ["passed", "passed"]  # the two REGISTERs of somebody not known yet
    assert set(said["flow"]) == {"SubsflowRW", "ServflowRW"}
    assert said["server-flow"] == ["ServflowRW"]
    assert said["routing"][0] == "IPO 10.10.10.13:5060 (TCP)"
    assert said["policy"] == ["avaya-def-low-enc"] * 2  # in by one flow, out by the other
    assert said["topology"] == ["the guide's defaults"]
    assert said["anchor"] == ["anchored", "anchored"]
    assert world.decisions("server-flow")[0].form == (
        "Device Specific Settings > End Point Flows > Server Flows: ServflowRW"
    )
    states = [event.state for event in world.events if isinstance(event, CallChanged)]
    assert states == ["started", "ringing", "answered", "ended"]
