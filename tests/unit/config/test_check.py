"""Cross checks: ports, next hops, flows that never match; each with place, text and remedy."""

from pathlib import Path

import pytest

from farline.config import ConfigError, load_with_warnings
from farline.config.subnets import covers

GUIDE = (Path(__file__).parents[3] / "examples" / "guide.yaml").read_text(encoding="utf-8")
SECRETS = dict.fromkeys(("ruel", "dora", "enhtcpaservice"), "secret")
SUBSCRIBERS, SERVERS = "  subscriber_flows:\n", "  server_flows:\n"
SUBSCRIBER = (
    "    - {{name: {name}, signaling_interface: IPORWB1Sig, media_interface: IPORWB1Media,"
    " end_point_policy_group: avaya-def-low-enc, routing_profile: to-IPO{more}}}\n"
)
SERVER = (
    "    - {{name: {name}, server_profile: IPO, received_interface: IPORWB1Sig,"
    " signaling_interface: {signaling}, media_interface: IPORWA1Media,"
    " end_point_policy_group: avaya-def-low-enc{more}}}\n"
)


def subscriber(name, more=""):
    return SUBSCRIBER.format(name=name, more=more and f", {more}")


def server(name, more="", signaling="IPORWA1Sig"):
    return SERVER.format(name=name, more=more and f", {more}", signaling=signaling)


def found(text):
    """Errors and warnings of a file."""
    try:
        _, problems = load_with_warnings(text, SECRETS)
    except ConfigError as error:
        problems = error.problems
    return problems


def test_nothing_is_said_of_the_guides_deployment():
    assert found(GUIDE) == ()


