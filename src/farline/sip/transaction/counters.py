"""What the transaction layer counts."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Counters:
    """How often the layer did something that no event tells."""

    refused: int = 0
    """Requests answered 503 because the layer was full."""

    stray: int = 0
    """Responses without a transaction, dropped (RFC 6026: never forwarded)."""

    without_via: int = 0
    """Messages without a readable top Via, dropped."""

    absorbed: int = 0
    """Repeated or late messages that a transaction swallowed without an answer."""

    late: int = 0
    """Responses of the user that no longer fitted, not sent."""
