"""Records out of lines: merge the roles' files by time, filter, find calls and their legs.

Lines are given (the caller reads files), and what is kept is bounded: a filter keeps nothing, the
index keeps the latest calls, the merger one line a file.
"""

from __future__ import annotations

import heapq
import re
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from farline.trace.codec import TraceFormatError, decode
from farline.trace.events import CallChanged, Decision, MessageSeen
from farline.trace.summary import summarise

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from farline.trace.codec import Record

MAX_CALLS = 10_000
MAX_NAMED = 32
"""Words of a call's decisions that are kept in case they are another leg's Call-ID."""

_WORD = re.compile(r"[^\s\"'<>(),;=]{6,128}")


class Reader:
    """Decodes lines; what is no event is counted and skipped (a crash may cut a line short)."""

    def __init__(self) -> None:
        self.skipped = 0

    def read(self, lines: Iterable[str]) -> Iterator[Record]:
        """The records of one file, in its order."""
        for line in lines:
            if not line.strip():
                continue
            try:
                yield decode(line)
            except TraceFormatError:
                self.skipped += 1

    def merge(self, files: Iterable[Iterable[str]]) -> Iterator[Record]:
        """The records of several files by time; each file is in order of time itself."""
        return heapq.merge(*(self.read(lines) for lines in files), key=lambda record: record.time)


@dataclass(frozen=True, slots=True)
class Filter:
    """Which records are wanted; a field left out wants all."""

    calls: Collection[str] | None = None
    interface: str | None = None
    roles: Collection[str] | None = None
    since: float = 0.0
    until: float = float("inf")

    def wants(self, record: Record) -> bool:
        """Whether the record passes. An event without an interface fails an interface filter."""
        event = record.event
        return (
            self.since <= record.time <= self.until
            and (self.roles is None or record.role in self.roles)
            and (self.calls is None or getattr(event, "call", "") in self.calls)
            and (self.interface is None or getattr(event, "interface", "") == self.interface)
        )


@dataclass(slots=True)
class CallInfo:
    """What the index knows of one Call-ID."""

    call: str
    first: float
    last: float
    method: str = ""
    """Method of the first request seen."""
    messages: int = 0
    others: set[str] = field(default_factory=set)
    """Call-IDs said to be legs of the same call, or words that may be one."""


class Index:
    """The calls of a trace, by Call-ID, newest last."""

    def __init__(self, limit: int = MAX_CALLS) -> None:
        self.limit = limit
        self._calls: OrderedDict[str, CallInfo] = OrderedDict()

    def add(self, record: Record) -> None:
        """Take note of a record."""
        call = getattr(record.event, "call", "")
        if not call:
            return
        info = self._calls.get(call)
        if info is None:
            info = self._calls[call] = CallInfo(call, record.time, record.time)
            if len(self._calls) > self.limit:
                self._calls.popitem(last=False)
        info.last = max(info.last, record.time)
        match record.event:
            case MessageSeen(data=data):
                info.messages += 1
                info.method = info.method or summarise(data).method
            case CallChanged(detail=text, other=other):
                self._name(info, other, text)
            case Decision(because=text):
                self._name(info, "", text)

    @staticmethod
    def _name(info: CallInfo, other: str, text: str) -> None:
        if other:
            info.others.add(other)
        for word in _WORD.findall(text[:1024]):
            if len(info.others) < MAX_NAMED:
                info.others.add(word)

    def calls(self) -> list[CallInfo]:
        """All that are kept, by their beginning."""
        return sorted(self._calls.values(), key=lambda info: info.first)

    def last(self) -> str | None:
        """The Call-ID of the call that began last: an INVITE, not a registration."""
        invites = [info for info in self._calls.values() if info.method == "INVITE"]
        if not invites:
            return None
        newest = max(invites, key=lambda info: info.first)
        # A switch's second leg begins later than the first: the oldest of the legs names the call.
        legs = [info for info in invites if info.call in self.legs(newest.call)]
        return min(legs, key=lambda info: info.first).call

    def legs(self, call: str) -> frozenset[str]:
        """The Call-IDs of a call: its own and those that events link to it, either way."""
        links: dict[str, set[str]] = {}
        for info in self._calls.values():
            for other in info.others & self._calls.keys():
                links.setdefault(info.call, set()).add(other)
                links.setdefault(other, set()).add(info.call)
        found, waiting = {call}, [call]
        while waiting:
            fresh = links.get(waiting.pop(), set()) - found
            found |= fresh
            waiting.extend(fresh)
        return frozenset(found)


class Once:
    """Passes each message of a path once: what one box sent, the next one's trace shows again.

    A message that one role saw twice (a retransmission) passes twice.
    """

    def __init__(self, limit: int = 4096) -> None:
        self.limit = limit
        self._seen: OrderedDict[tuple[str, str, bytes], dict[str, int]] = OrderedDict()

    def first(self, record: Record) -> bool:
        """Whether this record is the first sight of its message; True for other events."""
        event = record.event
        if not isinstance(event, MessageSeen):
            return True
        src, dst = endpoints(event)
        sights = self._seen.setdefault((src, dst, event.data), {})
        passed = max(sights.values(), default=0)
        sights[record.role] = sights.get(record.role, 0) + 1
        if len(self._seen) > self.limit:
            self._seen.popitem(last=False)
        return sights[record.role] > passed


def endpoints(event: MessageSeen) -> tuple[str, str]:
    """Source and destination ("address:port") of a message."""
    if event.direction == "in":
        return event.remote, event.local
    return event.local, event.remote
