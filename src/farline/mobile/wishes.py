"""What the user of the phone wants of one call, and what becomes of it in each kind of call."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from farline.mobile.commands import (
    HangUp,
    Hold,
    MediaFailed,
    MediaReady,
    Pick,
    Reject,
    Resume,
)
from farline.mobile.placing import PlacedCall
from farline.mobile.receiving import ReceivedCall

if TYPE_CHECKING:
    from farline.mobile.incall import InCall

Wish: TypeAlias = MediaReady | MediaFailed | Pick | Reject | HangUp | Hold | Resume


def tell(call: InCall, command: Wish, now: float) -> None:
    """Give a call its user's wish; one that does not fit its state does nothing."""
    if isinstance(command, HangUp):
        call.hang_up(now)
    elif isinstance(command, Hold | Resume):
        call.hold(now, on=isinstance(command, Hold))
    elif isinstance(command, MediaReady):
        if isinstance(call, PlacedCall | ReceivedCall):
            call.media_ready(command.address, now)
    elif isinstance(command, MediaFailed):
        if isinstance(call, ReceivedCall):
            call.media_failed(command.reason, now)
        else:
            call.end(f"no media ports: {command.reason}")
    elif isinstance(call, ReceivedCall):
        if isinstance(command, Pick):
            call.pick(now)
        else:
            call.reject(command.status, now)
