"""Routing rules and policy sets that can never match: others before them have all their minutes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline.config.base import Problem
from farline.config.check_order_uris import example_of, takes_group
from farline.config.check_order_words import never
from farline.config.time_of_day import DAYS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from farline.config.base import Form
    from farline.config.routing import RoutingProfile
    from farline.config.time_of_day import TimeOfDay
    from farline.config.uri_groups import UriGroup

DAY_MINUTES = 1440


def routing_profile(
    place: str,
    profile: RoutingProfile,
    groups: dict[str, UriGroup],
    times: dict[str, TimeOfDay],
) -> Iterator[Problem]:
    """The dead rules of a profile, and next hops that stand in it twice."""
    rules = profile.rules
    for order, rule in enumerate(rules, 1):
        mine = minutes(times.get(rule.time_of_day))
        left, takers = mine, []
        for earlier, other in enumerate(rules[: order - 1], 1):
            theirs = minutes(times.get(other.time_of_day))
            if left & theirs and takes_group(groups, other.uri_group, rule.uri_group):
                left &= ~theirs
                takers.append(f"rule {earlier}")
        if mine and not left:
            who = example_of(groups.get(rule.uri_group))
            yield never(
                f"{place}.further_rules[{order - 2}]" if order > 1 else place,
                f"rule {order} of {profile.name!r}",
                takers,
                f"a phone of {who} on {_when(mine)}",
                profile.form,
            )
        yield from _hops(place, order, rule)


def _hops(place: str, order: int, rule: RoutingProfile) -> Iterator[Problem]:
    seen: dict[tuple[object, ...], int] = {}
    within = f"{place}.further_rules[{order - 2}]" if order > 1 else place
    for index, hop in enumerate(rule.next_hops):
        key = (hop.server, hop.address.lower(), hop.port, hop.transport)
        first = seen.setdefault(key, index)
        if first != index:
            yield Problem(
                f"{within}.next_hops[{index}]",
                f"the same as next hop {first + 1}: {hop.server} {hop.address}",
                "take one of them out",
                hop.form,
                severity="warning",
            )


def policy_sets(
    place: str, sets: Sequence[Form], windows: Sequence[TimeOfDay | None]
) -> Iterator[Problem]:
    """The dead sets of a policy group; `windows`: the Time of Day of each."""
    for index, (one, window) in enumerate(zip(sets, windows, strict=True)):
        mine = minutes(window)
        left, takers = mine, []
        for earlier, other in enumerate(windows[:index], 1):
            theirs = minutes(other)
            if left & theirs:
                left &= ~theirs
                takers.append(f"order {earlier}")
        if mine and not left:
            yield never(
                f"{place}[{index}]", f"order {index + 1}", takers,
                f"a call on {_when(mine)}", one.form,
            )  # fmt: skip


def minutes(window: TimeOfDay | None) -> int:
    """The minutes of a week in which a window is open, as bits; Monday 00:00 is the lowest."""
    if window is None:
        return 0
    if window.always:
        return (1 << 7 * DAY_MINUTES) - 1
    edges = sorted({0, *(_edge(text) for text in (window.start, window.end))} - {DAY_MINUTES})
    found = 0
    for day in range(7):
        for start, end in zip(edges, [*edges[1:], DAY_MINUTES], strict=True):
            if window.holds(day, start):
                found |= ((1 << end - start) - 1) << day * DAY_MINUTES + start
    return found


def _edge(text: str) -> int:
    return int(text[:2]) * 60 + int(text[3:])


def _when(open_: int) -> str:
    first = (open_ & -open_).bit_length() - 1
    day, minute = divmod(first, DAY_MINUTES)
    return f"{DAYS[day]} {minute // 60:02}:{minute % 60:02}"
