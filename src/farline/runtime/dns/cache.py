"""What the DNS said, for as long as it said that it holds.

Answers live for their TTL, absent names for that of the zone (RFC 2308). When no server answers,
what was known before is given again, marked as stale (RFC 8767).
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from farline.sip.dns import Found, Question

MAX_ENTRIES = 10_000
MIN_TTL = 1.0
MAX_TTL = 86_400.0
MAX_NEGATIVE_TTL = 300.0
STALE_SECONDS = 86_400.0
"""How long after its TTL an answer may stand in for servers that do not answer."""

FAILURE_SECONDS = 5.0
"""How long it is believed that no server answers."""


@dataclass(slots=True)
class _Entry:
    found: Found
    fresh_until: float
    stale_until: float


class DnsCache:
    """Answers by question; the longest unused go first. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._entries: OrderedDict[Question, _Entry] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, question: Question, now: float) -> Found | None:
        """A fresh answer, or None."""
        entry = self._entries.get(question)
        if entry is None or entry.fresh_until <= now:
            return None
        self._entries.move_to_end(question)
        return entry.found

    def standing_in(self, question: Question, now: float) -> Found | None:
        """What stood in for servers that did not answer, when they were asked last."""
        entry = self._entries.get(question)
        stands = entry is not None and entry.found.stale and entry.stale_until > now
        return entry.found if entry is not None and stands else None

    def put(self, question: Question, found: Found, ttl: float, now: float) -> None:
        """Keep what a server said for `ttl` seconds."""
        longest = MAX_TTL if found.records else MAX_NEGATIVE_TTL
        until = now + min(max(ttl, MIN_TTL), longest)
        self._keep(question, _Entry(found, until, until + STALE_SECONDS))

    def failed(self, question: Question, failure: Found, now: float) -> Found:
        """No server answers: what was known before, else the failure; for a short time."""
        entry = self._entries.get(question)
        if entry is not None and entry.stale_until > now:
            found, until = replace(entry.found, stale=True), entry.stale_until
        else:
            found, until = failure, 0.0
        self._keep(question, _Entry(found, now + FAILURE_SECONDS, until))
        return found

    def _keep(self, question: Question, entry: _Entry) -> None:
        self._entries[question] = entry
        self._entries.move_to_end(question)
        while len(self._entries) > MAX_ENTRIES:
            self._entries.popitem(last=False)
