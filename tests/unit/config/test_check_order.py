"""Lines that can never match where they stand, each told with a witness; those that can are not."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from farline.config import EndPointPolicyGroup, RoutingProfile, UriGroup, load_deployment
from farline.config.check_order import check_order
from farline.config.check_order_times import DAY_MINUTES, minutes
from farline.config.signaling_rules import SignalingRule
from farline.config.time_of_day import DAYS, TimeOfDay
from farline.testing.border import changed

GUIDE = (Path(__file__).parents[3] / "examples" / "guide.yaml").read_text(encoding="utf-8")
SECRETS = dict.fromkeys(("ruel", "dora", "enhtcpaservice"), "secret")
BORDER = load_deployment(GUIDE, SECRETS).border
HOP = {"server": "IPO", "address": "10.10.10.13", "port": 5060, "transport": "TCP"}
MORNING = {"name": "m", "start": "00:00", "end": "12:00"}
NOON_ON = {"name": "n", "start": "12:00", "end": "24:00"}
NIGHT = {"name": "night", "start": "22:00", "end": "06:00"}
GROUPS = (
    UriGroup(name="house", uris=[{"uri": "*@a.example"}]),
    UriGroup(name="sales", uris=[{"uri": "1@a.example"}, {"uri": "2@A.example"}]),
    UriGroup(name="others", uris=[{"uri": "1@b.example"}]),
)


def said(**fields):
    """(place, text) of every warning."""
    found = list(check_order(changed(BORDER, **fields)))
    assert all(one.severity == "warning" and one.remedy and one.form for one in found)
    return [(one.place, one.text) for one in found]


def routing(*rules):
    hops = {"next_hops": [HOP]}
    first, *more = [hops | rule for rule in rules]
    profile = RoutingProfile(name="to-IPO", **first, further_rules=more)
    times = tuple(TimeOfDay(**one) for one in (MORNING, NOON_ON))
    return said(routing_profiles=(profile,), uri_groups=GROUPS, time_of_day_rules=times)


def test_nothing_is_said_of_the_guides_border():
    assert said() == []


@pytest.mark.parametrize(
    ("rules", "takers", "witness"),
    [
        (({}, {"uri_group": "sales"}), "rule 1 stands", "a phone of 1@a.example on mon 00:00"),
        (({"uri_group": "house"}, {"uri_group": "sales"}), "rule 1 stands", "1@a.example"),
        (
            ({"time_of_day": "m"}, {"time_of_day": "n"}, {}),
            "rule 1 and rule 2 stand",
            "any address on mon 00:00",
        ),
    ],
)
def test_a_routing_rule_that_others_leave_nothing_for(rules, takers, witness):
    ((place, text),) = routing(*rules)
    assert place == f"border.routing_profiles[0].further_rules[{len(rules) - 2}]"
    assert f"rule {len(rules)} of 'to-IPO' can never match: {takers}" in text
    assert witness in text


@pytest.mark.parametrize(
    "rules",
    [
        ({"uri_group": "sales"}, {}),
        ({"uri_group": "house"}, {"uri_group": "others"}),
        ({"time_of_day": "m"}, {"time_of_day": "n"}),
        ({"time_of_day": "m"}, {"uri_group": "sales"}, {"time_of_day": "n"}),
        ({"uri_group": "house", "time_of_day": "m"}, {"uri_group": "sales"}),
    ],
)
def test_a_routing_rule_that_something_is_left_for(rules):
    assert routing(*rules) == []


def test_a_next_hop_that_is_there_twice():
    ((place, text),) = routing({"next_hops": [HOP, HOP | {"priority": 2}]})
    assert place == "border.routing_profiles[0].next_hops[1]"
    assert "the same as next hop 1" in text


@pytest.mark.parametrize(
    ("windows", "dead"),
    [
        (["default", "working-hours"], "order 2 can never match: order 1 stands before it"),
        ([MORNING, NOON_ON, NIGHT], "order 3 can never match: order 1 and order 2 stand"),
        (["working-hours", "default"], None),
        ([MORNING, NIGHT], None),
    ],
)
def test_sets_of_a_policy_group(windows, dead):
    group = EndPointPolicyGroup(name="g", sets=[{"time_of_day": one} for one in windows])
    found = said(end_point_policy_groups=(group,))
    assert [place for place, _ in found] == ([f"border.end_point_policy_groups[0].sets"
                                             f"[{len(windows) - 1}]"] if dead else [])  # fmt: skip
    assert dead is None or dead in found[0][1]


@pytest.mark.parametrize(
    ("uris", "dead"),
    [
        ([{"uri": "*@a.example"}, {"uri": "1@A.example"}], 1),
        ([{"uri": "1@*"}, {"uri": "1@a.example"}], 1),
        ([{"kind": "dial_plan", "uri": "30XX@a.example"}, {"uri": "3001@a.example"}], 1),
        ([{"kind": "regex", "uri": "a.*@b"}, {"kind": "regex", "uri": "a.*@b"}], 1),
        ([{"uri": "1@a.example"}, {"uri": "*@a.example"}], None),
        ([{"kind": "dial_plan", "uri": "30XX@a.example"}, {"uri": "4001@a.example"}], None),
    ],
)
def test_lines_of_a_uri_group(uris, dead):
    found = said(uri_groups=(UriGroup(name="g", uris=uris),))
    assert [place for place, _ in found] == ([f"border.uri_groups[0].uris[{dead}]"] if dead else [])


@pytest.mark.parametrize(
    ("field", "lines", "dead"),
    [
        ("requests", [{"method": "*"}, {"method": "INFO"}], "INFO inbound"),
        (
            "requests",
            [{"method": "INFO", "direction": "inbound"},
             {"method": "INFO", "direction": "outbound"}, {"method": "INFO"}],
            "INFO inbound",
        ),
        ("requests", [{"method": "INFO"}, {"method": "*"}], None),
        ("responses", [{"codes": "4xx", "new_code": 500}, {"codes": "486", "new_code": 600}],
         "486 another method inbound"),
        ("responses", [{"codes": "486", "new_code": 500}, {"codes": "4xx", "new_code": 600}], None),
        ("request_headers", [{"header": "Date"}, {"header": "date", "method": "INFO"}],
         "date INFO inbound"),
        ("response_headers", [{"header": "Date"}, {"header": "Subject"}], None),
    ],
)  # fmt: skip
def test_lines_of_a_signaling_rule(field, lines, dead):
    found = said(signaling_rules=(SignalingRule(name="s", **{field: lines}),))
    assert [place for place, _ in found] == (
        [f"border.signaling_rules[0].{field}[{len(lines) - 1}]"] if dead else []
    )
    assert dead is None or found[0][1].endswith(f"for example {dead}")


def relay(**fields):
    first, *others = BORDER.application_relays
    http = first.http.model_copy(update=fields.pop("http", {}))
    return (first.model_copy(update={"http": http, **fields}), *others)


def test_paths_and_phones_of_a_relay():
    twice = said(application_relays=relay(http={"paths": ("/a/", "/a/b")}))
    assert twice == [("border.application_relays[0].http.paths[1]",
                      "/a/b adds nothing: /a/ stands before it and has it")]  # fmt: skip
    lost = said(application_relays=relay(http={"paths": ("/a/",)}, whitelist_flows=True))
    assert lost[0][0] == "border.application_relays[0].http.bootstrap_paths"
    nobody = said(application_relays=relay(whitelist_flows=True), subscriber_flows=())
    assert ("border.application_relays[0].whitelist_flows",
            "Whitelist Flows, and no subscriber flow lets a phone register") in nobody  # fmt: skip


def test_the_shields_lists():
    shield = BORDER.shield.model_copy(
        update={"allow": ("192.0.2.0/24",), "deny": ("198.51.100.0/24", "192.0.2.128/25")}
    )
    assert said(shield=shield) == [
        ("border.shield.deny[1]",
         "192.0.2.128/25 is never denied: 192.0.2.0/24 on the allow list stands before it")
    ]  # fmt: skip


@given(
    days=st.lists(st.sampled_from(DAYS), min_size=1, unique=True),
    start=st.integers(0, DAY_MINUTES - 1),
    end=st.integers(1, DAY_MINUTES),
    at=st.integers(0, 7 * DAY_MINUTES - 1),
)
@settings(max_examples=200)
def test_minutes_are_those_in_which_the_window_holds(days, start, end, at):
    if start == end:
        return
    text = [f"{minute // 60:02}:{minute % 60:02}" for minute in (start, end)]
    window = TimeOfDay(name="w", days=days, start=text[0], end=text[1])
    assert bool(minutes(window) >> at & 1) is window.holds(*divmod(at, DAY_MINUTES))
