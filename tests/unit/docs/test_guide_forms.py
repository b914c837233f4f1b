"""Every field that the guide's screens show is one of our forms, under the guide's own label."""

import importlib.util
from pathlib import Path
from typing import get_type_hints

import pytest

ROOT = Path(__file__).parents[3]
SPEC = importlib.util.spec_from_file_location("reference", ROOT / "scripts/reference.py")
reference = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(reference)

DEVICE = "Device Specific Settings"
GUIDE = {
    f"{DEVICE} > Network Management > Interfaces": ["Interface Name", "VLAN Tag", "Status"],
    f"{DEVICE} > Network Management > Networks": [
        "Name", "Default Gateway", "Network Prefix or Subnet Mask", "Interface", "IP Address",
        "Public IP", "Gateway Override",
    ],
    f"{DEVICE} > Media Interface": ["Name", "IP Address", "Port Range"],
    f"{DEVICE} > Signaling Interface": [
        "Name", "IP Address", "TCP Port", "UDP Port", "TLS Port", "TLS Profile",
        "Enable Shared Control", "Shared Control Port",
    ],
    f"{DEVICE} > DMZ Services > Relay Services": [
        "Name", "Service Type", "Remote IP/FQDN", "Remote Port", "Remote Transport", "Listen IP",
        "Listen Port", "Connect IP", "Listen Transport", "Whitelist Flows", "Use Relay Actors",
        "Options",
    ],
    "Global Policies > Server Configuration": ["Profile Name", "Server Type", "SIP Domain",
                                              "TLS Client Profile"],
    "Global Policies > Server Configuration > General": ["IP Address / FQDN", "Port", "Transport"],
    "Global Policies > Server Configuration > Advanced": [
        "Enable DoS Protection", "Enable Grooming", "Interworking Profile",
        "Signaling Manipulation Script", "Securable", "Enable FGDN", "TCP Failover Port",
        "TLS Failover Port",
    ],
    "Global Policies > Routing Profile": [
        "Profile Name", "URI Group", "Time of Day", "Load Balancing", "NAPTR", "Transport",
        "Next Hop Priority", "Next Hop In-Dialog", "Ignore Route Header", "ENUM", "ENUM Suffix",
        "Priority / Weight", "Server Configuration", "Next Hop Address",
    ],
    f"{DEVICE} > End Point Flows > Subscriber Flows": [
        "Flow Name", "URI Group", "User Agent", "Source Subnet", "Via Host", "Contact Host",
        "Signaling Interface", "Source", "Methods Allowed Before REGISTER", "Media Interface",
        "Received Interface", "End Point Policy Group", "Routing Profile", "TLS Client Profile",
        "Signaling Manipulation Script", "Presence Server Address",
    ],
    f"{DEVICE} > End Point Flows > Server Flows": [
        "Flow Name", "Server Configuration", "URI Group", "Transport", "Remote Subnet",
        "Received Interface", "Signaling Interface", "Media Interface",
        "Secondary Media Interface", "End Point Policy Group", "Routing Profile",
        "Topology Hiding Profile", "Signaling Manipulation Script", "Remote Branch Office",
    ],
}  # fmt: skip
"""The screens of the guide's chapter "SBCE Related Configuration", with their labels."""

ONE_VALUE = {("ApplicationRelay", "relay_actors")}
"""Fields of which one value is built; each says why."""


def labels(path):
    """The titles of every field of the forms at a menu path."""
    return {
        info.title
        for form in reference.field_forms()
        if form.form == path
        for info in form.model_fields.values()
    }


@pytest.mark.parametrize("path", list(GUIDE))
def test_every_field_of_the_guides_form_is_ours(path):
    missing = [label for label in GUIDE[path] if label not in labels(path)]
    assert not missing, f"{path} has no {missing}"


def test_fields_of_one_value_are_known():
    found = {
        (form.__name__, field)
        for form in reference.field_forms()
        for field, hint in get_type_hints(form, include_extras=True).items()
        if field in form.model_fields and reference.only_of(hint) is not None
    }
    assert found <= ONE_VALUE, f"no longer every value of {found - ONE_VALUE} is built"
