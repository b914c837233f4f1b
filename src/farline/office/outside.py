"""Requests outside a dialog that are neither REGISTER nor INVITE."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from farline.office.stack import Stack
    from farline.office.switch import Switch
    from farline.sip import Flow, Message
    from farline.sip.transaction import ServerTransaction

_IN_DIALOG_ONLY = frozenset({"BYE", "INFO", "NOTIFY", "UPDATE"})
_EVENT = frozenset({"PUBLISH", "SUBSCRIBE"})
_KNOWN = frozenset({"MESSAGE", "PRACK", "REFER"})


def handle(
    stack: Stack, switch: Switch, tx: ServerTransaction, message: Message, flow: Flow, now: float
) -> None:
    """Answer one.

    OPTIONS gets 200 from anybody (a border's heartbeat). There are no event packages: SUBSCRIBE and
    PUBLISH get 489 with an empty Allow-Events, once the sender is known. MESSAGE and REFER outside
    a dialog are known but not allowed, anything else is not implemented.
    """
    method = message.method
    if method == "OPTIONS":
        fields = [("Accept", "application/sdp"), ("Allow-Events", "refer")]
        stack.reply(tx, 200, now, headers=fields)
    elif method in _IN_DIALOG_ONLY:
        stack.reply(tx, 481, now)
    elif method in _EVENT:
        if switch.admit(tx, message, flow, now) is not None:
            stack.reply(tx, 489, now, headers=[("Allow-Events", "refer")])
    elif method in _KNOWN:
        stack.reply(tx, 405, now)
    else:
        stack.reply(tx, 501, now)
