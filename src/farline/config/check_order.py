"""Lines of ordered lists that can never match, each with a witness; flows are `check_shadows`'s.

Routing rules and the sets of a policy group are told apart by the minutes of the week that their
Time of Day leaves, lines of signaling rules by the methods, statuses and directions that they name.
A URI pattern that cannot be looked into covers itself only, so nothing is called dead that is not.
"""

from __future__ import annotations

import re
from itertools import product
from typing import TYPE_CHECKING, TypeVar

from farline.config.base import Form, Problem
from farline.config.subnets import covers
from farline.config.time_of_day import DAYS, TimeOfDay
from farline.config.uri_groups import URI_GROUP_ANY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from farline.config.deployment import Border
    from farline.config.relays import ApplicationRelay
    from farline.config.routing import RoutingProfile
    from farline.config.signaling_rules import (
        HeaderControl,
        RequestControl,
        ResponseControl,
        SignalingRule,
    )
    from farline.config.uri_groups import UriGroup, UriGroupEntry

DAY_MINUTES = 1440
OTHER_METHOD = "another method"
"""A method that no line names."""

T = TypeVar("T", bound=Form)
P = TypeVar("P")


def check_order(border: Border) -> Iterator[Problem]:
    """A warning for each line that does nothing where it stands. Names are good (`check`)."""
    groups = {group.name: group for group in border.uri_groups}
    times = {
        name: rule
        for name, rule in border.rules["time_of_day"].items()
        if isinstance(rule, TimeOfDay)
    }
    for index, profile in enumerate(border.routing_profiles):
        yield from _routing(f"border.routing_profiles[{index}]", profile, groups, times)
    for index, group in enumerate(border.end_point_policy_groups):
        windows = [
            times.get(one.time_of_day) if isinstance(one.time_of_day, str) else one.time_of_day
            for one in group.sets
        ]
        yield from _sets(f"border.end_point_policy_groups[{index}].sets", group.sets, windows)
    for index, uri_group in enumerate(border.uri_groups):
        yield from _entries(f"border.uri_groups[{index}].uris", uri_group)
    for index, rule in enumerate(border.signaling_rules):
        yield from _signaling(f"border.signaling_rules[{index}]", rule)
    for index, relay in enumerate(border.application_relays):
        yield from _relay(border, f"border.application_relays[{index}]", relay)
    yield from _lists(border)


# ---- time ----


