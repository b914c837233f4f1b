"""What is different between two deployments, field by field, and what has to happen for it.

Forms that have a name are the same form wherever they stand; their order counts too (first match
wins). Secrets are compared and never shown.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any, Literal

from farline.config.base import Form, Secret

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence, Set

    from farline.config.deployment import Deployment

Kind = Literal["added", "removed", "changed", "moved"]

LIVE = "live"
"""Taken over by the running border: new calls and registrations go by it, running ones stay."""

NOTHING = "nothing"
"""No running role looks at it."""

_MAX_SHOWN = 300
"""Characters of a value in a change's text."""


@dataclass(frozen=True, slots=True)
class Change:
    """One difference. `before` and `after` are values as text, "" where there is none."""

    place: str
    """Path with names: `border.server_flows[RW-to-office].transport`."""

    kind: Kind
    before: str
    after: str
    form: str
    """The guide's path to the form."""

    by: tuple[str, ...] = field(default=(), compare=False)
    """What makes it true: `effects`."""

    @property
    def name(self) -> str:
        """The first name in the place: of the form that changed, or that holds it."""
        return self.place.partition("[")[2].partition("]")[0]

    def __str__(self) -> str:
        if self.kind == "added":
            return f"+ {self.place}: {self.after}"
        if self.kind == "removed":
            return f"- {self.place}: {self.before}"
        return f"~ {self.place}: {self.before} -> {self.after}"


def diff(old: Deployment, new: Deployment) -> list[Change]:
    """Every difference, in the order of the forms."""
    users: dict[str, set[str]] = {}
    for one in (old, new):
        for name, roles in _profile_users(one).items():
            users.setdefault(name, set()).update(roles)
    return [
        replace(change, by=tuple(sorted(effects(change, users))))
        for change in _values("", old, new, "")
    ]


def effects(change: Change, users: Mapping[str, Set[str]] | None = None) -> frozenset[str]:
    """What makes a change true: LIVE, NOTHING, or the roles that have to start again.

    `users`: the roles beside the border that use a TLS profile, by its name; None: all may.
    """
    words = change.place.replace("[", ".").split(".")
    top, part = words[0], words[1] if len(words) > 1 else ""
    if top == "border":
        if words[-1] in _SOCKETS:
            return _SOCKETS[words[-1]]
        return _BORDER.get(part, frozenset({"border"}))
    if top == "office" and part.startswith("media"):
        return frozenset({"office", "office-media"})
    if top.startswith("tls_"):
        others = {"portal", "office"} if users is None else users.get(change.name, set())
        return _LIVE | others
    return frozenset({NOTHING}) if top in ("lab", "version") else frozenset({top})


def _profile_users(deployment: Deployment) -> dict[str, set[str]]:
    """The roles beside the border that use a TLS profile, by its name; SNI profiles with theirs."""
    users: dict[str, set[str]] = {}
    for role in ("portal", "office"):
        section = getattr(deployment, role)
        for name in _named_profiles(section) if section is not None else ():
            users.setdefault(name, set()).add(role)
    for profile in deployment.tls_server_profiles:
        for name in profile.sni_profiles:
            users.setdefault(name, set()).update(users.get(profile.name, ()))
    return users


def _named_profiles(form: Form) -> Iterator[str]:
    for name in type(form).model_fields:
        value = getattr(form, name)
        if name in ("tls_profile", "tls_client_profile") and value is not None:
            yield value
        for inner in value if isinstance(value, tuple) else (value,):
            if isinstance(inner, Form):
                yield from _named_profiles(inner)


_LIVE = frozenset({LIVE})
_BORDER: dict[str, frozenset[str]] = {
    **dict.fromkeys(
        (
            "server_profiles",
            "interworking_profiles",
            "routing_profiles",
            "topology_hiding_profiles",
            "topology_hiding_key",
            "topology_audit",
            "uri_groups",
            "application_rules",
            "border_rules",
            "media_rules",
            "security_rules",
            "signaling_rules",
            "charging_rules",
            "recording_rules",
            "time_of_day_rules",
            "end_point_policy_groups",
            "subscriber_flows",
            "server_flows",
            "application_relays",
            "dns",
            "interfaces",
            "signaling_interfaces",
            "signaling_scripts",
            "shield",
        ),
        _LIVE,
    ),
    "networks": frozenset({LIVE, "media"}),
    "media_interfaces": frozenset({"media", "border"}),
    "media_engine": frozenset({"media", "border"}),
}
"""Fields of the border by what they need; all others need the border to start again."""

