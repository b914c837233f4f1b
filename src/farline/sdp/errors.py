"""What can be wrong with a session description."""

from __future__ import annotations


class SdpError(ValueError):
    """A description that cannot be used (SIP status 488, or 400 where it is not SDP at all).

    `line` counts from 1; 0 means the description as a whole.
    """

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"SDP line {line}: {reason}" if line else f"SDP: {reason}")
        self.line = line
        self.reason = reason
