"""Why a call ends: Q.850 causes, their words, and how SIP statuses read as causes (RFC 3398)."""

from __future__ import annotations

from enum import IntEnum


class Cause(IntEnum):
    """The Q.850 causes that the office gives."""

    UNALLOCATED = 1
    NORMAL = 16
    BUSY = 17
    NO_USER_RESPONSE = 18
    NO_ANSWER = 19
    ABSENT = 20
    REJECTED = 21
    OUT_OF_ORDER = 27
    UNSPECIFIED = 31
    TEMPORARY_FAILURE = 41
    NO_RESOURCE = 47
    INCOMPATIBLE = 88
    TIMER_EXPIRY = 102
    INTERWORKING = 127

    @property
    def text(self) -> str:
        """The cause in words, as Reason carries it."""
        return _TEXTS[self]

    @property
    def reason(self) -> str:
        """The value of Reason (RFC 3326), in the guide's form."""
        return f'Q.850;cause={self.value};text="{self.text}"'


_TEXTS = {
    Cause.UNALLOCATED: "Unallocated number",
    Cause.NORMAL: "Normal call clearing",
    Cause.BUSY: "User busy",
    Cause.NO_USER_RESPONSE: "No user responding",
    Cause.NO_ANSWER: "No answer from user",
    Cause.ABSENT: "Subscriber absent",
    Cause.REJECTED: "Call rejected",
    Cause.OUT_OF_ORDER: "Destination out of order",
    Cause.UNSPECIFIED: "Normal, unspecified",
    Cause.TEMPORARY_FAILURE: "Temporary failure",
    Cause.NO_RESOURCE: "Resource unavailable, unspecified",
    Cause.INCOMPATIBLE: "Incompatible destination",
    Cause.TIMER_EXPIRY: "Recovery on timer expiry",
    Cause.INTERWORKING: "Interworking, unspecified",
}

_CAUSES = {
    404: Cause.UNALLOCATED,
    408: Cause.TIMER_EXPIRY,
    410: Cause.UNALLOCATED,
    415: Cause.INCOMPATIBLE,
    480: Cause.NO_USER_RESPONSE,
    486: Cause.BUSY,
    488: Cause.INCOMPATIBLE,
    500: Cause.TEMPORARY_FAILURE,
    503: Cause.OUT_OF_ORDER,
    504: Cause.TIMER_EXPIRY,
    600: Cause.BUSY,
    603: Cause.REJECTED,
    604: Cause.UNALLOCATED,
    606: Cause.INCOMPATIBLE,
}

_PASSED = frozenset({404, 410, 415, 480, 486, 488, 500, 600, 603, 604, 606})
"""What a phone says about the call itself; the caller hears the same word."""


def cause_of(status: int) -> Cause:
    """The cause that a failure response means."""
    return _CAUSES.get(status, Cause.REJECTED if status in (401, 403, 407) else Cause.INTERWORKING)


def passed_on(status: int) -> int:
    """The status the caller hears for the phone's.

    What concerns only the office and the phone (a challenge, a redirection, a phone that is gone)
    becomes 480: the caller could do nothing with it.
    """
    return status if status in _PASSED else 480


def preference(status: int) -> tuple[bool, bool, int]:
    """Sort key: of several rejections the first in this order is the caller's (RFC 3261 16.7).

    A global failure (6xx) beats all, then busy, then the lowest status.
    """
    return (status < 600, status != 486, status)
