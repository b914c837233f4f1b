"""A deployment file is taken whole or refused whole, with place, line, form and remedy."""

from pathlib import Path

import pytest

from farline.config import ConfigError, Secret, load_deployment, load_secrets
from farline.sip import Transport

GUIDE = (Path(__file__).parents[3] / "examples" / "guide.yaml").read_text(encoding="utf-8")
SECRETS = {"ruel": "r", "dora": "d", "enhtcpaservice": "e"}


def problems(text: str, secrets: dict[str, str] = SECRETS):
    with pytest.raises(ConfigError) as caught:
        load_deployment(text, secrets)
    return caught.value.problems


def test_the_guides_deployment_loads_with_its_names_and_addresses():
    deployment = load_deployment(GUIDE, SECRETS)
    border = deployment.border
    assert border.signaling_interfaces[1].name == "IPORWB1Sig"
    assert border.signaling_interfaces[1].port(Transport.TLS) == 5061
    assert border.media_interfaces[0].port_range == (35000, 40000)
    assert border.subscriber_flows[0].routing_profile == "to-IPO"
    assert [relay.device.listen_port for relay in border.application_relays] == [8444, 5222, 9443]
    assert {user.name: user.extension for user in deployment.office.users} == {
        "Ruel": "3001",
        "Dora": "3003",
    }
    assert border.policy_groups[0].name == "avaya-def-low-enc"


def test_secrets_are_resolved_and_do_not_print():
    deployment = load_deployment(GUIDE, SECRETS)
    password = deployment.office.users[0].password
    assert password == Secret("r")
    assert password.reveal() == "r"
    assert "'r'" not in repr(deployment)
    assert '"r"' not in deployment.model_dump_json()


def test_a_missing_secret_names_the_command_that_makes_it():
    (problem,) = problems(GUIDE, {"dora": "d", "enhtcpaservice": "e"})
    assert problem.place == "office.users[0].password"
    assert problem.remedy == "" and "farline secret set ruel" in problem.text
    assert problem.form == "User > Password"


@pytest.mark.parametrize(
    ("old", "new", "place", "text"),
    [
        ("routing_profile: to-IPO", "routing_profile: core-west",
         "border.subscriber_flows[0].routing_profile", "no such routing profile 'core-west'"),
        ("tcp_port: 5060\n      udp_port", "tcp_port: 70000\n      udp_port",
         "border.signaling_interfaces[0].tcp_port", "less than or equal to 65535"),
        ("load_balancing: priority", "load_balancing: luck",
         "border.routing_profiles[0].load_balancing", "round_robin"),
        ("ip: 10.10.10.7, port_range: 35000-40000", "ip: 10.10.10.7, port_range: 40000-35000",
         "border.media_interfaces[0].port_range", "the lower port first"),
        ("naptr: false", "natpr: false", "border.routing_profiles[0].natpr", "no such field"),
        ("{name: A1, enabled: true}", "{name: A1, enabled: false}",
         "border.networks[0].interface", "interface 'A1' is disabled"),
        ("ip: 192.168.64.96, port_range", "ip: 192.168.64.97, port_range",
         "border.media_interfaces[1].ip", "192.168.64.97 is not an address of network"),
        ("listen_ip: 192.168.64.96", "listen_ip: 192.168.64.97",
         "border.application_relays[0].device.listen_ip", "is not an address of network"),
        ("connect_ip: 10.10.10.7", "connect_ip: 10.10.10.8",
         "border.application_relays[0].device.connect_ip", "is not an address of network"),
        ("port: 5060, transport: TCP}\n\n", "port: 5062, transport: TCP}\n\n",
         "border.routing_profiles[0].next_hops[0].address", "is no address of 'IPO'"),
        ('extension: "3003"\n      profile', 'extension: "3001"\n      profile',
         "office.users[0].extension", "used twice"),
        ("listen_port: 5222", "listen_port: 5061",
         "border.application_relays[1].device.listen_port", "taken by signaling interface"),
        ("name: Dora\n", "name: ruel\n", "office.users[0].name", "only in case"),
    ],
)  # fmt: skip
def test_each_mistake_is_named_with_its_place(old, new, place, text):
    assert GUIDE.count(old) >= 1
    found = problems(GUIDE.replace(old, new, 1))
    match = [problem for problem in found if problem.place == place]
    assert match, [str(problem) for problem in found]
    assert text in match[0].text
    assert match[0].form
    assert match[0].line is not None


def test_flows_of_one_border_may_have_media_timeouts_of_their_own():
    where = "media_interface: IPORWA1Media\n      secondary_media_interface: null\n"
    text = GUIDE.replace(
        "  subscriber_flows:\n",
        "  end_point_policy_groups: [{name: slow, media_timeout_seconds: 600}]\n"
        "  subscriber_flows:\n",
    ).replace(
        where + "      end_point_policy_group: avaya-def-low-enc",
        where + "      end_point_policy_group: slow",
    )
    groups = load_deployment(text, SECRETS).border.resolved_groups()
    assert groups["slow"][0].media.media_timeout_seconds == 600


def test_the_line_is_that_of_the_field():
    text = GUIDE.replace("load_balancing: priority", "load_balancing: luck")
    (problem,) = problems(text)
    assert "load_balancing: luck" in text.splitlines()[problem.line - 1]


def test_every_problem_is_told_at_once():
    text = GUIDE.replace("udp_port: 5060", "udp_port: none").replace(
        "lease_seconds: 180", "lease_seconds: 5"
    )
    assert len(problems(text)) >= 3


@pytest.mark.parametrize(
    "text", ["[1, 2]", "a: [", "version: 2", "\t", "a: !!python/object:os.system x", "nonsense: 1"]
)
def test_what_is_no_deployment_is_refused(text):
    assert problems(text)


def test_secrets_file_is_a_flat_mapping():
    assert load_secrets("ruel: '12'\n") == {"ruel": "12"}
    with pytest.raises(ConfigError):
        load_secrets("- a")


def test_what_is_nested_without_end_is_said_and_not_a_crash():
    with pytest.raises(ConfigError, match="nested too deep"):
        load_deployment("[" * 20_000, {})
