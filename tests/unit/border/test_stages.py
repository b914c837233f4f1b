"""The pure decisions of the stages: value, reason, form."""

from pathlib import Path

import pytest

from farline.border import flow
from farline.border.exchange import Exchange
from farline.border.plan import Candidate, Plan
from farline.border.policy import groups as policy
from farline.border.routing import stage as routing
from farline.config import (
    Border,
    EndPointPolicyGroup,
    NextHop,
    RoutingProfile,
    SubscriberFlow,
    load_deployment,
)
from farline.config.subnets import in_subnet
from farline.sip import Address, Flow, Message, Transport

ROOT = Path(__file__).parents[3]
SECRETS = dict.fromkeys(("ruel", "dora", "enhtcpaservice"), "secret")
BORDER = load_deployment((ROOT / "examples" / "guide.yaml").read_text(), SECRETS).border
OUTSIDE = Flow(
    1, "IPORWB1Sig", Transport.TCP, Address("192.168.64.96", 5060), Address("203.0.113.5", 4000)
)
INSIDE = Flow(
    2, "IPORWA1Sig", Transport.TCP, Address("10.10.10.7", 5060), Address("10.10.10.13", 4103)
)
HOP = Candidate("IPO", Transport.TCP, Address("10.10.10.13", 5060))


def message(**headers):
    request = Message.request("REGISTER", "sip:x")
    request.add("Via", "SIP/2.0/TCP 172.22.33.101:5060;branch=z9hG4bKx")
    for name, value in headers.items():
        request.add(name.replace("_", "-"), value)
    return request


def plan(*flows, **changes):
    border = BORDER.model_copy(update=changes)
    if flows:
        border = border.model_copy(update={"subscriber_flows": flows})
    return Plan(border)


def subscriber(name, **fields):
    return SubscriberFlow(
        name=name,
        signaling_interface=fields.pop("signaling_interface", "IPORWB1Sig"),
        media_interface="IPORWB1Media",
        end_point_policy_group="avaya-def-low-enc",
        routing_profile="to-IPO",
        **fields,
    )


def test_the_first_flow_that_matches_wins():
    first, second = subscriber("one"), subscriber("two")
    verdict = flow.decide(plan(first, second), Exchange(message(), OUTSIDE))
    assert verdict.value is first
    assert verdict.because == "one is the first that matches"
    assert verdict.form == "Device Specific Settings > End Point Flows > Subscriber Flows: one"


def test_every_flow_that_does_not_match_says_why():
    flows = (
        subscriber("agent", user_agent="Avaya"),
        subscriber("subnet", source_subnet="10.0.0.0/8"),
        subscriber("via", via_host="192.0.2.0/24"),
        subscriber("contact", contact_host="example.com"),
        subscriber("elsewhere", signaling_interface="IPORWA1Sig"),
    )
    request = message(User_Agent="baresip", Contact="<sip:a@172.22.33.101>")
    verdict = flow.decide(plan(*flows), Exchange(request, OUTSIDE))
    assert verdict.value is None
    assert verdict.because == (
        "no subscriber flow on IPORWB1Sig matches: agent: User Agent has no 'Avaya'; "
        "subnet: Source Subnet is 10.0.0.0/8; via: Via Host is 192.0.2.0/24; "
        "contact: Contact Host is example.com"
    )


@pytest.mark.parametrize(
    "fields",
    [
        {"user_agent": "One X"},
        {"source_subnet": "203.0.113.0/24"},
        {"via_host": "172.22.33.0/24"},
        {"via_host": "172.22.33.101"},
        {"contact_host": "EXAMPLE.com"},
    ],
)
def test_fields_of_a_subscriber_flow_that_fit(fields):
    request = message(User_Agent="Avaya One X Mobile", Contact="<sip:a@example.com>")
    verdict = flow.decide(plan(subscriber("it", **fields)), Exchange(request, OUTSIDE))
    assert verdict.value is not None


def test_server_flow_of_a_next_hop():
    subscriber = plan().border.subscriber_flows[0]
    assert flow.decide_server(plan(), subscriber, HOP).value.name == "ServflowRW"
    elsewhere = subscriber.model_copy(update={"signaling_interface": "IPORWA1Sig"})
    verdict = flow.decide_server(plan(), elsewhere, HOP)
    assert verdict.value is None
    assert "ServflowRW: Received Interface is IPORWB1Sig" in verdict.because


