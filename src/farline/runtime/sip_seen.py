"""Messages as the trace shows them."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from farline.trace.events import MessageSeen

if TYPE_CHECKING:
    from farline.sip.transport import Address, Flow
    from farline.trace.events import Direction

_CALL_ID = re.compile(rb"\r\n(?:call-id|i)[ \t]*:[ \t]*([^\r\n]{1,256})", re.IGNORECASE)


def seen(direction: Direction, flow: Flow, data: bytes) -> MessageSeen:
    """One message that came or went."""
    match = _CALL_ID.search(data, 0, 8192)
    call = match.group(1).strip().decode("utf-8", "replace") if match else ""
    local, remote = shown(flow.local), shown(flow.remote)
    return MessageSeen(direction, flow.interface, flow.transport.value, local, remote, call, data)


@lru_cache(maxsize=8192)
def shown(address: Address) -> str:
    """An address as text; a phone's comes again and again."""
    return str(address)
