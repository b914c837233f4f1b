"""The requests that belong to an INVITE transaction: its ACK and its CANCEL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline._core import Message

if TYPE_CHECKING:
    from collections.abc import Iterable

    from farline.sip.transaction.transaction import ClientTransaction


def make_ack(tx: ClientTransaction, response: Message) -> Message:
    """The ACK to a final response other than 2xx (RFC 3261 section 17.1.1.3)."""
    return _inside(tx, "ACK", response.get("To") or "")


def make_cancel(tx: ClientTransaction, headers: Iterable[tuple[str, str]]) -> Message:
    """The CANCEL of a pending INVITE (section 9.1); `headers` are added to it (Reason)."""
    cancel = _inside(tx, "CANCEL", tx.request.get("To") or "")
    for name, value in headers:
        cancel.add(name, value)
    return cancel


def _inside(tx: ClientTransaction, method: str, to: str) -> Message:
    """A request with the Request-URI, the one Via, Route, From, Call-ID and number of `tx`."""
    invite = tx.request
    message = Message.request(method, invite.uri)
    message.add("Via", tx.via)
    for route in invite.all("Route"):
        message.add("Route", route)
    message.add("Max-Forwards", "70")
    message.add("From", invite.get("From") or "")
    message.add("To", to)
    message.add("Call-ID", invite.call_id)
    message.add("CSeq", f"{invite.cseq} {method}")
    message.add("Content-Length", "0")
    return message
