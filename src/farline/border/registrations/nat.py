"""How long the NAT before a phone keeps a flow: learned from silences that it survived or not."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

from farline.sip import Transport

if TYPE_CHECKING:
    from farline.sip import Flow

FIRST_UDP, FIRST_STREAM = 60.0, 180.0
"""Seconds to begin with: most NATs hold a UDP mapping for more than a minute (RFC 4787: two)."""

GROWTH = 1.5
"""How much longer than what was survived is tried next."""

LEAST, MOST = 30.0, 600.0


@dataclass(slots=True)
class NatTime:
    """What one device's NAT has shown; seconds."""

    survived: float = 0.0
    """The longest silence after which the phone was heard on the same flow."""

    broke: float = inf
    """The shortest after which it came from another port of the same address."""

    heard_at: float = -inf
    """When anything last went over the flow, either way."""

    def heard(self, now: float) -> None:
        """The phone sent something on its flow."""
        silence = now - self.heard_at
        if self.survived < silence < inf:
            self.survived = silence
            if self.survived >= self.broke:  # the NAT is another by now
                self.broke = inf
        self.heard_at = now

    def moved(self, old: Flow, new: Flow, now: float) -> None:
        """The phone registered from `new`; its `old` flow was not closed."""
        silence = now - self.heard_at
        mapped_anew = old.remote.host == new.remote.host and old.transport is new.transport
        if mapped_anew and silence < inf:
            self.broke = min(self.broke, silence)
            self.survived = min(self.survived, self.broke * 0.9)
        self.heard_at = now

    def lease(self, flow: Flow | None) -> int:
        """A lease within which a phone's refreshes keep its flow open."""
        if self.broke < inf:
            safe = self.survived if self.survived > self.broke / 2 else self.broke / 2
            return round(min(max(safe, LEAST), MOST))
        stream = flow is not None and flow.transport is not Transport.UDP
        first = FIRST_STREAM if stream else FIRST_UDP
        return round(min(max(first, self.survived * GROWTH), MOST))

    def show(self) -> dict[str, object]:
        """For people; None where nothing is known."""
        return {
            "longest silence survived": round(self.survived, 1) if self.survived else None,
            "shortest silence that broke": round(self.broke, 1) if self.broke < inf else None,
        }
