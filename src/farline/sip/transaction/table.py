"""A transaction machine as a table: (state, input) -> (next state, actions)."""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """States of RFC 3261 section 17 and RFC 6026."""

    START = "Start"
    CALLING = "Calling"
    TRYING = "Trying"
    PROCEEDING = "Proceeding"
    COMPLETED = "Completed"
    CONFIRMED = "Confirmed"
    ACCEPTED = "Accepted"
    TERMINATED = "Terminated"
