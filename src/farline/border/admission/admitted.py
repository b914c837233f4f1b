"""What the two sides of admission share: who was admitted, and what is the border's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from farline.border.exchange import Refusal, Side
from farline.sip import Uri, WireError

if TYPE_CHECKING:
    from farline.border.calls.session import Found
    from farline.border.context import Context
    from farline.border.registrations.binding import Binding
    from farline.sip import Message


@dataclass(slots=True)
class Admitted:
    """A request that is served: whose line it takes, from which side, in which dialog."""

    binding: Binding | None
    """None: a REGISTER, which makes or finds its own."""

    sender: Side
    found: Found | None
    flow_name: str


Admission: TypeAlias = Admitted | Refusal | None
"""None: it is for the border itself, and answered with 200."""


def is_for_us(context: Context, request: Message) -> bool:
    """Whether the Request-URI is the border itself: one of our addresses, and nobody there."""
    try:
        uri = Uri.parse(request.uri)
    except WireError:
        return False
    return not uri.user and context.plan.own.has(uri.host, uri.port)


def note_cseq(context: Context, found: Found | None, request: Message) -> None:
    """The dialog has used this CSeq; the process after this one goes on behind it."""
    if found is not None and found.sender is not None:
        found.session.note_cseq(found.sender, request)
        if request.method != "BYE":  # after which there is nothing to be kept
            context.keeper.session(found.session)
