"""The order of a list in a deployment file, changed in its text: comments and layout stay."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ruamel.yaml.comments import CommentedMap, CommentedSeq

from farline.config.load import parse

if TYPE_CHECKING:
    from collections.abc import Sequence

_WORD = re.compile(r"(?:^|\.)([A-Za-z_]+)|\[([^\]]*)\]")


class OrderError(ValueError):
    """A list or an item that is not there, or a list that cannot be moved in; the text says why."""


def moved(text: str, place: str, item: str, *, before: str = "", after: str = "") -> str:
    """The file with one item of a list moved before or after another one.

    `place`: the list as `farline apply` names it, `border.routing_profiles[to-IPO].next_hops`.
    Items are named, or counted from 1 where they have no name. Raises OrderError, and ConfigError
    for what is no YAML.
    """
    tree = parse(text)
    items = _list_at(tree, place)
    source, target = _index(items, item, place), _index(items, before or after, place)
    if source == target:
        raise OrderError(f"{item!r} cannot stand before or behind itself")
    order = [one for one in range(len(items)) if one != source]
    order.insert(order.index(target) + (1 if after else 0), source)
    changed = _rewritten(text, items, order)
    again = parse(changed)
    expected = [items[one] for one in order]
    if list(_list_at(again, place)) != expected:
        raise OrderError(f"{place}: its lines are not apart from one another; move them by hand")
    return changed


def names(text: str, place: str) -> list[str]:
    """The items of a list in their order: names, or what there is of each. Raises as `moved`."""
    found = _list_at(parse(text), place)
    return [_name(one) or ", ".join(f"{k}: {v}" for k, v in one.items()) for one in found]


def _list_at(tree: object, place: str) -> CommentedSeq:
    node: Any = tree
    for key, item in _WORD.findall(place):
        if key:
            if not isinstance(node, CommentedMap) or key not in node:
                there = ", ".join(node) if isinstance(node, CommentedMap) else "a list"
                raise OrderError(f"{place}: the file has no {key!r} there; there is: {there}")
            node = node[key]
        else:
            if not isinstance(node, CommentedSeq):
                raise OrderError(f"{place}: [{item}] is no item of a list")
            node = node[_index(node, item, place)]
    if not isinstance(node, CommentedSeq) or not all(isinstance(one, CommentedMap) for one in node):
        raise OrderError(f"{place} is no list of forms")
    if node.fa.flow_style():
        raise OrderError(f"{place} is written in one line: give each item a line of its own")
    return node


def _name(item: CommentedMap) -> str:
    return str(item.get("name", ""))


def _index(items: CommentedSeq, item: str, place: str) -> int:
    known = [_name(one) for one in items]
    if item in known:
        return known.index(item)
    if item.isdecimal() and 1 <= int(item) <= len(items):
        return int(item) - 1
    there = ", ".join(filter(None, known)) or (f"1 to {len(items)}" if items else "nothing")
    raise OrderError(f"{place} has no {item!r}; there is: {there}")


def _rewritten(text: str, items: CommentedSeq, order: Sequence[int]) -> str:
    """The lines of the items in another order; empty lines between them stay where they are."""
    lines = text.splitlines(keepends=True)
    starts = [_with_comments(lines, items.lc.item(one)[0]) for one in range(len(items))]
    ends = [*starts[1:], _end(lines, items.lc.item(len(items) - 1)[0])]
    blocks, gaps = [], []
    for start, end in zip(starts, ends, strict=True):
        last = end
        while last > start and not lines[last - 1].strip():
            last -= 1
        blocks.append(lines[start:last])
        gaps.append(lines[last:end])
    turned = [line for at, one in enumerate(order) for line in (*blocks[one], *gaps[at])]
    return "".join([*lines[: starts[0]], *turned, *lines[ends[-1] :]])


def _with_comments(lines: Sequence[str], start: int) -> int:
    """Where an item begins with the comments right above it."""
    while start and lines[start - 1].lstrip().startswith("#"):
        start -= 1
    return start


def _end(lines: Sequence[str], start: int) -> int:
    """Behind the last line of the last item: what follows stands further left."""
    dash = len(lines[start]) - len(lines[start].lstrip())
    end = last = start + 1
    while end < len(lines):
        line = lines[end]
        inside = len(line) - len(line.lstrip()) > dash
        if line.strip() and not inside:
            break
        end += 1
        last = end if line.strip() else last
    return last
