"""How long a registration is good for, and how long to wait before the next try."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline.sip import WireError
from farline.sip.headers import contacts, expires

if TYPE_CHECKING:
    from farline.sip import Flow, Message
    from farline.sip.ids import Ids

BACKOFF_BASE = 1.0
BACKOFF_MAX = 300.0
"""Seconds before trying again: doubled each time, as section 4.5, but from one second, for a phone
with a single flow is out of reach until it is back."""


def granted(response: Message, flow: Flow | None, asked: int) -> int:
    """Seconds granted: by our Contact, else by Expires, else what we asked for (10.2.4)."""
    try:
        whole = expires(response)
        for contact in contacts(response):
            uri = contact.address.uri
            ours = flow is not None and (uri.host, uri.port) == flow.local
            if ours and contact.expires is not None:
                return contact.expires
    except WireError:
        return asked
    return asked if whole is None else whole


def pause_after(failures: int, ids: Ids, wait: int | None = None) -> float:
    """Seconds: between half and the whole of a doubled pause (RFC 5626 section 4.5).

    `wait`: the server's Retry-After, which is kept up to an hour.
    """
    upper = min(BACKOFF_MAX, BACKOFF_BASE * 2.0 ** min(failures, 16))
    pause = upper * (0.5 + ids.number(16) / 131072)
    return pause if wait is None else max(pause, float(min(wait, 3600)))
