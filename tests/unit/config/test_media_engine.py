"""The Media Engine form and its cross-checks."""

from pathlib import Path

import pytest

from farline.config import ConfigError, load_deployment
from farline.runtime.ng_settings import ng_settings
from farline.runtime.role import roles_of

GUIDE = (Path(__file__).parents[3] / "examples" / "guide.yaml").read_text(encoding="utf-8")
SECRETS = dict.fromkeys(("ruel", "dora", "enhtcpaservice"), "x" * 12)


def load(*lines):
    form = "".join(f"    {line}\n" for line in lines)
    text = GUIDE.replace("border:\n  # Device", f"border:\n  media_engine:\n{form}  # Device", 1)
    return load_deployment(text, SECRETS)


def problems(*lines):
    with pytest.raises(ConfigError) as caught:
        load(*lines)
    return str(caught.value)


def test_the_built_in_relay_is_the_default_and_a_process_of_its_own():
    deployment = load_deployment(GUIDE, SECRETS)
    assert deployment.border.media_engine.engine == "relay"
    assert "media" in roles_of(deployment)


def test_rtpengine_replaces_the_media_process_and_interfaces_are_mapped():
    deployment = load(
        "engine: rtpengine",
        "nodes: [{address: 127.0.0.1}, {address: '::1', port: 2225, weight: 3}]",
        "interfaces: [{media_interface: IPORWB1Media, name: pub}]",
    )
    assert "media" not in roles_of(deployment)
    settings = ng_settings(deployment.border)
    assert [(n.address, n.port, n.weight) for n in settings.nodes] == [
        ("127.0.0.1", 2223, 1),
        ("::1", 2225, 3),
    ]
    assert settings.places.names == {"IPORWA1Media": "IPORWA1Media", "IPORWB1Media": "pub"}
    assert settings.places.addresses["IPORWB1Media"] == "192.168.64.96"
    assert settings.places.traffic_classes == {"IPORWA1Media": 184, "IPORWB1Media": 184}


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["engine: rtpengine"], "rtpengine without a node"),
        (
            ["engine: rtpengine", "nodes: [{address: 127.0.0.1}]", "fast_path: off"],
            "border.media_engine.fast_path: only the built-in relay has a fast path",
        ),
        (
            ["engine: rtpengine", "nodes: [{address: 127.0.0.1}]", "recording_directory: x"],
            "border.media_engine.recording_directory: only the built-in relay writes WAV files",
        ),
        (["nodes: [{address: 127.0.0.1}]"], "border.media_engine.nodes: only rtpengine has them"),
        (
            ["engine: rtpengine", "nodes: [{address: 127.0.0.1}, {address: 127.0.0.1}]"],
            "nodes[1]: 127.0.0.1:2223 is there twice",
        ),
        (
            [
                "engine: rtpengine",
                "nodes: [{address: 127.0.0.1}]",
                "interfaces: [{media_interface: nobody, name: pub}]",
            ],
            "no such media interface 'nobody'",
        ),
        (
            [
                "engine: rtpengine",
                "nodes: [{address: 127.0.0.1}]",
                "interfaces: [{media_interface: IPORWB1Media, name: a},"
                " {media_interface: IPORWB1Media, name: b}]",
            ],
            "'IPORWB1Media' is there twice",
        ),
        (["engine: mediaproxy"], "relay"),
        (["engine: rtpengine", "nodes: [{address: example.com}]"], "is not an IP address"),
    ],
)
def test_what_cannot_work_is_told(lines, expected):
    assert expected in problems(*lines)


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("media: {name: m, hold_music: m.wav}", "'mine' has Hold Music, which is not built with"),
        ("media: {name: m, encryption: required}", "'mine' encrypts media, which is not built"),
    ],
)
def test_what_rtpengine_is_not_asked_for_is_told(rule, said):
    form = "engine: rtpengine, nodes: [{address: 127.0.0.1}]"
    group = f"[{{name: mine, sets: [{{{rule}}}]}}]"
    text = GUIDE.replace(
        "border:\n  # Device",
        f"border:\n  media_engine: {{{form}}}\n  end_point_policy_groups: {group}\n  # Device",
        1,
    ).replace("end_point_policy_group: avaya-def-low-enc", "end_point_policy_group: mine", 1)
    with pytest.raises(ConfigError) as caught:
        load_deployment(text, SECRETS)
    assert said in str(caught.value)


@pytest.mark.parametrize(("support", "dials"), [("none", False), ("rfc_4733", True)])
def test_digits_of_signaling_are_rtpengines_where_the_server_wants_events(support, dials):
    assert ng_settings(with_digits(support).border).places.digits is dials


def test_events_of_the_stream_that_are_to_become_info_need_our_relay():
    with pytest.raises(ConfigError) as caught:
        with_digits("sip_info")
    assert "DTMF Support sip_info needs telephone-events told" in str(caught.value)


def with_digits(support):
    """The guide's border with rtpengine, and its server's DTMF Support."""
    name = load_deployment(GUIDE, SECRETS).border.server_profiles[0].advanced.interworking_profile
    forms = (
        "  media_engine: {engine: rtpengine, nodes: [{address: 127.0.0.1}]}\n"
        f"  interworking_profiles: [{{name: {name}, dtmf_support: {support}}}]\n"
    )
    text = GUIDE.replace("border:\n  # Device", f"border:\n{forms}  # Device", 1)
    return load_deployment(text, SECRETS)
