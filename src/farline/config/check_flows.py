"""Cross checks of subscriber flows and server flows: names, subnets, rules that must agree."""

from __future__ import annotations

from ipaddress import ip_network
from typing import TYPE_CHECKING

from farline.config.base import Form, Problem
from farline.config.check_common import missing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from farline.config.deployment import Border
    from farline.config.flows import ServerFlow, SubscriberFlow


def check_flows(border: Border) -> Iterator[Problem]:
    """Every problem of single flows; `check_shadows` has those of their order."""
    yield from _flows(border)
    yield from _media_rules(border)
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


def _flows(border: Border) -> Iterator[Problem]:
    names = {
        "signaling_interface": {item.name for item in border.signaling_interfaces},
        "received_interface": {item.name for item in border.signaling_interfaces},
        "media_interface": {item.name for item in border.media_interfaces},
        "end_point_policy_group": {item.name for item in border.policy_groups},
        "routing_profile": {item.name for item in border.routing_profiles},
        "server_profile": {item.name for item in border.server_profiles},
        "topology_hiding_profile": {item.name for item in border.topology_hiding_profiles},
    }
    for kind, flows in (
        ("subscriber_flows", border.subscriber_flows),
        ("server_flows", border.server_flows),
    ):
        for index, flow in enumerate(flows):
            for field, known in names.items():
                value = getattr(flow, field, None)
                if value is None or (kind == "server_flows" and field == "routing_profile"):
                    continue
                if value not in known:
                    label = field.replace("_", " ")
                    place = f"border.{kind}[{index}].{field}"
                    yield missing(place, flow, label, str(value), known)
            yield from _subnets(f"border.{kind}[{index}]", flow)


def _media_rules(border: Border) -> Iterator[Problem]:
    """Voice QoS acts per media interface and the media timeout per border: flows must agree."""
    groups = {group.name: group for group in border.policy_groups}
    first: dict[tuple[str, str], int] = {}
    kinds: tuple[tuple[str, tuple[SubscriberFlow | ServerFlow, ...]], ...] = (
        ("subscriber_flows", border.subscriber_flows),
        ("server_flows", border.server_flows),
    )
    for kind, flows in kinds:
        for index, flow in enumerate(flows):
            group = groups.get(flow.end_point_policy_group)
            if group is None:
                continue
            for field, shared in (
                ("voice_qos", f"media interface {flow.media_interface!r}"),
                ("media_timeout_seconds", "the border"),
            ):
                value = getattr(group, field)
                other = first.setdefault((field, shared), value)
                if value != other:
                    yield Problem(
                        f"border.{kind}[{index}].end_point_policy_group",
                        f"{field} {value} of {group.name!r}: other flows of {shared} have {other}",
                        "give them the same value",
                        group.form,
                    )


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
