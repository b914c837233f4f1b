"""Plain SIP requests for tests that do not care what else is in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline._core import Message
from farline.sip.transport import Address, Flow, Transport

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

RUEL = Address("172.22.33.101", 5060)
BORDER = Address("192.168.64.96", 5060)


def flow(
    transport: Transport = Transport.UDP,
    *,
    local: Address = BORDER,
    remote: Address = RUEL,
    token: int | None = None,
    interface: str = "B1",
) -> Flow:
    """A flow to the border's outside; a connection is number 1 unless `token` says another."""
    if token is None:
        token = 0 if transport is Transport.UDP else 1
    return Flow(token, interface, transport, local, remote)


def sip_request(
    method: str = "INVITE",
    uri: str = "sip:3003@ipo1xp.ipolab.com",
    *,
    via: str | None = "SIP/2.0/UDP 172.22.33.101:5060;branch=z9hG4bK-1;rport",
    to_tag: str = "",
    cseq: int = 1,
    call_id: str = "call-1",
    headers: Iterable[tuple[str, str]] = (),
    body: bytes = b"",
) -> Message:
    """A valid request from 3001; `via` None for one that the transaction layer is to send."""
    message = Message.request(method, uri)
    if via is not None:
        message.add("Via", via)
    message.add("Max-Forwards", "70")
    message.add("From", "<sip:3001@ipo1xp.ipolab.com>;tag=ruel")
    message.add("To", f"<{uri}>;tag={to_tag}" if to_tag else f"<{uri}>")
    message.add("Call-ID", call_id)
    message.add("CSeq", f"{cseq} {method}")
    message.add("Contact", "<sip:3001@172.22.33.101:5060>")
    for name, value in headers:
        message.add(name, value)
    message.body = body
    return message


def complete(message: Message, headers: Mapping[str, str], body: bytes) -> Message:
    """The message with headers (`_` for `-`) in the place of its own, and a body (else SDP)."""
    with_headers(message, headers)
    if body and message.get("Content-Type") is None:
        message.add("Content-Type", "application/sdp")
    message.body = body
    return message


def with_headers(message: Message, headers: Mapping[str, str]) -> Message:
    """The message with headers (`_` for `-`) in the place of its own."""
    for name, value in headers.items():
        message.set(name.replace("_", "-"), value)
    return message
