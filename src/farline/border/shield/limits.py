"""How much of everything one border holds at once."""

from __future__ import annotations

from dataclasses import dataclass, field

from farline.border.registrations.bindings import BindingLimits


@dataclass(frozen=True, slots=True)
class Limits:
    """Table sizes; what does not fit is refused with 503 and counted."""

    bindings: BindingLimits = field(default_factory=BindingLimits)
    sessions: int = 100_000
    transactions: int = 200_000
    subscriptions_per_binding: int = 64
