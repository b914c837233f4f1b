"""Relays, the decisions: plans from the form, limits, counters."""

from dataclasses import replace
from pathlib import Path

import pytest

from farline.border.relays.http_judge import HttpPolicy
from farline.border.relays.ledger import RelayLedger, decide
from farline.border.relays.plan import Whitelist, plan_relay, plan_relays
from farline.border.relays.rtcp_actors import Actors
from farline.border.relays.xmpp import XmppPolicy
from farline.config import ApplicationRelay, Deployment, load_deployment

EXAMPLE = Path(__file__).parents[4] / "examples" / "guide.yaml"
SECRETS = dict.fromkeys(("ruel", "dora", "enhtcpaservice"), "x")


DEVICE = {
    "listen_network": "B", "listen_ip": "192.168.64.96", "listen_port": 8444,
    "connect_network": "A", "connect_ip": "10.10.10.7",
}  # fmt: skip


def form(**changes):
    tree = {
        "name": "1xm HTTP",
        "service_type": "HTTP",
        "remote": {"address": "10.10.10.13", "port": 8444},
        "device": DEVICE,
    }
    return ApplicationRelay.model_validate(tree | changes)


RTCP = {
    "service_type": "RTCP",
    "remote": {"address": "10.10.10.13", "port": 5005, "transport": "UDP"},
    "device": DEVICE | {"listen_transport": "UDP"},
}


@pytest.fixture
def plan():
    return replace(
        plan_relay(form(), Deployment(version=1)), max_connections=3, max_connections_per_source=2
    )


def test_the_guides_relays_become_plain_tcp_plans():
    deployment = load_deployment(EXAMPLE.read_text(), SECRETS)
    plans = plan_relays(deployment)
    assert [(p.name, p.listen, p.remote) for p in plans] == [
        ("1xm HTTP", ("192.168.64.96", 8444), ("10.10.10.13", 8444)),
        ("1xm XMPP", ("192.168.64.96", 5222), ("10.10.10.13", 5222)),
        ("Communicator", ("192.168.64.96", 9443), ("10.10.10.13", 9443)),
    ]
    assert all(p.listen_tls is None and p.remote_tls is None for p in plans)
    assert all(p.connect_ip == "10.10.10.7" for p in plans)


def test_each_side_has_tls_of_its_own():
    remote = {"address": "a.example", "port": 1, "transport": "TLS", "tls_client_profile": "C"}
    plan = plan_relay(form(remote=remote), Deployment(version=1))
    assert (plan.listen_tls, plan.remote_tls) == (None, "C")
    device = {**DEVICE, "listen_transport": "TLS", "tls_profile": "S"}
    plan_in = plan_relay(form(device=device), Deployment(version=1))
    assert (plan_in.listen_tls, plan_in.remote_tls) == ("S", None)
    assert "TLS C" in str(plan)


def test_the_service_type_chooses_what_is_looked_at():
    kinds = {
        service: type(plan_relay(form(service_type=service), Deployment(version=1)).policy)
        for service in ("HTTP", "XMPP", "LDAP", "SCEP", "CES", "RTCP", "other")
    }
    nothing = dict.fromkeys(("LDAP", "SCEP", "CES", "RTCP", "other"), type(None))
    assert kinds == {"HTTP": HttpPolicy, "XMPP": XmppPolicy, **nothing}


@pytest.mark.parametrize("options", [[], ["RTCP Monitoring"]])
def test_rtcp_monitoring_is_an_option(options):
    """What it counts is a test of the runtime's datagrams."""
    udp = {"device": {**DEVICE, "listen_transport": "UDP"},
           "remote": {"address": "10.10.10.13", "port": 5005, "transport": "UDP"}}  # fmt: skip
    made = form(service_type="RTCP", options=options, **udp)
    assert plan_relay(made, Deployment(version=1)).monitoring is bool(options)


def test_a_profile_without_tls_transport_does_not_switch_tls_on():
    remote = {"address": "a.example", "port": 1, "transport": "TCP", "tls_client_profile": "C"}
    assert plan_relay(form(remote=remote), Deployment(version=1)).remote_tls is None


@pytest.mark.parametrize(
    ("connections", "from_source", "value", "field"),
    [
        (0, 0, True, ""),
        (2, 1, True, ""),
        (3, 0, False, "Maximum Connections"),
        (2, 2, False, "Maximum Connections Per Source"),
        (3, 2, False, "Maximum Connections"),
    ],
)
def test_limits_decide_and_name_the_field(plan, connections, from_source, value, field):
    verdict = decide(plan, connections, from_source)
    assert verdict.value is value
    assert verdict.form.endswith(field)
    assert str(connections) in verdict.because or str(from_source) in verdict.because