_SOCKETS = {
    "voice_qos": frozenset({"media"}),
    "video_qos": frozenset({"media"}),
    "media_timeout_seconds": frozenset({"media"}),
}
"""Fields of rules that sockets and the media engine are given once."""


def _values(place: str, old: object, new: object, form: str) -> Iterator[Change]:
    if isinstance(old, Form) and isinstance(new, Form) and type(old) is type(new):
        for name in type(old).model_fields:
            path = f"{place}.{name}" if place else name
            yield from _values(path, getattr(old, name), getattr(new, name), old.form or form)
    elif isinstance(old, tuple) and isinstance(new, tuple) and _named(old) and _named(new):
        yield from _lists(place, old, new, form)
    elif isinstance(old, tuple) and isinstance(new, tuple) and _forms(old) and _forms(new):
        yield from _lines(place, old, new, form)
    elif old != new:
        yield _change(place, old, new, form)


def _lists(place: str, old: Sequence[Any], new: Sequence[Any], form: str) -> Iterator[Change]:
    before = {item.name: item for item in old}
    after = {item.name: item for item in new}
    for name, item in before.items():
        path = f"{place}[{name}]"
        if name in after:
            yield from _values(path, item, after[name], item.form or form)
        else:
            yield _change(path, item, None, item.form or form)
    for name, item in after.items():
        if name not in before:
            yield _change(f"{place}[{name}]", None, item, item.form or form)
    was = [name for name in before if name in after]
    now = [name for name in after if name in before]
    if was != now:
        yield Change(place, "moved", ", ".join(was), ", ".join(now), form)


def _lines(place: str, old: Sequence[Form], new: Sequence[Form], form: str) -> Iterator[Change]:
    """Lines without names: counted from 1, as the forms show them."""
    if len(old) == len(new) and all(old.count(one) == new.count(one) for one in old):
        if old != new:
            yield _moved(place, old, new, form)
        return
    matcher = SequenceMatcher(None, list(old), list(new), autojunk=False)
    for what, start, end, new_start, new_end in matcher.get_opcodes():
        if what == "replace" and end - start == new_end - new_start:
            for at in range(end - start):
                number = f"{place}[{new_start + at + 1}]"
                yield from _values(number, old[start + at], new[new_start + at], form)
        elif what != "equal":
            for at in range(start, end):
                yield _change(f"{place}[{at + 1}]", old[at], None, old[at].form or form)
            for at in range(new_start, new_end):
                yield _change(f"{place}[{at + 1}]", None, new[at], new[at].form or form)


def _moved(place: str, old: Sequence[Form], new: Sequence[Form], form: str) -> Change:
    """The same lines in another order: by the numbers that they had."""
    left = list(enumerate(old, 1))
    order = []
    for one in new:
        found = next(pair for pair in left if pair[1] == one)
        left.remove(found)
        order.append(str(found[0]))
    before = ", ".join(str(number + 1) for number in range(len(old)))
    return Change(place, "moved", before, ", ".join(order), old[0].form or form)


def _forms(items: Sequence[object]) -> bool:
    return bool(items) and all(isinstance(item, Form) for item in items)


def _named(items: Sequence[object]) -> bool:
    """Whether all are forms with names of their own."""
    names = [item.name for item in items if isinstance(item, Form) and hasattr(item, "name")]
    return len(names) == len(items) == len(set(names))


def _change(place: str, old: object, new: object, form: str) -> Change:
    kind: Kind = "added" if _absent(old) else "removed" if _absent(new) else "changed"
    before, after = _shown(old), _shown(new)
    if before == after:  # secrets, or what differs beyond the part that is shown
        after += " (another)"
    return Change(place, kind, before, after, form)


def _absent(value: object) -> bool:
    return value is None or value == ()


def _shown(value: object) -> str:
    if _absent(value):
        return ""
    text = json.dumps(_plain(value), ensure_ascii=True, default=str)
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}..."


def _plain(value: object) -> object:
    """As JSON has it, defaults left out; what a secret is stays unsaid."""
    if isinstance(value, Form):
        return value.model_dump(mode="json", exclude_defaults=True)
    if isinstance(value, Secret):
        return "***"
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value
