"""What makes a message of one run the same as one of another: method, Call-ID, CSeq, From tag."""

from __future__ import annotations

from dataclasses import dataclass

from farline.sip import Message, WireError
from farline.trace.summary import summarise

Key = tuple[str, str, str, int, str]
"""What a message of a conversation is: "request", "1xx" status or "final"; method, Call-ID, CSeq
number and From tag. Borders keep all of them."""


Transaction = tuple[str, str, int]
"""Method, Call-ID and CSeq number."""


@dataclass(frozen=True, slots=True)
class Emitted:
    """One message that a border sent, in the recording or in a replay."""

    time: float
    key: Key
    transport: str
    remote: str
    data: bytes
    inside: bool = False
    """A replay sent it to a server."""


def emitted_of(time: float, transport: str, remote: str, data: bytes) -> Emitted | None:
    """A message sent, with its key; None for what cannot be read."""
    try:
        message = Message.parse(data)
    except WireError:
        return None
    status = message.status
    kind = "request" if not status else f"{status}" if status < 200 else "final"
    return Emitted(time, key_of(message, kind), transport, remote, data)


def describe(emitted: Emitted) -> str:
    """For people: what it is, whose, and where to."""
    _, method, call, number, _ = emitted.key
    return f"{summarise(emitted.data)} ({method} {number}, {call}) to {emitted.remote}"


def key_of(message: Message, kind: str) -> Key:
    """The key of a message that is a request, a provisional answer or a final one."""
    return kind, message.method, message.call_id, message.cseq, message.from_tag


def transaction_of(data: bytes) -> Transaction:
    """Whose transaction a message belongs to; ("", "", -1) when it cannot be read."""
    try:
        message = Message.parse(data)
    except WireError:
        return "", "", -1
    return message.method, message.call_id, message.cseq


def request_of(data: bytes) -> Key | None:
    """The key of the request that a response answers; None for anything else, and for 100."""
    try:
        message = Message.parse(data)
    except WireError:
        return None
    if message.is_request or message.status == 100:
        return None
    return key_of(message, "request")
