"""im-info and sip-info carry what the guide's client log shows."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from farline.config import load_deployment
from farline.portal.documents import as_json, as_xml, im_info, sip_info, wants_json
from farline.testing.directory import account

EXAMPLE = Path(__file__).parents[3] / "examples" / "guide.yaml"
SECRETS = dict.fromkeys(("ruel", "dora", "enhtcpaservice"), "x")


@pytest.fixture(scope="module")
def portal():
    return load_deployment(EXAMPLE.read_text(), SECRETS).portal


def test_im_info_of_the_guide(portal):
    root = ElementTree.fromstring(as_xml("im-info", im_info(portal, account("Ruel", "x", "3001"))))
    assert root.tag == "im-info"
    assert root.findtext("im-id") == "ruel@ipo1xp.ipolab.com"
    assert root.findtext("my-buddy-id") == "mybuddy@ipo1xp.ipolab.com"
    assert root.findtext("im-password") == ""
    assert root.find("resiliency").get("supported") == "false"
    assert root.findtext("server/port") == "5222"


def test_sip_info_has_the_guides_fields_in_the_guides_order(portal):
    root = ElementTree.fromstring(
        as_xml("sip-info", sip_info(portal, account("Ruel", "x", "3001")))
    )
    logged = [
        ("identity", "3001@ipo1xp.ipolab.com"),
        ("private-address", "10.10.10.13"),
        ("private-tcp-port", "5060"),
        ("private-udp-port", "5060"),
        ("private-tls-port", "5061"),
        ("public-address", "0.0.0.0"),
        ("public-tcp-port", "5060"),
        ("public-udp-port", "5060"),
        ("public-tls-port", "5061"),
        ("signalling-qos", "136"),
        ("voice-qos", "184"),
        ("video-qos", "184"),
        ("voip-mode", "always"),
    ]
    names = {name for name, _ in logged}
    assert [(child.tag, child.text) for child in root if child.tag in names] == logged


def test_the_json_twin_says_the_same(portal):
    ruel = account("Ruel", "x", "3001")
    tree = json.loads(as_json("sip-info", sip_info(portal, ruel)))["sip-info"]
    root = ElementTree.fromstring(as_xml("sip-info", sip_info(portal, ruel)))
    assert {child.tag: child.text for child in root} == {
        name: None if value is None else str(value)
        for name, value in tree.items()
        if name != "version"
    }


def test_names_cannot_break_the_document(portal):
    tricky = account("Ruel", "x", "3001", display_name='<a>&"</display-name>')
    root = ElementTree.fromstring(as_xml("sip-info", sip_info(portal, tricky)))
    assert root.findtext("display-name") == tricky.display_name


@pytest.mark.parametrize(
    ("accept", "json_wanted"),
    [
        ("", False),
        ("*/*", False),
        ("application/json", True),
        ("application/xml, application/json", False),
        ("application/xml;q=0.5, application/json", True),
        ("application/json;q=0", False),
        ("application/json;q=x", False),
        ("text/xml,application/json;q=0.9", False),
    ],
)
def test_accept(accept, json_wanted):
    assert wants_json(accept) is json_wanted
