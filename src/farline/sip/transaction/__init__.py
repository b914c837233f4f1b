"""The transactions of RFC 3261 section 17 with RFC 6026, and the layer over them.

The tables and what runs them are in rust/transaction; here are the words of its Python face.
"""

from farline._core import ClientTransaction, ServerTransaction
from farline.sip.transaction.events import (
    AckArrived,
    CancelArrived,
    Cause,
    Event,
    RequestArrived,
    RequestFailed,
    ResponseArrived,
    ResponseLost,
    StrayResponse,
    TransactionEnded,
)
from farline.sip.transaction.layer import TransactionLayer
from farline.sip.transaction.state import State
from farline.sip.transaction.timers import Manner, Timers

__all__ = [
    "AckArrived",
    "CancelArrived",
    "Cause",
    "ClientTransaction",
    "Event",
    "Manner",
    "RequestArrived",
    "RequestFailed",
    "ResponseArrived",
    "ResponseLost",
    "ServerTransaction",
    "State",
    "StrayResponse",
    "Timers",
    "TransactionEnded",
    "TransactionLayer",
]
