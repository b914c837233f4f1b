"""Explanations are the border's own verdicts, with every other candidate and what it failed by."""

from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farline.border.explain.candidates import policy_sets, server_flows
from farline.border.explain.explainer import Explainer
from farline.border.explain.scratch import CountingIds, Scratch
from farline.border.plan import Candidate, Plan
from farline.config import EndPointPolicyGroup, load_deployment
from farline.sip import Address, Message, Transport
from farline.testing.border import changed

ROOT = Path(__file__).parents[3]
SECRETS = dict.fromkeys(("ruel", "dora", "enhtcpaservice"), "secret")
GUIDE = (ROOT / "examples" / "guide.yaml").read_text()
AOR = "3001@ipo1xp.ipolab.com"
PHONE = Address("192.168.67.61", 10057)
MORE_FLOWS = """
    - {name: Desk, signaling_interface: IPORWB1Sig, media_interface: IPORWB1Media,
       end_point_policy_group: avaya-def-low-enc, routing_profile: to-IPO, user_agent: Deskphone}
    - {name: Site, signaling_interface: IPORWB1Sig, media_interface: IPORWB1Media,
       end_point_policy_group: avaya-def-low-enc, routing_profile: to-IPO,
       source_subnet: 203.0.113.0/24}
    - {name: Inner, signaling_interface: IPORWA1Sig, media_interface: IPORWB1Media,
       end_point_policy_group: avaya-def-low-enc, routing_profile: to-IPO}
"""
MORE_SERVERS = """
    - {name: OverTls, server_profile: IPO, transport: TLS, received_interface: IPORWB1Sig,
       signaling_interface: IPORWA1Sig, media_interface: IPORWA1Media,
       end_point_policy_group: avaya-def-low-enc}
"""


@cache
def border(*changes):
    text = GUIDE
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    return load_deployment(text, SECRETS).border


@pytest.fixture
def many():
    return border(
        ("  subscriber_flows:\n", f"  subscriber_flows:{MORE_FLOWS}"),
        ("  server_flows:\n", f"  server_flows:{MORE_SERVERS}"),
        ("- {priority: 1, server: IPO, address: 10.10.10.13, port: 5060, transport: TCP}",
         "- {priority: 1, server: IPO, address: 10.10.10.13, port: 5060, transport: TCP}\n"
         "        - {priority: 2, server: IPO, address: 10.10.10.13, port: 5061, transport: TLS}"),
    )  # fmt: skip


def outside(explainer, interface="IPORWB1Sig", transport=Transport.TCP, remote=PHONE):
    return explainer.scratch.flow(interface, transport, remote)


def step(explanation, stage):
    return next(one for one in explanation.steps if one.stage == stage)


def rows(explanation, stage):
    return {row.name: row.why for row in step(explanation, stage).candidates}


def test_register_names_every_candidate_of_every_stage(many, vector):
    explainer = Explainer(Scratch(many))
    found = explainer.explain(outside(explainer), vector("01"))
    assert found.what == "REGISTER"
    assert [one.stage for one in found.steps] == [
        "listener", "shield", "flow", "routing", "server-flow"
    ]  # fmt: skip
    assert rows(found, "flow") == {
        "Desk": "User Agent has no 'Deskphone'",
        "Site": "Source Subnet is 203.0.113.0/24",
        "Inner": "Signaling Interface is IPORWA1Sig",
        "SubsflowRW": "the first that matches",
    }
    assert rows(found, "server-flow") == {
        "OverTls": "Transport is TLS",
        "ServflowRW": "the first that matches",
    }
    assert rows(found, "routing") == {
        "IPO 10.10.10.13:5060 (TCP)": "the first",
        "IPO 10.10.10.13:5061 (TLS)": "tried when IPO 10.10.10.13:5060 (TCP) does not answer",
    }
    assert found.refusal is None
    assert [(sent.what, sent.remote, sent.interface) for sent in found.sent] == [
        ("100 Trying", "192.168.67.61:10057", "IPORWB1Sig"),
        ("REGISTER", "10.10.10.13:5060", "IPORWA1Sig"),
    ]
    inner = Message.parse(found.sent[1].data)
    assert "10.10.10.7:5060;transport=tcp;subid_ipcs=" in inner.get("Contact")


def test_a_flow_behind_the_one_that_matched_is_said_to_match_too(vector):
    twice = border(("  server_flows:\n", MORE_FLOWS.split("\n", 1)[1] + "  server_flows:\n"))
    explainer = Explainer(Scratch(twice))
    request = vector("01").replace(b"Avaya One X", b"Deskphone, Avaya One X")
    found = explainer.explain(outside(explainer), request)
    assert rows(found, "flow")["Desk"] == "would match too, but SubsflowRW stands before it"


def test_an_invite_of_a_stranger_is_refused_by_a_field(many, vector):
    explainer = Explainer(Scratch(many))
    found = explainer.explain(outside(explainer), vector("09"))
    assert found.refusal.status == 403
    assert found.refusal.word == "unknown-phone"
    assert found.refusal.because == "INVITE from an unknown source; allowed: none"
    assert found.refusal.form == (
        "Device Specific Settings > End Point Flows > Subscriber Flows: SubsflowRW: "
        "Methods Allowed Before REGISTER"
    )
    assert rows(found, "admission")["Site"] == "Source Subnet is 203.0.113.0/24"
    assert [sent.what for sent in found.sent] == ["403 Forbidden"]


