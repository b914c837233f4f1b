"""What two borders sent, compared: what is missing, what is new, which headers differ.

Branches, tags, binding tokens and media ports are drawn anew in every run and count as equal, and
so do retransmissions; the order of headers of different names does not matter.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING

from farline.border.explain.keys import Emitted, describe
from farline.sip import Message

if TYPE_CHECKING:
    from collections.abc import Iterable

    from farline.border.explain.keys import Key
    from farline.border.explain.replay import Played

MAX_DIFFERENCES = 10_000

_DRAWN = re.compile(r"(branch=|;tag=|subid_ipcs=)[^;,>\s\"]+")
_MEDIA = re.compile(r"^(m=\S+ |a=rtcp:)\d+", re.MULTILINE)
_UNCOUNTED = frozenset({"content-length"})
"""Headers that follow from the rest."""


@dataclass(frozen=True, slots=True)
class Changed:
    """One thing that is different in a message, as it was and as it would be ("": not there)."""

    what: str
    was: str
    would_be: str


@dataclass(frozen=True, slots=True)
class Difference:
    """One message that is `missing` in the candidate, `new` in it, or `changed`."""

    kind: str
    time: float
    call: str
    what: str
    changes: tuple[Changed, ...] = ()
    because: str = ""
    """Why the candidate refused, where it did."""


def differences(before: Played, after: Played) -> list[Difference]:
    """Everything that comes out of `after` otherwise than of `before`, by time."""
    sent = after.emitted
    if not before.happened and after.one_sided:
        sent = [one for one in sent if not one.inside]  # the recording cannot tell
    old, new = _by_key(before.emitted), _by_key(sent)
    found: list[Difference] = []
    for key in dict.fromkeys((*old, *new)):
        for was, would_be in zip_longest(old.get(key, ()), new.get(key, ())):
            found += _compare(was, would_be, after)
    found.sort(key=lambda one: one.time)
    return found[:MAX_DIFFERENCES]


def _compare(was: Emitted | None, would_be: Emitted | None, after: Played) -> list[Difference]:
    if was is None:
        if would_be is None:
            return []
        return [Difference("new", would_be.time, would_be.key[2], describe(would_be))]
    _, method, call, number, _ = was.key
    because = after.reasons.get((method, call, number), "")
    if would_be is None:
        return [Difference("missing", was.time, call, describe(was), because=because)]
    changes = tuple(_changes(was, would_be))
    if not changes:
        return []
    if not any(change.what == "start line" for change in changes):
        because = ""
    return [Difference("changed", was.time, call, describe(was), changes, because)]


def _by_key(emitted: Iterable[Emitted]) -> dict[Key, list[Emitted]]:
    """Messages by key, each said once however often it was repeated."""
    found: defaultdict[Key, list[Emitted]] = defaultdict(list)
    seen: set[tuple[str, str, bytes]] = set()
    for one in emitted:
        mark = (one.transport, one.remote, one.data)
        if mark not in seen:
            seen.add(mark)
            found[one.key].append(one)
    return found


def _changes(was: Emitted, would_be: Emitted) -> Iterable[Changed]:
    if (was.transport, was.remote) != (would_be.transport, would_be.remote):
        yield Changed(
            "next hop",
            f"{was.remote} ({was.transport})",
            f"{would_be.remote} ({would_be.transport})",
        )
    one, other = Message.parse(was.data), Message.parse(would_be.data)
    lines = _start(was.data), _start(would_be.data)
    if lines[0] != lines[1]:
        yield Changed("start line", *lines)
        if one.status != other.status:
            return  # another answer altogether: all the rest of it differs as well
    old, new = _headers(one), _headers(other)
    for name in dict.fromkeys((*old, *new)):
        gone, come = old[name] - new[name], new[name] - old[name]
        if gone or come:
            yield Changed(name, ", ".join(gone.elements()), ", ".join(come.elements()))
    bodies = _body(one).splitlines(), _body(other).splitlines()
    for left, right in zip_longest(*bodies, fillvalue=""):
        if left != right:
            yield Changed("body", left, right)


def _start(data: bytes) -> str:
    line = data.lstrip(b"\r\n").partition(b"\r\n")[0].decode("utf-8", "backslashreplace")
    return _DRAWN.sub(r"\1*", line)


def _headers(message: Message) -> defaultdict[str, Counter[str]]:
    found: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for name, value in message.headers():
        if name.lower() not in _UNCOUNTED:
            found[name][_DRAWN.sub(r"\1*", value)] += 1
    return found


def _body(message: Message) -> str:
    return _MEDIA.sub(r"\1*", message.body.decode("utf-8", "backslashreplace"))
