"""The timers of RFC 3261 (table 4) and RFC 6026, and the heap that holds them."""

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

    d: float = 32.0
    """Wait for repeated final responses to INVITE over UDP; at least 32 s."""

    trying: float = 0.2
    """An INVITE unanswered so long gets 100 from the layer (section 17.2.1)."""

    @property
    def transaction(self) -> float:
        """64*T1: timers B, F, H, J (UDP), L, M."""
        return 64 * self.t1
