"""RFC 3261 and friends without I/O: messages, transactions, dialogs, digest.

The message classes are compiled (`farline._core`); this package is their public place.
"""

from farline._core import Crossing, Finder, Message, NameAddr, StreamFramer, Uri, Via, WireError
from farline.sip.transport import Address, Flow, Transport

__all__ = [
    "Address",
    "Crossing",
    "Finder",
    "Flow",
    "Message",
    "NameAddr",
    "StreamFramer",
    "Transport",
    "Uri",
    "Via",
    "WireError",
]