def test_source_of_a_request_from_inside():
    assert flow.decide_source(plan(), Exchange(message(), INSIDE)).value.name == "ServflowRW"
    stranger = Flow(3, INSIDE.interface, Transport.TCP, INSIDE.local, Address("10.10.10.99", 1))
    verdict = flow.decide_source(plan(), Exchange(message(), stranger))
    assert verdict.value is None
    assert "10.10.10.99 is no address of IPO" in verdict.because


def test_policy_limits():
    group = EndPointPolicyGroup(name="g", max_concurrent_sessions=5, max_sessions_per_endpoint=2)
    (rules,) = Border(end_point_policy_groups=(group,)).resolved_groups()["g"]

    def admit(in_group, of_endpoint):
        return policy.admit(rules, "inbound", frozenset(), policy.Held(in_group, of_endpoint))

    assert admit(4, 1).value is None
    full = admit(5, 0)
    assert (full.value.status, full.form.rpartition(": ")[2]) == (503, "Maximum Sessions")
    busy = admit(2, 2)
    assert (busy.value.status, busy.form.rpartition(": ")[2]) == (486, "Sessions Per Endpoint")


def test_routing_by_priority_and_health():
    profile = RoutingProfile(
        name="r",
        next_hops=(
            NextHop(priority=2, server="IPO", address="10.0.0.2", port=5060, transport="TCP"),
            NextHop(priority=1, server="IPO", address="10.0.0.1", port=5070, transport="TCP"),
            NextHop(priority=3, server="IPO", address="office.lan", port=5060, transport="UDP"),
        ),
    )
    verdict = routing.decide(plan(), profile, routing.Standing())
    assert [str(one) for one in verdict.value] == [
        "IPO 10.0.0.1:5070 (TCP)",
        "IPO 10.0.0.1:5060 (TCP)",
        "IPO 10.0.0.2:5060 (TCP)",
    ]
    assert [one.failover for one in verdict.value] == [False, True, False]
    assert "office.lan leads nowhere" in verdict.because
    down = {verdict.value[0]: "no answer"}
    standing = routing.Standing(why_down=lambda one: down.get(one, ""))
    later = routing.decide(plan(), profile, standing)
    assert str(later.value[-1]) == "IPO 10.0.0.1:5070 (TCP)"
    assert "10.0.0.1:5070 (TCP) goes last: no answer" in later.because


def three_hops(load_balancing):
    hops = tuple(
        NextHop(priority=weight, server="IPO", address=f"10.0.0.{n}", port=5060, transport="UDP")
        for n, weight in enumerate((1, 2, 5), 1)
    )
    return RoutingProfile(name="r", load_balancing=load_balancing, next_hops=hops)


def first(profile, **standing):
    verdict = routing.decide(plan(), profile, routing.Standing(**standing))
    assert len(verdict.value) == 3
    return verdict.value[0].remote.host[-1], verdict.because


def test_round_robin():
    profile = three_hops("round_robin")
    assert [first(profile, turn=turn)[0] for turn in range(4)] == ["1", "2", "3", "1"]
    assert "round robin, turn 4" in first(profile, turn=3)[1]


def test_weighted_goes_by_the_weights():
    profile = three_hops("weighted")
    assert [
        first(profile, chance=lambda below, ball=ball: ball % below)[0] for ball in range(8)
    ] == list("12233333")
    assert "weight 5 of 8" in first(profile, chance=lambda _: 7 % _)[1]


def test_least_used():
    profile = three_hops("least_used")
    ways = routing.decide(plan(), profile, routing.Standing()).value
    used = {ways[0]: 3, ways[1]: 1, ways[2]: 2}
    found, because = first(profile, used=used)
    assert found == "2"
    assert "used by 1 bindings" in because


@pytest.mark.parametrize(
    ("subnet", "host", "inside"),
    [
        ("*", "anything", True),
        ("10.0.0.0/8", "10.1.2.3", True),
        ("10.0.0.1/8", "11.1.2.3", False),
        ("2001:db8::/32", "2001:db8::5", True),
        ("2001:db8::/32", "10.1.2.3", False),
        ("10.0.0.0/8", "name", False),
    ],
)
def test_subnets(subnet, host, inside):
    assert in_subnet(subnet, host) is inside
