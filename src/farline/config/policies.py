"""Domain Policies of a border: configured rules and groups, the shipped ones beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from farline.config.base import Form, Problem
from farline.config.check_common import missing
from farline.config.policy_groups import (
    DEFAULT_APPLICATION,
    DEFAULT_BORDER,
    DEFAULT_CHARGING,
    DEFAULT_MEDIA,
    DEFAULT_POLICY_GROUPS,
    DEFAULT_SECURITY,
    DEFAULT_SIGNALING,
    DEFAULT_TIMES,
    EndPointPolicyGroup,
    PolicySet,
    Rules,
)
from farline.config.policy_rules import (
    ApplicationRule,
    BorderRule,
    ChargingRule,
    MediaRule,
    SecurityRule,
)
from farline.config.recording import DEFAULT_RECORDING, RecordingRule
from farline.config.signaling_rules import SignalingRule
from farline.config.time_of_day import TimeOfDay
from farline.config.uri_groups import UriGroup

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

KINDS = ("application", "border", "media", "security", "signaling", "charging", "recording",
         "time_of_day")  # fmt: skip

R = TypeVar("R", ApplicationRule, BorderRule, MediaRule, SecurityRule, SignalingRule, ChargingRule,
            RecordingRule, TimeOfDay, EndPointPolicyGroup)  # fmt: skip


class Policies(Form):
    """The part of a border that says what is allowed."""

    uri_groups: tuple[UriGroup, ...] = ()
    application_rules: tuple[ApplicationRule, ...] = ()
    border_rules: tuple[BorderRule, ...] = ()
    media_rules: tuple[MediaRule, ...] = ()
    security_rules: tuple[SecurityRule, ...] = ()
    signaling_rules: tuple[SignalingRule, ...] = ()
    charging_rules: tuple[ChargingRule, ...] = ()
    recording_rules: tuple[RecordingRule, ...] = ()
    time_of_day_rules: tuple[TimeOfDay, ...] = ()
    end_point_policy_groups: tuple[EndPointPolicyGroup, ...] = ()

    @property
    def policy_groups(self) -> tuple[EndPointPolicyGroup, ...]:
        """The configured groups and the shipped ones that no configured one replaces."""
        return tuple(_by_name(self.end_point_policy_groups, DEFAULT_POLICY_GROUPS).values())

    @property
    def rules(self) -> dict[str, Mapping[str, Form]]:
        """Every rule, by kind and name."""
        return {
            "application": _by_name(self.application_rules, DEFAULT_APPLICATION),
            "border": _by_name(self.border_rules, DEFAULT_BORDER),
            "media": _by_name(self.media_rules, DEFAULT_MEDIA),
            "security": _by_name(self.security_rules, DEFAULT_SECURITY),
            "signaling": _by_name(self.signaling_rules, DEFAULT_SIGNALING),
            "charging": _by_name(self.charging_rules, DEFAULT_CHARGING),
            "recording": _by_name(self.recording_rules, DEFAULT_RECORDING),
            "time_of_day": _by_name(self.time_of_day_rules, DEFAULT_TIMES),
        }

    def resolved_groups(self) -> dict[str, tuple[Rules, ...]]:
        """The sets of each group in their order, rules found. The names are good (`check`)."""
        rules = self.rules
        return {
            group.name: tuple(
                _resolved(group.name, order, policy_set, rules)
                for order, policy_set in enumerate(group.sets, 1)
            )
            for group in self.policy_groups
        }


def _by_name(configured: tuple[R, ...], shipped: tuple[R, ...]) -> dict[str, R]:
    found = {item.name: item for item in configured}
    return found | {item.name: item for item in shipped if item.name not in found}


def _resolved(
    group: str, order: int, policy_set: PolicySet, rules: Mapping[str, Mapping[str, Form]]
) -> Rules:
    found = {}
    for kind in KINDS:
        given = getattr(policy_set, kind)
        found[kind] = rules[kind][given] if isinstance(given, str) else given
    return Rules(group=group, order=order, **found)  # type: ignore[arg-type]  # kind by kind


def check_policies(border: Policies) -> Iterator[Problem]:
    """Names of rules that are not there."""
    rules = border.rules
    for index, group in enumerate(border.end_point_policy_groups):
        for number, policy_set in enumerate(group.sets):
            for kind in KINDS:
                given = getattr(policy_set, kind)
                if isinstance(given, str) and given not in rules[kind]:
                    place = f"border.end_point_policy_groups[{index}].sets[{number}].{kind}"
                    label = f"{kind.replace('_', ' ')} rule"
                    yield missing(place, policy_set, label, given, rules[kind])
