"""The base values of the timers of RFC 3261 (table 4) and RFC 6026."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timers:
    """Base values in seconds; the lettered timers follow from them (RFC 3261 table 4)."""

    t1: float = 0.5
    """Round-trip estimate."""

    t2: float = 4.0
    """Longest interval between retransmissions of a non-INVITE request or an INVITE response."""

    t4: float = 5.0
    """Longest time that a message stays in the network."""

    c: float = 200.0
    """Longest silence between provisional responses to INVITE; more than 180 s (section 16.6)."""

    d: float = 32.0
    """Wait for repeated final responses to INVITE over UDP; at least 32 s."""

    trying: float = 0.2
    """An INVITE unanswered so long gets 100 from the layer (section 17.2.1)."""

    @property
    def transaction(self) -> float:
        """64*T1, the life of an unanswered transaction."""
        return 64 * self.t1


@dataclass(frozen=True, slots=True)
class Manner:
    """How requests go to one peer that wants it otherwise; None: as the layer does."""

    t1: float | None = None
    t2: float | None = None
    old_via: bool = False
    """As RFC 2543 knew it: no rport, and a branch without the cookie of RFC 3261."""
