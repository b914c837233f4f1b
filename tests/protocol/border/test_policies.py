"""Policy groups: records of calls, the sets and their times, and the forms of rules."""

import pytest

from farline.config import ConfigError, EndPointPolicyGroup
from farline.config.check_flows import check_flows
from farline.config.policies import check_policies
from farline.config.policy_rules import ApplicationRule, BorderRule, MediaRule, SecurityRule
from farline.config.signaling_rules import SignalingRule
from farline.media.engine import Offer
from farline.media.reports import CallRecorded
from farline.sip import responses
from farline.testing.border import BorderWorld, changed
from farline.testing.border_phone import DOMAIN, OFFICE, Phone, offer
from farline.testing.policed import MONDAY_NOON, application, decided, passed, refused

FLOWS = "  # Device Specific Settings > End Point Flows > Subscriber Flows"


def hang_up(world, phone):
    world.receive(phone.flow, phone.in_dialog("BYE"))
    world.receive(phone.upstream, responses.make(world.take(phone.upstream), 200))


@pytest.mark.parametrize(("records", "written"), [("off", 0), ("answered", 1), ("all", 2)])
def test_charging(policed, records, written):
    charging = {"charging": {"name": "c", "records": records, "format": "sqlite"}}
    world, phone = policed(charging, wall=lambda now: MONDAY_NOON + now)
    began = world.clock.now
    phone.call_office()
    world.wait(90)
    hang_up(world, phone)
    busy = passed(world, phone, "INVITE", call="busy", from_tag="t2", body=offer())
    phone.office_answer(busy, 486)
    assert [one.format for one in world.charged] == ["sqlite"] * written
    if written:
        record = world.charged[0].record
        assert (record.aor, record.beginner, record.end) == (f"3001@{DOMAIN}", "outside", "ended")
        assert (record.caller, record.called) == (f"sip:3001@{DOMAIN}", f"sip:3003@{DOMAIN}")
        assert record.seconds == 90.0 and record.started == MONDAY_NOON + began
        assert (record.subscriber_flow, record.server_flow) == ("SubsflowRW", "ServflowRW")
        assert (record.policy_group, record.server) == ("mine", f"{OFFICE}:5060")
    if written == 2:
        assert (world.charged[1].record.answered, world.charged[1].record.reason) == (None, "486")


@pytest.mark.parametrize(("records", "written"), [("answered", 0), ("all", 2)])
def test_calls_without_room_or_way_are_charged_as_failed(policed, records, written):
    rules = {**application(max_sessions_per_endpoint=1), "charging": {"records": records}}
    world, phone = policed(rules)
    phone.call_office()
    assert refused(world, phone, "INVITE", call="no-room", from_tag="t2", body=offer()) == 486
    hang_up(world, phone)
    world.close(phone.upstream)
    world.refusing.add(phone.upstream.remote)
    invite = phone.request("INVITE", f"sip:3003@{DOMAIN}", call="no-way", body=offer())
    world.receive(phone.flow, invite)
    failed = [one.record for one in world.charged if one.record.end == "failed"]
    assert len(failed) == written
    for record, call, why in zip(
        failed, ("no-room", "no-way"), ("1 sessions", "no way"), strict=False
    ):
        assert (record.call, record.answered, record.seconds) == (call, None, 0.0)
        assert record.reason.startswith(why)
        assert record.caller == f"sip:3001@{DOMAIN}"


MULTIPART = {"Content_Type": "multipart/mixed;boundary=b", "body": b"--b--\r\n"}


