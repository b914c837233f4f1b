"""Stage 6, the anchor: SDP goes through the media engine, so that RTP goes through our addresses.

Which description is offer and which answer follows from the message that bears it (RFC 3264,
RFC 3261 section 13.2, RFC 6337): the SDP of a request is an offer, unless it answers one that came
in a response (late offer); the SDP of a response answers the request's, or is itself the offer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from farline.border.exchange import Side
from farline.border.interworking import hold
from farline.border.policy.media import MediaPolicy, Narrowed, narrow, narrow_shown
from farline.border.steps import Ask
from farline.media.engine import Answer, MediaReply, Offer
from farline.media.engine import Side as MediaSide
from farline.sdp import SdpError, parse
from farline.sdp.fields import address_type
from farline.sdp.narrow import without_ice
from farline.sip import headers

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from farline.sip import Message

ANCHORED = frozenset({"INVITE", "ACK", "PRACK", "UPDATE"})
"""Methods whose messages may bear SDP that means this session."""

_FAX = re.compile(rb"(?im)^m=image [1-9]\d* udptl\b")
_ORIGIN = re.compile(rb"(?m)^o=\S+ (\S+ \S+ IN) (IP[46] \S+)")


@dataclass(slots=True)
class Anchored:
    """The media session of a call."""

    media: str
    """Its name at the engine."""

    outside: MediaSide
    inside: MediaSide
    origins: dict[Side, str] = field(default_factory=dict)
    """Sides to which o= is not shown (topology hiding profile, SDP): the address that stands there
    instead, "" for ours. Its user part becomes "-"."""

    policies: dict[Side, MediaPolicy] = field(default_factory=dict)
    """By sender: what may pass of its descriptions."""

    hold: str = "none"
    """How the server wants hold written (interworking profile)."""

    outer_hold: str = "none"
    """The same of the server that a way between servers begins at."""

    hushed: frozenset[Side] = frozenset()
    """Sides that are not told of hold (interworking profile, Send Hold)."""

    unsaid: dict[Side, list[bytes]] = field(default_factory=dict)
    """Directions of the last offer to such a side, which was shown others."""

    inserted: bool = False
    """The last INVITE had no SDP, and the border made an offer for it."""

    fax: bool = True
    """Whether T.38 passes (interworking profile)."""

    open: bool = False
    """The engine has been given an offer."""

    late_offer: Side | None = None
    """Who offered in a response and waits for the answer in ACK or PRACK."""

    last: dict[Side, tuple[str, bytes, bytes]] = field(default_factory=dict)
    """By sender: its tag, the description that came last and what it became."""

    spare: MediaSide | None = None
    """The inside on the server flow's other media interface, until a call has begun."""

    def sides_from(self, sender: Side) -> tuple[MediaSide, MediaSide]:
        """The sender's side of the media session and the receiver's."""
        if sender is Side.INSIDE:
            return self.inside, self.outside
        return self.outside, self.inside

    def last_from(self, side: Side, tag: str) -> bytes | None:
        """What the other side was shown last of this end; None when it has said nothing yet."""
        known = self.last.get(side)
        return known[2] if known is not None and known[0] == tag else None


def description(message: Message) -> bytes | None:
    """The SDP of a message; None when it has none. Other bodies are not looked into."""
    if not message.body or message.method not in ANCHORED:
        return None
    return message.body if headers.media_type(message) == "application/sdp" else None


def has_hidden_description(message: Message) -> bool:
    """Whether SDP may stand inside a multipart body, which the engine cannot be shown."""
    if not message.body or message.method not in ANCHORED:
        return False
    return headers.media_type(message).startswith("multipart/")


def carry(
    anchored: Anchored, sender: Side, message: Message, sdp: bytes, *, offered: bool
) -> Generator[Ask, Any, MediaReply]:
    """Show a description to the engine; the reply holds the one for the other side.

    `offered`: the request that a response answers bore an offer. A description that is repeated
    (183, then 200) is not asked about again.
    """
    tag = message.from_tag if message.is_request else message.to_tag
    if message.is_request:
        waiting = anchored.late_offer
        answer = message.method in ("ACK", "PRACK") and waiting is sender.other
        repeats = message.method == "ACK"
    else:
        answer, repeats = offered, True
    known = anchored.last.get(sender)
    if repeats and known is not None and known[:2] == (tag, sdp):
        return MediaReply(sdp=known[2])
    late = not message.is_request
    return (yield from describe(anchored, sender, tag, sdp, answer=answer, late=late))


