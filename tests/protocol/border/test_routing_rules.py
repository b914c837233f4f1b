"""Routing Profile: URI Group, Time of Day and Further Rules, by where requests go."""

from datetime import datetime

from farline.border.explain.explainer import Explainer
from farline.border.explain.scratch import Scratch
from farline.sip import Address, Transport, responses
from farline.testing.border import BorderWorld
from farline.testing.border_phone import DOMAIN, Phone
from farline.testing.clock import ManualClock

HOP = "- {priority: 1, server: IPO, address: 10.10.10.13, port: 5060, transport: TCP}"
ADDRESS = "- {address: 10.10.10.13, port: 5060, transport: UDP}"
OTHER = "- {address: 10.10.10.14, port: 5060, transport: UDP}"
FIRST, SECOND = Address("10.10.10.13", 5060), Address("10.10.10.14", 5060)
FRIDAY = datetime(2026, 11, 20, 16, 59).astimezone().timestamp() - ManualClock().now
"""When the border's clock began, so that it is a minute before five."""


def hop(address):
    return f"- {{priority: 1, server: IPO, address: {address}, port: 5060, transport: UDP}}"


def profile(load_border, first="", *, further=True):
    """The guide's profile over UDP to .13, and unless told otherwise a further rule to .14."""
    more = (
        f"\n      further_rules:\n        - next_hops:\n            {hop('10.10.10.14')}"
        if further
        else ""
    )
    changes = [
        (HOP, hop("10.10.10.13") + more),
        (ADDRESS, f"{ADDRESS}\n        {OTHER}"),
        ("  subscriber_flows:\n", '  uri_groups:\n    - {name: sales, uris: [{uri: "3001@*"}]}\n'
         "  subscriber_flows:\n"),
    ]  # fmt: skip
    if first:
        name = first.partition(":")[0]
        old = {"uri_group": 'uri_group: "*"\n      time_of_day', "time_of_day": "time_of_day"}[name]
        kept = "\n      time_of_day" if name == "uri_group" else ""
        tail = ": default" if name == "time_of_day" else ""
        changes.append((old + tail, first + kept))
    return load_border(*changes)


def registering(world, phone):
    """A REGISTER; which of the two servers got it, or the status that the phone got."""
    request = phone.request("REGISTER", f"sip:{DOMAIN}", to=f"<sip:{phone.user}@{DOMAIN}>")
    world.receive(phone.flow, request)
    assert world.take(phone.flow).status == 100
    if world.unread(phone.flow):
        return world.take(phone.flow).status
    for server in (FIRST, SECOND):
        flow = world.accept("IPORWA1Sig", server.host, server.port, Transport.UDP)
        if world.unread(flow):
            inner = world.take(flow)
            ok = responses.make(inner, 200, to_tag="o")
            ok.add("Contact", f"{inner.get('Contact')};expires=180")
            world.receive(flow, ok)
            assert world.take(phone.flow).status == 200
            return server
    raise AssertionError("nobody got the REGISTER")


def test_uri_group_of_a_rule(load_border):
    world = BorderWorld(profile(load_border, "uri_group: sales"))
    assert registering(world, Phone(world)) == FIRST
    assert registering(world, Phone(world, user="3002", port=10058)) == SECOND
    rule = world.decisions("routing-rule")[-1]
    assert (rule.value, rule.form) == ("rule 2", "Global Policies > Routing Profile: to-IPO")
    assert rule.because == "rule 1: URI Group is sales; rule 2 is the first that fits"


def test_without_a_rule_that_fits_the_phone_is_refused(load_border):
    world = BorderWorld(profile(load_border, "uri_group: sales", further=False))
    assert registering(world, Phone(world)) == FIRST
    assert registering(world, Phone(world, user="3002", port=10058)) == 403
    said = world.decisions("routing-rule")[-1]
    assert said.value == "nowhere"
    assert said.because == "no rule fits 3002@ipo1xp.ipolab.com: rule 1: URI Group is sales"


def test_time_of_day_of_a_rule(load_border):
    world = BorderWorld(
        profile(load_border, "time_of_day: working-hours"), wall=lambda then: FRIDAY + then
    )
    phone = Phone(world)
    assert registering(world, phone) == FIRST
    world.wait(3600 * 3)
    assert registering(world, phone) == SECOND
    assert "rule 1: Time of Day is working-hours, and it is fri 19:59" in (
        world.decisions("routing-rule")[-1].because
    )


def test_a_phone_with_a_call_keeps_its_rule(load_border):
    world = BorderWorld(
        profile(load_border, "time_of_day: working-hours"), wall=lambda then: FRIDAY + then
    )
    phone = Phone(world)
    assert registering(world, phone) == FIRST
    (binding,) = world.core._context.bindings
    binding.sessions += 1
    world.wait(100)
    binding.expires_at = world.clock.now + 8000
    world.wait(3600)
    assert registering(world, phone) == FIRST
    binding.sessions -= 1
    world.wait(150)
    assert registering(world, phone) == SECOND


def test_explain_shows_every_rule(load_border, vector):
    explainer = Explainer(Scratch(profile(load_border, "uri_group: sales")))
    flow = explainer.scratch.flow("IPORWB1Sig", Transport.TCP, Address("192.168.67.61", 10057))
    found = explainer.explain(flow, vector("01").replace(b"sip:3001@", b"sip:3002@"))
    (rule,) = [step for step in found.steps if step.stage == "routing-rule"]
    assert [(row.name, row.taken, row.why) for row in rule.candidates] == [
        ("rule 1", False, "URI Group is sales"),
        ("rule 2", True, "the first that matches"),
    ]
    (routing,) = [step for step in found.steps if step.stage == "routing"]
    assert [row.name for row in routing.candidates if row.taken] == ["IPO 10.10.10.14:5060 (UDP)"]
