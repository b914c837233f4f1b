"""What a server's interworking profile means for calls: short sessions, early SDP, ringing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline.border import anchor
from farline.border.exchange import Side
from farline.border.interworking import RELIABLE
from farline.sip import headers

if TYPE_CHECKING:
    from farline.border.passage import Passage
    from farline.border.session import Session
    from farline.sip import Message

TIMER_C_SECONDS = 185.0
"""How long a call may ring without news: over three minutes (RFC 3261 section 16.6 step 11)."""


def too_short(passage: Passage) -> int | None:
    """The server's Min-SE, when the phone wants a shorter session; None when all is well.

    Raises WireError for a Session-Expires that cannot be read.
    """
    if passage.sender is Side.INSIDE:
        return None
    least = passage.works.profile.timers.min_se
    if least is None:
        return None
    wanted = headers.session_expires(passage.request)
    return least if wanted is not None and wanted.interval < least else None


def needs_unsupported(passage: Passage) -> bool:
    """Whether a call requires reliable provisional answers and the server has none (RFC 3262).

    Raises WireError for a Require that cannot be read.
    """
    if passage.works.profile.prack_support:
        return False
    return any(value.strip().lower() == RELIABLE for value in passage.request.values("Require"))


def early_sdp(
    passage: Passage, session: Session, response: Message
) -> tuple[bytes | None, bytes | None]:
    """(the description to anchor or None, the body to send or None for the anchored one).

    180 to 183 Handling: a server's SDP is taken out (not of a reliable answer, which must bear it)
    or the one that came before is put in.
    """
    sdp = anchor.description(response)
    if passage.sender is Side.INSIDE or passage.works.plain:
        return sdp, None
    how = passage.works.profile.early(response.status)
    if how == "no_sdp" and response.get("RSeq") is None:
        return None, b""
    if how == "sdp" and sdp is None and session.anchored is not None:
        return None, session.anchored.last_from(Side.INSIDE, response.to_tag)
    return sdp, None


def ringing_seconds(passage: Passage) -> float:
    """How long the called side may be silent: Invite Expire of the server, else timer C."""
    if passage.sender is Side.INSIDE:
        return TIMER_C_SECONDS
    return passage.works.profile.timers.invite_expire or TIMER_C_SECONDS
