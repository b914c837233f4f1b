"""Values that could never act or match are refused; each mistake is told once, with a remedy."""

from pathlib import Path

import pytest

from farline.config import ConfigError, load_deployment
from farline.config.signaling_rules import HeaderControl
from farline.config.time_of_day import TimeOfDay

GUIDE = (Path(__file__).parents[3] / "examples" / "guide.yaml").read_text(encoding="utf-8")
SECRETS = dict.fromkeys(("ruel", "dora", "enhtcpaservice"), "secret")
RULES = "  # Global Policies > Server Configuration\n"
HOP = "server: IPO, address: 10.10.10.13, port: 5060, transport: TCP"


def mistakes(*changes):
    text = GUIDE
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    with pytest.raises(ConfigError) as caught:
        load_deployment(text, SECRETS)
    return caught.value.problems


def group(uri, kind="regex"):
    return (RULES, f"  uri_groups: [{{name: g, uris: [{{kind: {kind}, uri: '{uri}'}}]}}]\n{RULES}")


def rule(kind, fields):
    return (RULES, f"  {kind}: [{{name: mine, {fields}}}]\n{RULES}")


@pytest.mark.parametrize(
    ("change", "place", "text"),
    [
        (group(r"\Q3001"), "uri_groups[0].uris[0]", "missing )"),
        (group("sip:3001@a.example", "plain"), "uri_groups[0].uris[0]", "without the scheme"),
        (group("3001@", "plain"), "uri_groups[0].uris[0]", "write user@domain"),
        (('via_host: "*"', "via_host: 192.168.300.0/24"), "subscriber_flows[0].via_host",
         "write domain.com, 192.168.0.1/24 or *"),
        (('contact_host: "*"', "contact_host: a.example:5060"),
         "subscriber_flows[0].contact_host", "write domain.com"),
        (("remote_branch_office: any", "remote_branch_office: 10.1.0.0/33"),
         "server_flows[0].remote_branch_office", "or any"),
        (rule("security_rules", "scrub_headers: [m]"), "security_rules[0].scrub_headers[0]",
         "Contact carries the dialog"),
        (rule("security_rules", "scrub_bodies: ['*/*']"), "security_rules[0].scrub_bodies[0]",
         "write a media type as text/html"),
        (rule("signaling_rules", "requests: [{method: invite}]"),
         "signaling_rules[0].requests[0].method", "write INVITE"),
        (rule("signaling_rules", "request_headers: [{header: f}]"),
         "signaling_rules[0].request_headers[0]", "From carries the dialog"),
        (rule("signaling_rules", "request_headers: [{header: 'X-*'}]"),
         "signaling_rules[0].request_headers[0].header", "one header by its name"),
        (("ip: 10.10.10.7\n", "ip: 10.10.10.1\n"), "networks[0]", "our own address"),
        (("- ip: 10.10.10.7\n", "- ip: 10.10.10.0\n"), "networks[0]", "no machine has it"),
        (("- ip: 10.10.10.7\n", "- ip: 10.10.10.7\n        - ip: 10.10.10.7\n"), "networks[0]",
         "listed twice"),
        (("prefix: 255.255.255.0", "prefix: 33"), "networks[0]", "write 24 or 255.255.255.0"),
        (("port_range: 35000-40000", "port_range: [35000, x]"), "media_interfaces[0].port_range",
         "written as 35000-40000"),
        (("port_range: 35000-40000", "port_range: 35001-35002"), "media_interfaces[0].port_range",
         "no even port with the one after it"),
        (("tls_port: 5061\n      tls_profile: ServerProf", "tls_profile: ServerPorf"),
         "signaling_interfaces[0].tls_profile", "no such TLS profile 'ServerPorf'"),
    ],
)  # fmt: skip
def test_each_is_told_once(change, place, text):
    (problem,) = mistakes(change)
    assert problem.place == f"border.{place}"
    assert text in problem.text


@pytest.mark.parametrize("address", ["10.10.10.300", "10.10.10", "pbx..lan", "-pbx.lan"])
def test_what_is_neither_an_address_nor_a_name(address):
    changed = HOP.replace("10.10.10.13", address)
    (problem,) = mistakes((HOP, changed))
    assert problem.place == "border.routing_profiles[0].next_hops[0].address"
    assert "neither an IP address nor a host name" in problem.text


def test_servers_are_not_reached_over_websockets():
    problems = mistakes(('transport: "*"', "transport: WSS"))
    assert {one.place for one in problems} == {"border.server_flows[0].transport"}
    assert "WebSockets are for phones" in problems[0].text


def test_many_good_lines_may_be_too_much_for_one_group(monkeypatch):
    """Nothing that passes here may stop the border."""
    monkeypatch.setattr("farline.config.uri_groups.MAX_GROUP", 60)
    uris = ", ".join(rf"{{kind: regex, uri: '300{n}@a.example'}}" for n in range(5))
    (problem,) = mistakes((RULES, f"  uri_groups: [{{name: g, uris: [{uris}]}}]\n{RULES}"))
    assert problem.place == "border.uri_groups[0]"
    assert "too much for one group" in problem.text


def test_other_spellings_of_the_same():
    text = GUIDE.replace("prefix: 255.255.255.0", "prefix: 24")
    text = text.replace("remote_branch_office: any", "remote_branch_office: Any")
    text = text.replace("{address: 10.10.10.13, port: 5060, transport: UDP}",
                        "{address: '[2001:DB8:0::1]', port: 5060, transport: UDP}")  # fmt: skip
    border = load_deployment(text, SECRETS).border
    assert str(border.networks[0].subnet) == "10.10.10.0/24"
    assert border.server_flows[0].remote_branch_office == "any"
    assert border.server_profiles[0].addresses[2].address == "2001:db8::1"
    assert HeaderControl(header="k").header == "Supported"


def test_a_day_that_is_named_seven_times_is_no_week():
    assert not TimeOfDay(days=("mon",) * 7).always