@pytest.mark.parametrize(
    ("old", "new", "place", "text", "severity"),
    [
        ("ip: 192.168.64.96\n      tcp_port: 5060\n      udp_port: 5060\n      tls_port: 5061",
         "ip: 192.168.64.96\n      tcp_port: 5060\n      udp_port: 5060\n      tls_port: 5060",
         "border.signaling_interfaces[1].tls_port",
         "192.168.64.96:5060 (TCP) is taken by signaling interface 'IPORWB1Sig'", "error"),
        ("tcp_port: 5060\n      udp_port: 5060\n      tls_port: 5061\n      tls_profile: ServerProf"
         "\n      shared_control: false\n    - name: IPORWB1Sig",
         "tcp_port: 5060\n      udp_port: 36000\n      tls_port: 5061\n"
         "      tls_profile: ServerProf\n      shared_control: false\n    - name: IPORWB1Sig",
         "border.media_interfaces[0].port_range",
         "10.10.10.7:36000 (UDP) is taken by signaling interface 'IPORWA1Sig'", "error"),
        ("listen_port: 5222", "listen_port: 8444",
         "border.application_relays[1].device.listen_port",
         "192.168.64.96:8444 (TCP) is taken by relay '1xm HTTP'", "error"),
        ("communicator_port: 9443", "communicator_port: 8444", "portal.communicator_port",
         "10.10.10.13:8444 (TCP) is taken by the portal's REST", "error"),
        ("directory:\n    port: 443", "directory:\n    port: 5061", "office.directory.port",
         "is taken by the office's registrar", "error"),
        ("remote: {address: 10.10.10.13, port: 8444, transport: TCP}",
         "remote: {address: 192.168.64.96, port: 8444, transport: TCP}",
         "border.application_relays[0].remote.address",
         "is our own relay '1xm HTTP'", "error"),
        ("remote: {address: 10.10.10.13, port: 8444, transport: TCP}",
         "remote: {address: 224.0.0.1, port: 8444, transport: TCP}",
         "border.application_relays[0].remote.address", "224.0.0.1 is no server's address",
         "error"),
        ("whitelist_flows: false", "whitelist_flows: true",
         "border.application_relays[0].http.tls_passthrough",
         "Whitelist Flows cannot see paths in TLS", "warning"),
        ("    user: EnhTcpaService", "    system_name: Elsewhere\n    user: EnhTcpaService",
         "portal.dsml_provider.system_name",
         "'Elsewhere', but the office of this file is 'Farline Office'", "error"),
        ("    address: 10.10.10.13\n    port: 443\n",
         "    address: 10.10.10.14\n    system_name: Elsewhere\n    port: 443\n",
         "portal.dsml_provider.system_name", "is the provider another office?", "warning"),
        ("remote_subnet: \"*\"", "remote_subnet: 10.10.11.0/24",
         "border.routing_profiles[0].next_hops[0]", "no server flow takes IPO 10.10.10.13 (TCP)",
         "warning"),
        ("8444, transport: TCP}", "8444, transport: TCP, tls_client_profile: ClientProf}",
         "border.application_relays[0].remote.tls_client_profile",
         "Remote Transport is TCP: nothing here begins TLS", "error"),
        ("listen_transport: TCP", "listen_transport: TCP\n        tls_profile: ServerProf",
         "border.application_relays[0].device.tls_profile",
         "Listen Transport is TCP: nothing here begins TLS", "error"),
        ("    key: tls/portal.key\n", "    key: tls/portal.key\n    sni_profiles: [ServerProf]\n",
         "portal.im_presence.tls_profile", "has SNI Options, and the messaging server has one",
         "error"),
        ("    key: tls/portal.key\n", "    key: tls/portal.key\n    peer_verification: required\n"
         "    peer_certificate_authorities: tls/ca.pem\n",
         "portal.im_presence.tls_profile", "has Peer Verification, and XMPP clients", "error"),
        ("    key: tls/portal.key\n", "    key: tls/portal.key\n"
         "    peer_certificate_revocation_lists: a.crl\n",
         "tls_server_profiles[2].peer_certificate_revocation_lists",
         "acts on verified certificates only", "error"),
        ("uri_group: \"*\"\n      time_of_day", "uri_group: sales\n      time_of_day",
         "border.routing_profiles[0].uri_group", "no such URI group 'sales'", "error"),
        ("tls_client_profile: null\n      signaling_manipulation",
         "tls_client_profile: Nobody\n      signaling_manipulation",
         "border.subscriber_flows[0].tls_client_profile", "no such TLS client profile 'Nobody'",
         "error"),
        ("time_of_day: default", "time_of_day: lunch",
         "border.routing_profiles[0].time_of_day", "no such time of day rule 'lunch'", "error"),
        ("enum_suffix: \"\"\n",
         "enum_suffix: \"\"\n      further_rules:\n        - {next_hops: [{server: IPO,"
         " address: 10.10.10.13, port: 5060, transport: UDP}]}\n",
         "border.routing_profiles[0].further_rules[0]",
         "can never match: rule 1 stands before it and takes everything, "
         "for example a phone of any address on mon 00:00", "warning"),
    ],
)  # fmt: skip
def test_each_problem_has_place_text_remedy(old, new, place, text, severity):
    assert old in GUIDE
    changed = GUIDE.replace(old, new, 1)
    problems = [problem for problem in found(changed) if problem.place == place]
    assert problems, [str(problem) for problem in found(changed)]
    (problem,) = problems
    assert text in problem.text
    assert problem.severity == severity
    assert problem.remedy
    assert problem.form
    assert problem.line is not None


@pytest.mark.parametrize(
    ("address", "transport", "text"),
    [
        ("10.10.10.7", "TCP", "is our own signaling interface 'IPORWA1Sig'"),
    ],
)
def test_next_hops_that_cannot_be(address, transport, text):
    changed = GUIDE.replace(
        "address: 10.10.10.13, port: 5060, transport: " + transport,
        f"address: {address}, port: 5060, transport: {transport}",
    ).replace(
        "server: IPO, address: 10.10.10.13, port: 5060, transport: TCP",
        f"server: IPO, address: {address}, port: 5060, transport: {transport}",
    )
    problem = next(p for p in found(changed) if p.place.startswith("border.routing_profiles"))
    assert problem.place == "border.routing_profiles[0].next_hops[0].address"
    assert text in problem.text
    assert problem.severity == "error"


