"""Differences of two deployments, by form and field."""

from pathlib import Path

import pytest

from farline.config import load_deployment
from farline.config.diff import LIVE, NOTHING, Change, diff, effects

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "examples" / "guide.yaml").read_text()
SECRETS = dict.fromkeys(("ruel", "dora", "enhtcpaservice"), "secret")


def changed(*pairs, secrets=SECRETS):
    text = TEXT
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    return diff(load_deployment(TEXT, SECRETS), load_deployment(text, secrets))


def test_a_file_and_its_copy_with_other_comments_do_not_differ():
    assert changed(("version: 1", "# another comment\nversion: 1")) == []


def test_a_field_is_named_by_the_names_of_its_forms():
    (one,) = changed(('source_subnet: "*"', "source_subnet: 198.51.100.0/24"))
    assert one == Change(
        "border.subscriber_flows[SubsflowRW].source_subnet",
        "changed",
        '"*"',
        '"198.51.100.0/24"',
        "Device Specific Settings > End Point Flows > Subscriber Flows",
    )
    assert effects(one) == {LIVE}
    assert str(one).startswith("~ border.subscriber_flows[SubsflowRW].source_subnet: ")


def test_a_renamed_form_comes_and_goes_and_whoever_names_it_changes():
    found = changed(("IPORWB1Media", "Other"))
    kinds = {(one.kind, one.place) for one in found}
    assert ("removed", "border.media_interfaces[IPORWB1Media]") in kinds
    assert ("added", "border.media_interfaces[Other]") in kinds
    assert ("changed", "border.subscriber_flows[SubsflowRW].media_interface") in kinds


def test_a_secret_is_compared_and_never_shown():
    found = changed(secrets={**SECRETS, "ruel": "elsewise"})
    assert found
    assert all("elsewise" not in str(one) and "secret" not in one.after for one in found)
    assert all(one.after == '"***" (another)' for one in found)


def test_order_is_a_difference():
    network = TEXT.index("    - name: ", TEXT.index("\n  networks:"))
    end = TEXT.index("\n\n", network)
    block = TEXT[network:end]
    second = block.index("    - name: ", 5)
    turned = block[second:] + "\n" + block[:second].rstrip("\n")
    (one,) = changed((block, turned))
    assert (one.kind, one.place) == ("moved", "border.networks")


ADDRESSES = """        - {address: 10.10.10.13, port: 5061, transport: TLS}
        - {address: 10.10.10.13, port: 5060, transport: TCP}
        - {address: 10.10.10.13, port: 5060, transport: UDP}
"""


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ([2, 0, 1], ["~ border.server_profiles[IPO].addresses: 1, 2, 3 -> 3, 1, 2"]),
        ([0, 1, 2, 2], ["+ border.server_profiles[IPO].addresses[4]: "]),
        ([0, 1], ["- border.server_profiles[IPO].addresses[3]: "]),
    ],
)
def test_lines_without_names_are_told_by_their_numbers(lines, told):
    rows = ADDRESSES.splitlines(keepends=True)
    found = changed((ADDRESSES, "".join(rows[one] for one in lines)))
    assert [str(one)[: len(text)] for one, text in zip(found, told, strict=True)] == told


def test_a_field_of_a_line_without_a_name():
    (one,) = changed(("port: 5060, transport: UDP}", "port: 5062, transport: UDP}"))
    assert one.place == "border.server_profiles[IPO].addresses[3].port"


@pytest.mark.parametrize(
    ("place", "needs"),
    [
        ("border.server_profiles[IPO].addresses", {LIVE}),
        ("border.media_interfaces[M].port_range", {"media", "border"}),
        ("border.signaling_interfaces[S].tcp_port", {LIVE}),
        ("border.networks[N].addresses[1].public_ip", {LIVE, "media"}),
        ("border.application_relays[r].remote.address", {LIVE}),
        ("border.dns.servers[1].ip", {LIVE}),
        ("border.signaling_scripts[s].file", {LIVE}),
        ("border.security_rules[high].compliance", {LIVE}),
        ("border.uri_groups[sales].uris", {LIVE}),
        ("border.media_rules[m].voice_qos", {"media"}),
        ("border.signaling_rules[s].signaling_qos", {LIVE}),
        ("office.name", {"office"}),
        ("portal.rest_port", {"portal"}),
        ("tls_server_profiles[x]", {LIVE, "portal", "office"}),
        ("lab.user", {NOTHING}),
    ],
)
def test_what_a_change_needs(place, needs):
    assert effects(Change(place, "changed", "1", "2", "")) == needs


@pytest.mark.parametrize(
    ("profile", "needs"),
    [("border", (LIVE,)), ("office", (LIVE, "office")), ("portal", (LIVE, "portal"))],
)
def test_a_tls_profile_concerns_those_who_use_it(profile, needs):
    """The border takes it over under way; the portal and the office start again for theirs."""
    line = f"    certificate: tls/{profile}.pem\n"
    (change,) = changed((line, f"{line}    verification_depth: 2\n"))
    assert change.by == needs
