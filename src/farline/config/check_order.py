"""Lines of ordered lists that can never match, each with a witness; flows are `check_shadows`'s.

Routing rules and the sets of a policy group are told apart by the minutes of the week that their
Time of Day leaves, lines of signaling rules by the methods, statuses and directions that they name.
A URI pattern that cannot be looked into covers itself only, so nothing is called dead that is not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline.config.check_order_signaling import signaling_rule
from farline.config.check_order_times import policy_sets, routing_profile
from farline.config.check_order_uris import entries
from farline.config.check_order_words import warning
from farline.config.subnets import covers
from farline.config.time_of_day import TimeOfDay

if TYPE_CHECKING:
    from collections.abc import Iterator

    from farline.config.base import Problem
    from farline.config.deployment import Border
    from farline.config.relays import ApplicationRelay


def check_order(border: Border) -> Iterator[Problem]:
    """A warning for each line that does nothing where it stands. Names are good (`check`)."""
    groups = {group.name: group for group in border.uri_groups}
    times = {
        name: rule
        for name, rule in border.rules["time_of_day"].items()
        if isinstance(rule, TimeOfDay)
    }
    for index, profile in enumerate(border.routing_profiles):
        yield from routing_profile(f"border.routing_profiles[{index}]", profile, groups, times)
    for index, group in enumerate(border.end_point_policy_groups):
        windows = [
            times.get(one.time_of_day) if isinstance(one.time_of_day, str) else one.time_of_day
            for one in group.sets
        ]
        yield from policy_sets(f"border.end_point_policy_groups[{index}].sets", group.sets, windows)
    for index, uri_group in enumerate(border.uri_groups):
        yield from entries(f"border.uri_groups[{index}].uris", uri_group)
    for index, rule in enumerate(border.signaling_rules):
        yield from signaling_rule(f"border.signaling_rules[{index}]", rule)
    for index, relay in enumerate(border.application_relays):
        yield from _relay(border, f"border.application_relays[{index}]", relay)
    yield from _lists(border)


def _relay(border: Border, place: str, relay: ApplicationRelay) -> Iterator[Problem]:
    paths = relay.http.paths
    if relay.service_type == "HTTP":
        for field in ("paths", "bootstrap_paths"):
            listed: tuple[str, ...] = getattr(relay.http, field)
            for index, path in enumerate(listed):
                taker = next((one for one in listed[:index] if _takes_path(one, path)), None)
                if taker is not None:
                    text = f"{path} adds nothing: {taker} stands before it and has it"
                    yield warning(f"{place}.http.{field}[{index}]", text, "take it out", relay)
        lost = [one for one in relay.http.bootstrap_paths
                if not any(_takes_path(path, one) for path in paths)]  # fmt: skip
        if relay.whitelist_flows and lost:
            text = f"{lost[0]} is never passed on: no path of HTTP Paths has it"
            yield warning(f"{place}.http.bootstrap_paths", text, "add it to paths too", relay)
    subscribers = [flow for flow in border.subscriber_flows if flow.source == "subscriber"]
    if relay.whitelist_flows and not subscribers:
        text = "Whitelist Flows, and no subscriber flow lets a phone register"
        yield warning(f"{place}.whitelist_flows", text, "add a subscriber flow", relay)


def _takes_path(wide: str, narrow: str) -> bool:
    return wide == narrow or (wide.endswith("/") and narrow.startswith(wide))


def _lists(border: Border) -> Iterator[Problem]:
    """Subnets of the shield's deny list, which stands behind its allow list."""
    shield = border.shield
    for index, subnet in enumerate(shield.deny):
        taker = next((one for one in shield.allow if covers(one, subnet)), None)
        if taker is not None:
            text = f"{subnet} is never denied: {taker} on the allow list stands before it"
            yield warning(f"border.shield.deny[{index}]", text, "narrow the allow list", shield)
