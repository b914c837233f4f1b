"""A transaction machine as a table: (state, input) -> (next state, actions).

The four tables stand in invite_client, invite_server, non_invite_client and non_invite_server, each
to be held beside its figure in RFC 3261 section 17 (as changed by RFC 6026). Three rules:

- An input that a state does not list is absorbed: nothing happens.
- A timer that a state does not list is stopped by entering that state.
- The state changes first, then the actions run in order. A timer of zero seconds (D, I, J, K on a
  reliable transport) fires at once, so its start is the last action of its row.
"""

from __future__ import annotations

from collections.abc import Mapping
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


class Input(StrEnum):
    """What happens to a transaction: a message, a lost flow, or a timer (its value is the name)."""

    REQUEST = "request"
    """The request itself: from the user at a client, from the wire (also again) at a server."""

    ACK = "ACK"
    PROVISIONAL = "1xx"
    """Responses: from the wire at a client, from the user at a server."""

    SUCCESS = "2xx"
    REJECTION = "300-699"
    TRANSPORT_ERROR = "transport error"
    TIMER_A = "A"
    TIMER_B = "B"
    TIMER_C = "C"
    """No provisional response any more for over three minutes (section 16.8)."""

    TIMER_D = "D"
    TIMER_E = "E"
    TIMER_F = "F"
    TIMER_G = "G"
    TIMER_H = "H"
    TIMER_I = "I"
    TIMER_J = "J"
    TIMER_K = "K"
    TIMER_L = "L"
    TIMER_M = "M"
    TIMER_100 = "100"
    """200 ms without a provisional response (section 17.2.1)."""

    TIMER_LATE = "LATE"
    """A non-INVITE request unanswered while Timer E grows to T2 (RFC 4320 section 4.1)."""

    TIMER_CANCEL = "CANCEL"
    """64*T1 after CANCEL without a final response (section 9.1)."""


class Action(StrEnum):
    """What a transition does; `actions` has a function for each."""

    SEND_REQUEST = "send request"
    SEND_RESPONSE = "send response"
    SEND_ACK = "send ACK"
    SEND_100 = "send 100 unless a response was sent"
    RESEND = "send the last message again"
    PASS = "pass to user"  # noqa: S105 (not a password)
    TIMED_OUT = "inform user: timeout"
    BROKEN = "inform user: transport"
    UNACKNOWLEDGED = "end with cause timeout"
    UNREACHABLE = "end with cause transport"
    LOST = "inform user: no way back"
    CANCEL = "send CANCEL"
    START_A = "start A"
    REPEAT_A = "restart A, doubled"
    START_B = "start B"
    START_C = "start C again"
    START_D = "start D"
    START_E = "start E"
    REPEAT_E = "restart E, doubled up to T2"
    SLOW_E = "restart E with T2"
    START_F = "start F"
    START_G = "start G"
    REPEAT_G = "restart G, doubled up to T2"
    START_H = "start H"
    START_I = "start I"
    START_J = "start J"
    START_K = "start K"
    START_L = "start L"
    START_M = "start M"
    START_100 = "start 100"
    START_LATE = "start LATE"


Transition = tuple[State, tuple[Action, ...]]
Table = Mapping[tuple[State, Input], Transition]
