"""The SDP of one INVITE transaction: its offer and its answers, anchored in the media engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from farline.border.calls import anchor
from farline.border.interworking import calls as call_interworking
from farline.config.interworking import InterworkingProfile
from farline.media.engine import MediaReply

if TYPE_CHECKING:
    from collections.abc import Generator

    from farline.border.calls.session import Session
    from farline.border.context import Context
    from farline.border.exchange import Side
    from farline.border.passage import Passage
    from farline.sip import Message


class CallMedia:
    """Offer and answers of one INVITE, on one next hop after the other."""

    def __init__(self, context: Context, passage: Passage) -> None:
        self._context = context
        self._passage = passage
        self._offered = False
        self._made = False
        """The offer is the border's own: the INVITE had none."""

    def offer(
        self, session: Session, request: Message, out: Message
    ) -> Generator[Any, Any, MediaReply | None]:
        """Anchor the INVITE's offer, or the border's own, and put it into `out`.

        None: the INVITE goes without SDP. A reply with `error`: the call cannot be.
        """
        sdp = anchor.description(request)
        if sdp is None:
            sdp = call_interworking.made_offer(self._passage, session)
            if sdp is None:
                return None
            self._made = True
            out.set("Content-Type", "application/sdp")
            form = f"{InterworkingProfile.form}: Delayed SDP Handling"
            self._context.decided("anchor", "offer inserted", "the INVITE has no SDP", form)
        if session.anchored is not None:
            session.anchored.inserted = self._made
        self._offered = True
        reply = yield from self._carry(session, self._passage.sender, request, sdp)
        out.body = reply.sdp or b""
        return reply

    def answer(
        self, session: Session, response: Message
    ) -> Generator[Any, Any, tuple[bytes | None, MediaReply | None]]:
        """Anchor the SDP of an 18x or 2xx.

        The body that the caller reads, None: as it came; and what the engine said to the SDP, None
        where there was none.
        """
        sdp, replaced = call_interworking.early_sdp(self._passage, session, response)
        if sdp is None:
            return replaced, None
        reply = yield from self._carry(session, self._passage.sender.other, response, sdp)
        return reply.sdp, reply

    def _carry(
        self, session: Session, sender: Side, message: Message, sdp: bytes
    ) -> Generator[Any, Any, MediaReply]:
        anchored = session.anchored
        if anchored is None:
            return MediaReply(error="the phone is not reachable", status=480)
        known = anchored.last.get(sender)
        repeated = known is not None and known[:2] == (message.to_tag, sdp)
        reply = yield from anchor.carry(anchored, sender, message, sdp, offered=self._offered)
        if self._made and not message.is_request and not repeated and reply.error is None:
            # What answers our offer is itself the offer to the caller.
            tag = message.to_tag
            reply = yield from anchor.describe(anchored, sender, tag, sdp, answer=False, late=True)
        if reply.sdp is not None and b"m=video " in reply.sdp:
            self._context.sessions.note_video(session)
        self._context.decided(
            "anchor",
            "anchored" if reply.error is None else f"refused {reply.status}",
            reply.error or f"SDP from {sender} in media session {anchored.media}",
        )
        return reply