def test_a_subscriber_flow_behind_a_wider_one_never_matches():
    later = subscriber("Phones", "user_agent: Farline/1, source_subnet: 10.1.2.0/24")
    text = GUIDE.replace(SUBSCRIBERS, SUBSCRIBERS + subscriber("All") + later)
    problems = [p for p in found(text) if p.place == "border.subscriber_flows[1]"]
    (problem,) = problems
    assert problem.severity == "warning"
    assert problem.text == (
        "'Phones' can never match: 'All' stands before it and takes everything, for example "
        "a REGISTER from 10.1.2.1 on IPORWB1Sig, User-Agent 'Farline/1'"
    )
    assert problem.remedy == "move 'Phones' before 'All', or narrow that one"
    assert text.splitlines()[problem.line - 1].strip().startswith("- {name: Phones")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("user_agent: Farline", ""),
        ("user_agent: Farline/1", "user_agent: Farline"),
        ("source_subnet: 10.1.0.0/16", "source_subnet: 10.0.0.0/8"),
        ("via_host: 10.1.0.0/16", "via_host: phone.example"),
        ("contact_host: a.example", "contact_host: b.example"),
        ("source_subnet: 10.0.0.0/8", "source_subnet: '2001:db8::/32'"),
    ],
)
def test_a_flow_that_something_is_left_for_is_not_shadowed(first, second):
    text = GUIDE.replace(
        SUBSCRIBERS, SUBSCRIBERS + subscriber("First", first) + subscriber("Second", second)
    )
    assert not [p for p in found(text) if p.place == "border.subscriber_flows[1]"]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("user_agent: Far", "user_agent: Farline"),
        ("source_subnet: 10.0.0.0/8", "source_subnet: 10.1.2.3"),
        ("via_host: Phone.Example", "via_host: phone.example"),
        ("contact_host: 10.0.0.0/8", "contact_host: 10.1.0.0/16"),
    ],
)
def test_a_flow_within_an_earlier_one_is_shadowed(first, second):
    text = GUIDE.replace(
        SUBSCRIBERS, SUBSCRIBERS + subscriber("First", first) + subscriber("Second", second)
    )
    assert [p for p in found(text) if p.place == "border.subscriber_flows[1]"]


def test_server_flows_that_never_match_and_those_that_only_receive():
    text = GUIDE.replace(
        SERVERS, SERVERS + server("All") + server("Tls", "transport: TLS") +
        server("Other", "remote_subnet: 10.10.10.0/24", signaling="IPORWB1Sig"),
    )  # fmt: skip
    said = {p.place: p.text for p in found(text)}
    assert "'Tls' can never match: 'All' stands before it" in said["border.server_flows[1]"]
    assert "'Other' takes no request to its server" in said["border.server_flows[2]"]
    assert "for 10.10.10.1" in said["border.server_flows[2]"]


@pytest.mark.parametrize(
    ("wide", "narrow", "expected"),
    [
        ("*", "10.0.0.0/8", True),
        ("10.0.0.0/8", "*", False),
        ("10.0.0.0/8", "10.9.0.0/16", True),
        ("10.9.0.0/16", "10.0.0.0/8", False),
        ("::/0", "10.0.0.0/8", False),
        ("2001:db8::/32", "2001:db8:1::/48", True),
        ("nonsense", "10.0.0.0/8", False),
    ],
)
def test_subnets_within_subnets(wide, narrow, expected):
    assert covers(wide, narrow) is expected


NAMED = "address: pbx.lan, port: 5060, transport: TCP"
ADDRESS = "address: 10.10.10.13, port: 5060, transport: TCP"


def warnings(*changes):
    """What is said of the guide's file with changes."""
    text = GUIDE
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return {problem.place: problem.text for problem in found(text)}


def test_a_branch_is_asked_about_inward_only():
    """What comes from elsewhere than the branch is left for the flow behind it."""
    text = GUIDE.replace(SERVERS, SERVERS + server("Branch", "remote_branch_office: 10.1.0.0/16"))
    (problem,) = found(text)
    assert problem.text.startswith("'ServflowRW' takes no request to its server: 'Branch'")


def test_the_three_transports_of_servers_are_all():
    flows = "".join(server(f"By{one}", f"transport: {one}") for one in ("UDP", "TCP", "TLS"))
    (problem,) = found(GUIDE.replace(SERVERS, SERVERS + flows))
    assert "'ServflowRW' can never match: 'ByUDP', 'ByTCP' and 'ByTLS' stand" in problem.text


def test_a_received_interface_passes_over_the_server_flows_of_others():
    interface = (
        "    - {name: A2Sig, network: IPOA1Internal, ip: 10.10.10.7, udp_port: 5070}\n"
        "    - name: IPORWB1Sig"
    )
    text = GUIDE.replace("    - name: IPORWB1Sig", interface)
    text = text.replace("received_interface: null", "received_interface: A2Sig")
    (problem,) = found(text)
    assert problem.place == "border.routing_profiles[0].next_hops[0]"
    assert "no server flow with Signaling Interface A2Sig takes IPO 10.10.10.13" in problem.text
    second = server("Second", signaling="A2Sig")
    text = text.replace(
        "      remote_branch_office: any\n", f"      remote_branch_office: any\n{second}"
    )
    assert found(text) == ()