def test_a_source_at_its_limit_leaves_room_for_others(plan):
    ledger = RelayLedger(plan)
    assert [ledger.admit("192.0.2.1").value for _ in range(3)] == [True, True, False]
    assert ledger.admit("192.0.2.2").value
    assert not ledger.admit("192.0.2.3").value
    assert ledger.counters.refused == 2


def test_whoever_leaves_makes_room_and_is_forgotten(plan):
    ledger = RelayLedger(plan)
    for _ in range(2):
        ledger.admit("192.0.2.1")
    ledger.ended("192.0.2.1", "idle", 10, 200)
    assert ledger.admit("192.0.2.1").value
    for ending in ("reset", "connect failed"):
        ledger.ended("192.0.2.1", ending, 1, 2)
    shown = ledger.show()
    assert shown["connections"] == shown["sources"] == 0
    assert (shown["bytes_up"], shown["bytes_down"]) == (12, 204)
    assert (shown["idle"], shown["reset"], shown["connect_failed"]) == (1, 1, 1)


def test_refused_sources_leave_no_trace_in_the_table(plan):
    ledger = RelayLedger(replace(plan, max_connections=0))
    for number in range(100):
        assert not ledger.admit(f"192.0.2.{number}").value
    assert ledger.show()["sources"] == 0


def test_names_that_the_form_leaves_open_come_from_the_portal():
    deployment = load_deployment(EXAMPLE.read_text(), SECRETS)
    http, xmpp, other = plan_relays(deployment)
    assert set(http.policy.hosts) >= {"ipo1xp.ipolab.com"}
    assert xmpp.policy.domain == "ipo1xp.ipolab.com"
    assert other.policy is None


def test_a_stranger_has_little_room_and_phones_always_some(plan):
    whitelist = Whitelist(60.0, 1)
    ledger = RelayLedger(replace(plan, max_connections=4, whitelist=whitelist))
    assert ledger.admit("192.0.2.1", known=False).value
    refused = ledger.admit("192.0.2.1", known=False)
    assert not refused.value and refused.form.endswith("Maximum Connections Per Stranger")
    assert ledger.admit("192.0.2.2", known=False).value
    assert not ledger.admit("192.0.2.3", known=False).value  # half of the relay
    assert ledger.admit("192.0.2.3", known=True).value
    assert ledger.reasons == {"whitelist": 2}
    ledger.ended("192.0.2.1", "no login", 0, 0, known=False)
    assert ledger.strangers == 1 and ledger.show()["refusals"]["no login"] == 1


def test_only_services_of_a_login_serve_strangers():
    for service, most in (("HTTP", 8), ("XMPP", 8), ("LDAP", 0), ("SCEP", 0), ("other", 0)):
        one = form(service_type=service, whitelist_flows=True, xmpp={"domain": "a.example"})
        plan = plan_relay(one, Deployment(version=1))
        assert plan.whitelist == Whitelist(120.0, most)
        assert decide(plan, 0, 0, known=False).value is bool(most)
        assert decide(plan, 0, 0, known=True).value


def test_options_become_actors():
    for option, actors in (
        ("End-to-End Rewrite", Actors(rewrite=True)),
        ("Hop-by-Hop Traceroute", Actors(traceroute=True)),
        ("Bridging", Actors(bridging=True)),
    ):
        one = form(**RTCP, relay_actors=True, options=[option, "RTCP Monitoring"])
        plan = plan_relay(one, Deployment(version=1))
        assert (plan.actors, plan.monitoring) == (actors, True)
    assert plan_relay(form(**RTCP), Deployment(version=1)).actors is None


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"options": ["Bridging"]}, "Bridging is for service type RTCP"),
        (RTCP | {"options": ["Bridging"]}, "that needs Use Relay Actors"),
        (RTCP | {"relay_actors": True, "options": ["RTCP Monitoring"]}, "without one of the"),
        ({"options": ["RTCP Monitoring"]}, "service type RTCP"),
        ({"remote": {"address": "a", "port": 1, "transport": "UDP"}}, "UDP on one side only"),
        ({"http": {"paths": ["/a/../b"]}}, "plain path"),
        ({"http": {"hosts": ["a/b"]}}, "neither a host name"),
    ],
)
def test_fields_that_cannot_be(changes, words):
    with pytest.raises(ValueError, match=words):
        form(**changes)
