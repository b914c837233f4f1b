"""Where a transaction is in its table."""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """States of RFC 3261 section 17 and RFC 6026; the tables are in rust/transaction."""

    START = "Start"
    CALLING = "Calling"
    TRYING = "Trying"
    PROCEEDING = "Proceeding"
    COMPLETED = "Completed"
    CONFIRMED = "Confirmed"
    ACCEPTED = "Accepted"
    TERMINATED = "Terminated"
