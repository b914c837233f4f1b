"""The transactions of RFC 3261 section 17 with RFC 6026, as tables, and the layer over them."""

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
from farline.sip.transaction.table import State
from farline.sip.transaction.timers import Manner, Timers
from farline.sip.transaction.transaction import ClientTransaction, ServerTransaction

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