@pytest.mark.parametrize("records", ["answered", "all"])
@pytest.mark.parametrize(
    ("rules", "told", "status", "why"),
    [
        ({"security": {"name": "s", "compliance": ["one_contact"]}},
         {"Contact": "<sip:a@b>, <sip:c@d>"}, 400, "more than one Contact"),
        ({"application": {"name": "a", "voice": {"inbound": False}}},
         {"body": offer()}, 403, "Voice In is off"),
        ({"signaling": {"name": "s", "requests": [{"method": "INVITE", "response_code": 488}]}},
         {}, 488, "INVITE"),
        ({}, {"From": f"<sip:9999@{DOMAIN}>;tag=x"}, 403, "From is '9999'"),
        ({}, {"Max_Forwards": "0"}, 483, "Max-Forwards is 0"),
        ({}, {"Proxy_Require": "x"}, 420, "Proxy-Require: x"),
        ({}, MULTIPART, 415, "a multipart body may hide SDP"),
    ],
)  # fmt: skip
def test_refused_calls_are_charged_as_failed(policed, records, rules, told, status, why):
    """Whichever stage refused them; in a dialog, or by any other method, there is no call."""
    world, phone = policed({**rules, "charging": {"records": records}})
    assert refused(world, phone, "INVITE", call="no", **told) == status
    failed = [one.record for one in world.charged]
    assert len(failed) == (records == "all")
    for record in failed:
        assert (record.call, record.end, record.aor) == ("no", "failed", f"3001@{DOMAIN}")
        assert why in record.reason
    world.receive(phone.flow, phone.in_dialog("INVITE", call="other"))
    refused(world, phone, "OPTIONS", Max_Forwards="0")
    assert len(world.charged) == len(failed)


def test_a_refused_call_of_a_server_is_charged_by_its_own_flow(policed):
    world, phone = policed({"charging": "default"}, {"charging": {"records": "all"}})
    office = world.accept("IPORWA1Sig", OFFICE, 4103)
    invite = phone.office_request("INVITE", body=offer(OFFICE))
    invite.uri = "sip:3001@10.10.10.7;subid_ipcs=1"
    invite.remove("Route")
    world.receive(office, invite)
    assert world.take(office).status == 404
    (charged,) = world.charged
    record = charged.record
    assert (record.policy_group, record.server_flow, record.aor) == ("theirs", "ServflowRW", "")
    assert record.caller == f"sip:3003@{DOMAIN}" and "names no binding" in record.reason


def test_strangers_are_not_charged(policed):
    world, _ = policed({"charging": {"records": "all"}}, registered=False)
    stranger = Phone(world, ip="203.0.113.9")
    world.receive(stranger.flow, stranger.request("INVITE", f"sip:3003@{DOMAIN}", body=offer()))
    assert world.take(stranger.flow).status == 403
    assert world.charged == []


def test_charging_of_both_flows_in_two_formats(policed):
    both = ({"charging": "default"}, {"charging": "answered-sqlite"})
    world, phone = policed(*both)
    phone.call_office()
    hang_up(world, phone)
    assert [(one.format, one.record.policy_group) for one in world.charged] == [
        ("jsonl", "mine"),
        ("sqlite", "theirs"),
    ]


@pytest.mark.parametrize(
    ("rules", "asked"),
    [
        (({}, {}), (False, False)),
        (({"recording": "file"}, {}), (True, False)),
        (({}, {"recording": {"name": "r", "record_to_file": True}}), (False, True)),
    ],
)
def test_recording(policed, rules, asked):
    world, phone = policed({"charging": "default", **rules[0]}, rules[1])
    phone.call_office()
    offered = next(one for one in world.engine.requests if isinstance(one, Offer))
    assert (offered.sender.record, offered.receiver.record) == asked
    (session,) = world.core.show()["sessions"]
    world.give(CallRecorded(session["media"], "began", "one.wav"))
    world.give(CallRecorded(session["media"], "ended", "one.wav", 3.0))
    world.give(CallRecorded(session["media"], "began", "two.wav"))
    hang_up(world, phone)
    assert world.charged[0].record.recordings == "one.wav two.wav"


