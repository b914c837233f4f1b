"""What the transaction layer hands to its user (the words "TU" and "inform" of RFC 3261).

Bytes to write come as `farline.sip.effects.Send` from the same `poll()`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from farline._core import ClientTransaction, Message, ServerTransaction
    from farline.sip.transport import Flow


class Cause(StrEnum):
    """Why a transaction came to nothing; equal to its text ("timeout")."""

    TIMEOUT = "timeout"
    """Timer B, F or H, or no final answer 64*T1 after a CANCEL (RFC 3261 section 9.1)."""

    TRANSPORT = "transport"
    """The flow was lost."""


@dataclass(slots=True)
class RequestArrived:
    """A new request other than ACK and CANCEL; answer it with `respond(tx, ...)`."""

    tx: ServerTransaction
    message: Message
    flow: Flow


@dataclass(slots=True)
class AckArrived:
    """An ACK that no transaction keeps: for a 2xx (or for nothing). Never answered.

    `tx` is the INVITE's transaction when the ACK bears its branch, else None (the usual case).
    """

    message: Message
    flow: Flow
    tx: ServerTransaction | None = None


@dataclass(slots=True)
class CancelArrived:
    """A CANCEL for the pending INVITE `tx`. It is answered already; the INVITE wants a 487."""

    tx: ServerTransaction
    message: Message


@dataclass(slots=True)
class ResponseArrived:
    """A response to `tx`: any number of 1xx, one final; for INVITE the 2xx as often as it comes."""

    tx: ClientTransaction
    message: Message


@dataclass(slots=True)
class RequestFailed:
    """`tx` ends without a final response: RFC 3261 section 8.1.3.1 reads it as 408 or 503."""

    tx: ClientTransaction
    cause: Cause


@dataclass(slots=True)
class ResponseLost:
    """The way back is lost while `tx` is being served (RFC 6026 section 8.8, "inform the TU").

    The transaction waits for its final response as before; nothing is sent unless the user gives
    it another flow (`reroute`).
    """

    tx: ServerTransaction
    cause: Cause


@dataclass(slots=True)
class StrayResponse:
    """A 2xx to an INVITE whose transaction is gone; a UAC answers it with ACK again."""

    message: Message
    flow: Flow


@dataclass(slots=True)
class TransactionEnded:
    """The last word about `tx`. `cause` None: the regular end."""

    tx: ClientTransaction | ServerTransaction
    cause: Cause | None = None


Event = (
    RequestArrived
    | AckArrived
    | CancelArrived
    | ResponseArrived
    | RequestFailed
    | ResponseLost
    | StrayResponse
    | TransactionEnded
)
