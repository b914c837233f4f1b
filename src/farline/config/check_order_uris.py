"""Lines of URI groups that add nothing, and groups that lie in one another.

A pattern that cannot be looked into covers itself only, so nothing is called dead that is not.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from farline.config.base import Problem
from farline.config.uri_groups import URI_GROUP_ANY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from farline.config.uri_groups import UriGroup, UriGroupEntry


def takes_group(groups: dict[str, UriGroup], wide: str, narrow: str) -> bool:
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


def entries(place: str, group: UriGroup) -> Iterator[Problem]:
    """The lines of a URI group whose every address is one of a line before them."""
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


def example_of(group: UriGroup | None) -> str:
    """An address of a group, as a witness; None: the group of all."""
    return "any address" if group is None else _example_entry(group.uris[0])


def _example_entry(entry: UriGroupEntry) -> str:
    """An address of a line; the pattern itself where it has no simple one."""
    if entry.kind != "plain":
        return entry.uri
    user, _, domain = entry.uri.partition("@")
    return f"{user.replace('*', 'anybody')}@{domain.replace('*', 'any.example')}"