def test_a_next_hop_of_another_ip_version_than_the_way_to_it():
    v6 = ADDRESS.replace("10.10.10.13", "'2001:db8::13'")
    said = warnings((ADDRESS, v6))
    assert said == {
        "border.routing_profiles[0].next_hops[0]": "'ServflowRW' takes IPO 2001:db8::13 (TCP), "
        "and IPORWA1Sig is IPv4: 'SubsflowRW' cannot use this next hop"
    }


def test_servers_that_are_known_by_name_only():
    others = "        - {address: 10.10.10.13, port: 506"
    text = GUIDE.replace(ADDRESS, NAMED)
    lines = [
        line for line in text.splitlines(keepends=True)
        if not (line.startswith(others) and "server" not in line)
    ]  # fmt: skip
    (problem,) = found("".join(lines))
    assert problem.place == "border.server_flows[0].remote_subnet"
    assert "known by name only" in problem.text
    told = "".join(lines).replace('remote_subnet: "*"', "remote_subnet: 10.10.10.0/24")
    assert found(told) == ()


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (("load_balancing: priority", "load_balancing: dns_srv"), "load_balancing"),
        (("naptr: false", "naptr: true"), "naptr"),
        (("transport: null", "transport: TCP"), "transport"),
        (('enum_suffix: ""', "enum_suffix: e164.lan"), "enum_suffix"),
        (("load_balancing: priority", "load_balancing: weighted\n      next_hop_priority: true"),
         "next_hop_priority"),
    ],
)  # fmt: skip
def test_fields_of_a_routing_profile_that_change_nothing(change, field):
    text = GUIDE.replace("      next_hop_priority: false\n", "") if "priority" in field else GUIDE
    (problem,) = found(text.replace(*change))
    assert problem.place == f"border.routing_profiles[0].{field}"
    assert problem.severity == "warning"
    assert "changes nothing" in problem.text


@pytest.mark.parametrize("text", ["", "version: 1\n", "tls_server_profiles: []\n"])
def test_a_file_of_which_nothing_can_be_run(text):
    (problem,) = found(text)
    assert (problem.severity, problem.place) == ("error", "file")
    assert "nothing to run" in problem.text and "border, office, portal, ems" in problem.text
    assert "examples/border.yaml" in problem.remedy


OUTSIDE = """      default_gateway: 192.168.64.1
      prefix: 255.255.248.0
      interface: B1
      addresses:
        - ip: 192.168.64.96"""
INSIDE = """      default_gateway: 10.10.10.1
      prefix: 255.255.255.0
      interface: A1
      addresses:
        - ip: 10.10.10.7"""


def two_networks(outside, inside):
    assert OUTSIDE in GUIDE and INSIDE in GUIDE
    text = GUIDE.replace(OUTSIDE, outside).replace(INSIDE, inside)
    return [one for one in found(text) if one.place.startswith("border.networks")]


def test_networks_of_two_interfaces_with_addresses_in_common():
    wide = INSIDE.replace("10.10.10.1\n", "192.168.64.2\n").replace(
        "- ip: 10.10.10.7", "- ip: 192.168.64.3\n        - ip: 192.168.64.1"
    )
    (problem,) = two_networks(OUTSIDE, wide)
    assert (problem.severity, problem.place) == ("warning", "border.networks[1].prefix")
    assert problem.text == (
        "192.168.64.0/21 on 'B1' and 192.168.64.0/24 of 'IPOA1Internal' on 'A1' have addresses in"
        " common: the host's routes decide which wire 192.168.64.2 is on"
    )
    assert "device" in problem.remedy and problem.line is not None


def test_networks_that_cannot_be_taken_for_each_other():
    loopback = INSIDE.replace("10.10.10", "127.1.1")
    assert two_networks(OUTSIDE.replace("192.168.64", "127.1.1"), loopback) == []
    same = INSIDE.replace("10.10.10", "192.168.64").replace("A1", "B1")
    assert two_networks(OUTSIDE, same) == [], "one interface has both"
