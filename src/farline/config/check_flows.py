"""Cross checks of subscriber flows and server flows: names, subnets."""

from __future__ import annotations

from ipaddress import ip_network
from typing import TYPE_CHECKING

from farline.config.base import Form, Problem
from farline.config.check_common import missing
from farline.config.flows import PHONES_ONLY
from farline.config.policies import check_policies

if TYPE_CHECKING:
    from collections.abc import Iterator

    from farline.config.deployment import Border


def check_flows(border: Border, client_tls: set[str]) -> Iterator[Problem]:
    """Every problem of single flows; `check_shadows` has those of their order."""
    yield from _flows(border, client_tls)
    yield from check_policies(border)
    yield from _hidden_call_ids(border)
    yield from _names_in_via(border)


def _hidden_call_ids(border: Border) -> Iterator[Problem]:
    for index, profile in enumerate(border.topology_hiding_profiles):
        hides = profile.rule("Call-ID", "server") is not None
        if hides and border.topology_hiding_key is None:
            yield Problem(
                f"border.topology_hiding_profiles[{index}].rules",
                f"{profile.name!r} hides Call-IDs, and there is no key to make them with",
                "set border.topology_hiding_key: {secret: NAME}",
                profile.form,
            )


def _names_in_via(border: Border) -> Iterator[Problem]:
    """A Via is of an interface, not of a flow: the flows of one must name it alike."""
    profiles = {profile.name: profile for profile in border.topology_hiding_profiles}
    first: dict[str, str] = {}
    for index, flow in enumerate(border.server_flows):
        profile = profiles.get(flow.topology_hiding_profile or "")
        for towards, interface in (
            ("server", flow.signaling_interface),
            ("endpoint", flow.received_interface),
        ):
            rule = profile.rule("Via", towards) if profile is not None else None
            name = rule.overwrite_value if rule is not None else ""
            if first.setdefault(interface, name) != name:
                yield Problem(
                    f"border.server_flows[{index}].topology_hiding_profile",
                    f"Via on {interface} is {name or 'not overwritten'!r} here, and "
                    f"{first[interface] or 'not overwritten'!r} by a flow before it",
                    "give the flows of one signaling interface the same rule for Via",
                    flow.form,
                )


def _flows(border: Border, client_tls: set[str]) -> Iterator[Problem]:
    names = {
        "signaling_interface": {item.name for item in border.signaling_interfaces},
        "received_interface": {item.name for item in border.signaling_interfaces},
        "media_interface": {item.name for item in border.media_interfaces},
        "secondary_media_interface": {item.name for item in border.media_interfaces},
        "uri_group": {"*", *(item.name for item in border.uri_groups)},
        "end_point_policy_group": {item.name for item in border.policy_groups},
        "routing_profile": {item.name for item in border.routing_profiles},
        "tls_client_profile": client_tls,
        "server_profile": {item.name for item in border.server_profiles},
        "signaling_manipulation_script": {item.name for item in border.signaling_scripts},
        "topology_hiding_profile": {item.name for item in border.topology_hiding_profiles},
    }
    for kind, flows in (
        ("subscriber_flows", border.subscriber_flows),
        ("server_flows", border.server_flows),
    ):
        for index, flow in enumerate(flows):
            for field, known in names.items():
                value = getattr(flow, field, None)
                if value is None:
                    continue
                if kind == "server_flows" and value == PHONES_ONLY == getattr(flow, field):
                    continue
                if value not in known:
                    label = field.replace("_", " ").replace("tls", "TLS")
                    place = f"border.{kind}[{index}].{field}"
                    yield missing(place, flow, label, str(value), known)
            yield from _subnets(f"border.{kind}[{index}]", flow)


def _subnets(place: str, flow: Form) -> Iterator[Problem]:
    for field in ("source_subnet", "remote_subnet"):
        value = getattr(flow, field, "*")
        if value == "*":
            continue
        try:
            ip_network(value, strict=False)
        except ValueError:
            yield Problem(
                f"{place}.{field}",
                f"{value!r} is not a subnet",
                "write 192.168.0.1/24 or *",
                flow.form,
            )