def test_an_invite_of_a_phone_taken_for_registered(many, vector):
    explainer = Explainer(Scratch(many))
    flow = outside(explainer)
    made = explainer.register(AOR, flow, vector("09"))
    assert (made.value, made.stage) == ("SubsflowRW", "registered")
    assert {row.name for row in made.candidates if row.taken} == {"SubsflowRW"}
    found = explainer.explain(flow, vector("09"))
    stages = [one.stage for one in found.steps]
    assert stages == [
        "listener", "flow", "policy", "routing", "server-flow", "policy", "topology", "anchor"
    ]  # fmt: skip
    invite = Message.parse(found.sent[-1].data)
    assert invite.method == "INVITE"
    assert b"c=IN IP4 10.10.10.7\r\n" in invite.body
    assert b"172.22.33.101" not in found.sent[-1].data.partition(b"\r\n\r\n")[0]


def test_a_call_of_the_office_finds_the_phone_by_its_token(many):
    explainer = Explainer(Scratch(many))
    phone = outside(explainer)
    options = (
        b"OPTIONS sip:3001@10.10.10.7:5060;transport=tcp;subid_ipcs=191791003 SIP/2.0\r\n"
        b"Via: SIP/2.0/TCP 10.10.10.13:5060;branch=z9hG4bKx\r\nMax-Forwards: 70\r\n"
        b"From: <sip:3003@ipo1xp.ipolab.com>;tag=a\r\nTo: <sip:3001@ipo1xp.ipolab.com>\r\n"
        b"Call-ID: c\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
    )
    explainer.register(AOR, phone, options)
    flow = outside(explainer, "IPORWA1Sig", remote=Address("10.10.10.13", 4103))
    found = explainer.explain(flow, options)
    assert rows(found, "flow") == {
        "OverTls": "Transport is TLS",
        "ServflowRW": "the first that matches",
    }
    assert [(sent.what, sent.remote) for sent in found.sent] == [("OPTIONS", str(PHONE))]
    explainer = Explainer(Scratch(border()))
    stranger = outside(explainer, "IPORWA1Sig", remote=Address("10.10.10.99", 4103))
    found = explainer.explain(stranger, options)
    assert found.refusal.status == 403
    assert rows(found, "admission")["ServflowRW"] == "10.10.10.99 is no address of IPO"


def test_a_message_that_breaks_the_rules_is_explained_too(many):
    explainer = Explainer(Scratch(many))
    found = explainer.explain(outside(explainer), b"INVITE sip:x SIP/2.0\r\nVia: x\r\n\r\n")
    assert found.refusal.word == "malformed"
    assert [one.stage for one in found.steps] == ["listener", "shield", "malformed"]
    found = explainer.explain(outside(explainer), b"\x00")
    assert (found.refusal.word, found.refusal.because) == ("shield", "no SIP in its first line")
    assert found.sent == ()


def test_a_scanner_gets_no_answer(many, vector):
    explainer = Explainer(Scratch(many))
    request = vector("01").replace(b"Avaya One X", b"friendly-scanner")
    found = explainer.explain(outside(explainer), request)
    assert (found.refusal.status, found.refusal.word) == (0, "shield")
    assert found.refusal.because == "User-Agent names the scanner friendly-scanner"
    assert found.sent == ()


def test_an_aor_that_no_flow_takes_or_that_is_none(vector):
    narrow = border(('source_subnet: "*"', "source_subnet: 198.51.100.0/24"))
    explainer = Explainer(Scratch(narrow))
    with pytest.raises(ValueError, match="Source Subnet is"):
        explainer.register(AOR, outside(explainer), vector("09"))
    explainer = Explainer(Scratch(border()))
    for text in ("3001", "@example.com", "3001@"):
        with pytest.raises(ValueError, match="no address of record"):
            explainer.register(text, outside(explainer), vector("09"))


def test_candidates_agree_with_the_decision(many):
    plan = Plan(many)
    for transport, taken in ((Transport.TCP, "ServflowRW"), (Transport.TLS, "OverTls")):
        hop = Candidate("IPO", transport, Address("10.10.10.13", 5060))
        found = server_flows(plan, plan.border.subscriber_flows[0], hop, AOR)
        assert [row.name for row in found if row.taken] == [taken]


def test_identifiers_are_the_same_in_every_run():
    one, other = CountingIds(), CountingIds()
    assert [one.token(), one.uuid(), one.number()] == [other.token(), other.uuid(), other.number()]
    assert len({one.token() for _ in range(100)}) == 100


@settings(max_examples=60, deadline=None)
@given(st.one_of(st.binary(max_size=300), st.data()))
def test_no_message_raises(drawn):
    data = drawn
    if not isinstance(drawn, bytes):
        whole = bytearray((ROOT / "vectors" / "guide" / "09-invite-phone.sip").read_bytes())
        for _ in range(drawn.draw(st.integers(1, 8))):
            at = drawn.draw(st.integers(0, len(whole) - 1))
            whole[at] = drawn.draw(st.integers(0, 255))
        data = bytes(whole)
    explainer = Explainer(Scratch(border()))
    flow = outside(explainer)
    found = explainer.explain(flow, data)
    assert found.steps[0].stage == "listener"
    assert found.refusal is not None or found.sent or found.what


def test_sets_of_a_policy_group(guide_border):
    sets = [{"time_of_day": {"name": "never", "days": ["mon"], "end": "00:01"}}, {}, {}]
    group = EndPointPolicyGroup(name="g", sets=sets)
    plan = Plan(changed(guide_border, end_point_policy_groups=(group,)))
    form = plan.groups["g"][1].place("application")
    rows = policy_sets(plan, "g", form)
    assert [row.taken for row in rows] == [False, True, False]
    assert rows[0].why.startswith("not its time: never, mon 00:00-00:01")
    assert policy_sets(plan, "avaya-def-low-enc", "")[0].name.startswith("order 1: default")
    assert policy_sets(plan, "refused 403", "") == ()