def describe(
    anchored: Anchored, sender: Side, tag: str, sdp: bytes, *, answer: bool, late: bool = False
) -> Generator[Ask, Any, MediaReply]:
    """Show the engine an offer, or an `answer`. `late`: an offer that came in a response."""
    one, other = anchored.sides_from(sender)
    passed = _passed(anchored, sender, sdp, narrow)
    if isinstance(passed, MediaReply):
        return passed
    if not answer and not anchored.fax and _FAX.search(sdp):
        return MediaReply(error="T.38 Support is off in the interworking profile", status=488)
    kind = Answer if answer else Offer
    reply: MediaReply = yield Ask(kind(anchored.media, passed, one, other))
    if reply.status == 503 and not anchored.open and anchored.spare is not None:
        # The server flow's Secondary Media Interface, for the whole of this call.
        anchored.inside, anchored.spare = anchored.spare, None
        one, other = anchored.sides_from(sender)
        reply = yield Ask(kind(anchored.media, passed, one, other))
    if reply.error is not None or reply.sdp is None:
        return reply
    anchored.open = True
    fitting = _passed(anchored, sender, reply.sdp, narrow_shown)
    if isinstance(fitting, MediaReply):
        return fitting
    shown = fitting
    if sender in anchored.policies and not anchored.policies[sender].ice_to_receiver:
        shown = without_ice(parse(shown))
    if sender.other in anchored.origins:
        shown = _hide_origin(shown, anchored.origins[sender.other])
    styles = {Side.INSIDE: anchored.hold, Side.OUTSIDE: anchored.outer_hold}
    shown = hold.adapt(styles[sender], sdp, shown, to_server=False)
    shown = hold.adapt(styles[sender.other], sdp, shown, to_server=True)
    shown = _hush(anchored, sender, shown, answer=answer)
    _note(anchored, sender, (tag, sdp, shown), answer=answer, late=late)
    return msgspec.structs.replace(reply, sdp=shown)


def _hush(anchored: Anchored, sender: Side, shown: bytes, *, answer: bool) -> bytes:
    """Send Hold off: hide an offer's hold from a server, and answer its holder as it expects."""
    if answer:
        ways = anchored.unsaid.pop(sender, None)
        return shown if ways is None else hold.answering(shown, ways)
    if sender.other in anchored.hushed:
        shown, ways = hold.hushed(shown)
        anchored.unsaid[sender.other] = ways
    return shown


def _passed(
    anchored: Anchored,
    sender: Side,
    sdp: bytes,
    narrow: Callable[[MediaPolicy, bytes], Narrowed],
) -> bytes | MediaReply:
    """What the rules of both legs let pass of a description, or why nothing does."""
    policy = anchored.policies.get(sender)
    if policy is None:
        return sdp
    try:
        narrowed = narrow(policy, sdp)
    except SdpError as error:
        return MediaReply(error=str(error), status=488)
    if narrowed.refused:
        said = "; ".join(narrowed.said)
        return MediaReply(error=f"nothing is left: {said} ({policy.place})", status=488)
    return narrowed.sdp


def _hide_origin(sdp: bytes, address: str) -> bytes:
    """The description with `-` for its origin's user, and another address if one is given."""

    def swap(match: re.Match[bytes]) -> bytes:
        shown = f"{address_type(address)} {address}".encode() if address else match[2]
        return b"o=- %b %b" % (match[1], shown)

    return _ORIGIN.sub(swap, sdp, count=1)


def _note(
    anchored: Anchored, sender: Side, passed: tuple[str, bytes, bytes], *, answer: bool, late: bool
) -> None:
    anchored.open = True
    if answer:
        if anchored.late_offer is sender.other:
            anchored.late_offer = None
    else:
        anchored.last.pop(sender.other, None)
        anchored.late_offer = sender if late else None
    anchored.last[sender] = passed