def test_the_first_set_whose_time_it_is_holds(policed, monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    moment = [MONDAY_NOON]
    night = {"name": "night", "start": "18:00", "end": "08:00"}
    weekend = {"name": "weekend", "days": ["sat", "sun"]}
    block = {"requests": [{"method": "MESSAGE"}], "name": "none"}
    sets = [
        {"time_of_day": night, "signaling": {**block, "name": "a"}},
        {"time_of_day": weekend, **application(max_concurrent_sessions=0)},
        {},
    ]
    world, phone = policed(sets, wall=lambda now: moment[0])
    assert passed(world, phone).method == "MESSAGE"
    inner = passed(world, phone, "INVITE", body=offer(), call="monday")
    phone.office_answer(inner, 486)
    assert world.take(phone.upstream).method == "ACK"
    while world.unread(phone.flow):
        world.take(phone.flow)
    for hours, status in ((7, 403), (19.9, 403), (20, None)):  # 19:00, 07:54, 08:00
        moment[0] = MONDAY_NOON + hours * 3600
        if status:
            assert refused(world, phone, call=f"h{hours}") == status
        else:
            assert passed(world, phone, call="tuesday").method == "MESSAGE"
    moment[0] = MONDAY_NOON + 5 * 86_400  # Saturday noon
    assert passed(world, phone, call="3").method == "MESSAGE"
    assert refused(world, phone, "INVITE", body=offer(), call="4") == 503
    assert "group mine, order 2" in decided(world).form


def test_outside_of_every_window_nothing_begins(policed, monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    moment = [MONDAY_NOON]
    sets = [{"time_of_day": "working-hours"}]
    world, phone = policed(sets, wall=lambda now: moment[0])
    phone.call_office()
    moment[0] += 8 * 3600
    assert refused(world, phone, call="2") == 403
    assert "Time of Day Rules: working-hours" in decided(world).form
    world.receive(phone.flow, phone.in_dialog("BYE"))
    assert world.take(phone.upstream).method == "BYE"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("sets: [{media: nowhere}]", "no such media rule 'nowhere'"),
        ("sets: [{signaling: {requests: [{method: ACK}]}}]", "block INVITE"),
        ("sets: [{signaling: {responses: [{codes: '200', new_code: 603}]}}]", "a success"),
        (
            "sets: [{signaling: {responses: [{codes: '486', new_code: 200}]}}]",
            "a final one 300-699",
        ),
        ("sets: [{signaling: {request_headers: [{header: Call-ID}]}}]", "carries the dialog"),
        ("sets: [{time_of_day: {start: '25:00'}}]", "write a time as 08:30"),
        ("sets: [{time_of_day: {start: '08:00', end: '08:00'}}]", "the window is empty"),
        ("voice_qos: 8, sets: [{}]", "stand in its sets"),
    ],
)
def test_mistakes(load_border, text, says):
    with pytest.raises(ConfigError, match=says):
        load_border((FLOWS, f"  end_point_policy_groups: [{{name: g, {text}}}]\n{FLOWS}"))


@pytest.mark.parametrize(
    ("kind", "rules"),
    [
        ("border", (BorderRule(name="other"), BorderRule(name="mine", nat=False))),
        ("security", (SecurityRule(name="mine", max_message_bytes=1000),)),
        ("signaling", (SignalingRule(name="mine", requests=[{"method": "MESSAGE"}]),)),
        ("media", (MediaRule(name="mine", audio={"allowed": ["G722"]}),)),
        ("application", (ApplicationRule(name="mine", voice={"inbound": False}),)),
    ],
)
def test_a_set_finds_its_rule_by_name(guide_border, kind, rules):
    """Of two rules the one that the set names holds, and the decision says its name."""
    group = EndPointPolicyGroup(name="g", sets=[{kind: "mine"}])
    border = changed(
        guide_border,
        **{f"{kind}_rules": rules},
        end_point_policy_groups=(group,),
        subscriber_flows={"end_point_policy_group": "g"},
    )
    assert not any(check_policies(border))
    world = BorderWorld(border)
    phone = Phone(world)
    phone.register()
    if kind == "border":
        phone.call_office()
        assert world.engine.requests[0].sender.signaling_source == ""
        return
    method = "INVITE" if kind in ("media", "application") else "MESSAGE"
    headers = {"body": offer()} if method == "INVITE" else {"X_Long": "x" * 1000}
    assert refused(world, phone, method, **headers) >= 400
    last = decided(world, "anchor" if kind == "media" else "policy")
    assert ": mine (group g, order 1)" in f"{last.form} {last.because}"


def test_shipped_groups_can_be_used_without_defining_them(guide_border):
    for name in ("default-low", "default-med", "default-high-enc", "avaya-def-high-subscriber"):
        border = changed(guide_border, subscriber_flows={"end_point_policy_group": name})
        assert not list(check_flows(border, set()))
        assert border.resolved_groups()[name][0].group == name