def _routing(
    place: str,
    profile: RoutingProfile,
    groups: dict[str, UriGroup],
    times: dict[str, TimeOfDay],
) -> Iterator[Problem]:
    rules = profile.rules
    for order, rule in enumerate(rules, 1):
        mine = minutes(times.get(rule.time_of_day))
        left, takers = mine, []
        for earlier, other in enumerate(rules[: order - 1], 1):
            theirs = minutes(times.get(other.time_of_day))
            if left & theirs and _takes_group(groups, other.uri_group, rule.uri_group):
                left &= ~theirs
                takers.append(f"rule {earlier}")
        if mine and not left:
            who = _example_of(groups.get(rule.uri_group))
            yield _never(
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


def _sets(
    place: str, sets: Sequence[Form], windows: Sequence[TimeOfDay | None]
) -> Iterator[Problem]:
    for index, (one, window) in enumerate(zip(sets, windows, strict=True)):
        mine = minutes(window)
        left, takers = mine, []
        for earlier, other in enumerate(windows[:index], 1):
            theirs = minutes(other)
            if left & theirs:
                left &= ~theirs
                takers.append(f"order {earlier}")
        if mine and not left:
            yield _never(
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


# ---- URIs ----


def _takes_group(groups: dict[str, UriGroup], wide: str, narrow: str) -> bool:
    """Whether every address of a group is in another one."""
    if wide in (URI_GROUP_ANY, narrow):
        return True
    one, other = groups.get(wide), groups.get(narrow)
    if one is None or other is None:
        return False
    return all(any(_takes_entry(mine, theirs) for mine in one.uris) for theirs in other.uris)


def _takes_entry(wide: UriGroupEntry, narrow: UriGroupEntry) -> bool:
    """Whether every address of a line is one of another line's, as far as can be told."""
    if wide.pattern == narrow.pattern:
        return True
    if narrow.kind == "plain" and "*" not in narrow.uri:
        return re.fullmatch(wide.pattern, narrow.uri) is not None if wide.kind != "regex" else False
    if wide.kind != "plain" or narrow.kind == "regex":
        return False
    user, _, domain = wide.uri.partition("@")
    other_user, at, other_domain = narrow.uri.partition("@")
    same_domain = at != "" and domain.lower() == other_domain.lower()
    return user in ("*", other_user) and (domain == "*" or same_domain)


def _entries(place: str, group: UriGroup) -> Iterator[Problem]:
    for index, entry in enumerate(group.uris):
        taker = next((one for one in group.uris[:index] if _takes_entry(one, entry)), None)
        if taker is not None:
            yield Problem(
                f"{place}[{index}]",
                f"{entry.uri!r} adds nothing to {group.name!r}: {taker.uri!r} before it has every "
                f"address of it, for example {_example_entry(entry)}",
                "take it out",
                entry.form,
                severity="warning",
            )


def _example_of(group: UriGroup | None) -> str:
    return "any address" if group is None else _example_entry(group.uris[0])


def _example_entry(entry: UriGroupEntry) -> str:
    """An address of a line; the pattern itself where it has no simple one."""
    if entry.kind != "plain":
        return entry.uri
    user, _, domain = entry.uri.partition("@")
    return f"{user.replace('*', 'anybody')}@{domain.replace('*', 'any.example')}"


# ---- signaling rules ----


def _signaling(place: str, rule: SignalingRule) -> Iterator[Problem]:
    methods = {line.method for line in rule.requests} | {line.method for line in rule.responses}
    methods = (methods | {OTHER_METHOD}) - {"*"}

    def of_request(line: RequestControl) -> Iterable[tuple[str, str]]:
        return product(_all(line.method, methods), _ways(line.direction))

    def of_response(line: ResponseControl) -> Iterable[tuple[str, str, str]]:
        codes = (
            [f"{line.codes[0]}{n:02}" for n in range(100)]
            if line.codes.endswith("xx")
            else [line.codes]
        )
        return product(codes, _all(line.method, methods), _ways(line.direction))

    yield from _dead(f"{place}.requests", rule.requests, of_request)
    yield from _dead(f"{place}.responses", rule.responses, of_response)
    for field in ("request_headers", "response_headers"):
        lines: tuple[HeaderControl, ...] = getattr(rule, field)
        named = ({line.method for line in lines} | {OTHER_METHOD}) - {"*"}

        def of_header(
            line: HeaderControl, named: set[str] = named
        ) -> Iterable[tuple[str, str, str]]:
            return product([line.header.lower()], _all(line.method, named), _ways(line.direction))

        yield from _dead(f"{place}.{field}", lines, of_header)


def _dead(
    place: str, lines: Sequence[T], points_of: Callable[[T], Iterable[P]]
) -> Iterator[Problem]:
    """The lines of which every point is one of a line before them."""
    taken: dict[P, int] = {}
    for index, line in enumerate(lines):
        points = list(points_of(line))
        takers = sorted({taken[point] for point in points if point in taken})
        if all(point in taken for point in points):
            words = points[0] if isinstance(points[0], tuple) else (points[0],)
            yield _never(
                f"{place}[{index}]", f"line {index + 1}", [f"line {one + 1}" for one in takers],
                " ".join(str(word) for word in words), line.form,
            )  # fmt: skip
        for point in points:
            taken.setdefault(point, index)


def _all(method: str, named: Iterable[str]) -> list[str]:
    return sorted(named) if method == "*" else [method]


def _ways(direction: str) -> list[str]:
    return ["inbound", "outbound"] if direction == "both" else [direction]


# ---- relays and the shield ----


def _relay(border: Border, place: str, relay: ApplicationRelay) -> Iterator[Problem]:
    paths = relay.http.paths
    if relay.service_type == "HTTP":
        for field in ("paths", "bootstrap_paths"):
            listed: tuple[str, ...] = getattr(relay.http, field)
            for index, path in enumerate(listed):
                taker = next((one for one in listed[:index] if _takes_path(one, path)), None)
                if taker is not None:
                    text = f"{path} adds nothing: {taker} stands before it and has it"
                    yield _warning(f"{place}.http.{field}[{index}]", text, "take it out", relay)
        lost = [one for one in relay.http.bootstrap_paths
                if not any(_takes_path(path, one) for path in paths)]  # fmt: skip
        if relay.whitelist_flows and lost:
            text = f"{lost[0]} is never passed on: no path of HTTP Paths has it"
            yield _warning(f"{place}.http.bootstrap_paths", text, "add it to paths too", relay)
    subscribers = [flow for flow in border.subscriber_flows if flow.source == "subscriber"]
    if relay.whitelist_flows and not subscribers:
        text = "Whitelist Flows, and no subscriber flow lets a phone register"
        yield _warning(f"{place}.whitelist_flows", text, "add a subscriber flow", relay)


def _takes_path(wide: str, narrow: str) -> bool:
    return wide == narrow or (wide.endswith("/") and narrow.startswith(wide))


def _lists(border: Border) -> Iterator[Problem]:
    """Subnets of the shield's deny list, which stands behind its allow list."""
    shield = border.shield
    for index, subnet in enumerate(shield.deny):
        taker = next((one for one in shield.allow if covers(one, subnet)), None)
        if taker is not None:
            text = f"{subnet} is never denied: {taker} on the allow list stands before it"
            yield _warning(f"border.shield.deny[{index}]", text, "narrow the allow list", shield)


# ---- words ----


def _never(place: str, what: str, takers: Sequence[str], witness: str, form: str) -> Problem:
    who = takers[0] if len(takers) == 1 else f"{', '.join(takers[:-1])} and {takers[-1]}"
    stand = "stands before it and takes" if len(takers) == 1 else "stand before it and take"
    return Problem(
        place,
        f"{what} can never match: {who} {stand} everything, for example {witness}",
        f"move it before {takers[0]}, or narrow that one",
        form,
        severity="warning",
    )


def _warning(place: str, text: str, remedy: str, owner: Form) -> Problem:
    return Problem(place, text, remedy, owner.form, severity="warning")
