"""What a server's interworking profile means for calls: short sessions, early SDP, ringing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline.border.calls import anchor
from farline.border.exchange import Refusal, Side, Verdict
from farline.sip import WireError, headers

if TYPE_CHECKING:
    from farline.border.calls.session import Session
    from farline.border.passage import Passage
    from farline.sip import Message

_OFFER = (
    "v=0\r\no=- 1 1 IN {kind} {host}\r\ns=-\r\nc=IN {kind} {host}\r\nt=0 0\r\n"
    "m=audio 9 RTP/AVP 8 0 9 18 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n"
    "a=rtpmap:9 G722/8000\r\na=rtpmap:18 G729/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
    "a=fmtp:101 0-16\r\na=sendrecv\r\n"
)
"""What every telephone speaks; media rules narrow it as every offer."""

TIMER_C_SECONDS = 185.0
"""How long a call may ring without news: over three minutes (RFC 3261 section 16.6 step 11)."""


def unfit(passage: Passage) -> Verdict[Refusal] | None:
    """Why the server's profile excludes what the call wants; None when all is well."""
    try:
        least = _too_short(passage)
    except WireError as error:
        refusal = Refusal(error.status or 400, "malformed")
        return Verdict(refusal, f"{error.where}: {error.reason}")
    if least is not None:
        refusal = Refusal(422, "session-interval", (("Min-SE", str(least)),))
        return Verdict(refusal, f"shorter than Min-SE {least}")
    return None


def _too_short(passage: Passage) -> int | None:
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


def made_offer(passage: Passage, session: Session) -> bytes | None:
    """The offer for an INVITE without SDP to a server that understands none; None: it passes.

    In a call that is what its sender said last. Before that nobody knows where the sender listens:
    port 9 is nobody's, and the ACK tells.
    """
    profile = passage.far_profile
    if profile is None or profile.delayed_sdp_handling == "pass" or session.anchored is None:
        return None
    known = session.anchored.last.get(passage.sender)
    if known is not None and passage.request.to_tag:
        return known[1]
    host = session.anchored.sides_from(passage.sender)[0].signaling_source or "192.0.2.1"
    return _OFFER.format(kind="IP6" if ":" in host else "IP4", host=host).encode("ascii")


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
