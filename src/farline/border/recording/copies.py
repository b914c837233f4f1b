"""The copies of one call at the media engine, and what their server knows of the call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from farline.border.exchange import Refusal, Side
from farline.border.recording.parties import multipart, parties_of
from farline.border.steps import Ask
from farline.media.engine import MediaReply, Subscribe, SubscribeAnswer
from farline.media.engine import Side as MediaSide

if TYPE_CHECKING:
    from collections.abc import Generator

    from farline.border.calls.session import Session
    from farline.border.context import Context
    from farline.border.recording.metadata import Metadata, Participant
    from farline.border.steps import Step
    from farline.config import ServerFlow


@dataclass(slots=True)
class Told:
    """What the server knows of the call."""

    metadata: Metadata
    shown: bytes = b""
    """The description that it was offered last."""

    parties: tuple[Participant, ...] = ()

    def learn(self, context: Context, session: Session, sdp: bytes) -> bool:
        """Take how the call stands; whether the server has been told another."""
        self.parties = parties_of(session, sdp)
        others = self.metadata.note(context.ids, self.parties, context.wall(context.now))
        other = self.shown != sdp
        self.shown = sdp
        return others or other

    def body(self, boundary: str, sdp: bytes, call: str) -> bytes:
        """The description and the whole of the metadata."""
        return multipart(boundary, sdp, self.metadata.document(call, self.parties))


class Copies:
    """The engine's copies of what both sides of a call say."""

    def __init__(self, context: Context, session: Session) -> None:
        self._context = context
        self._session = session
        self.media = session.anchored.media if session.anchored is not None else ""
        """The media session that is copied."""

    @property
    def moved(self) -> bool:
        """Whether the call has gone on in another media session (a transfer)."""
        anchored = self._session.anchored
        return anchored is None or anchored.media != self.media

    def offer(self, flow: ServerFlow) -> Generator[Step, Any, MediaReply]:
        """The description to offer to the server that the flow leads to."""
        if self.moved:
            return MediaReply(error="the call has no media", status=500)
        rules = self._context.rules_of(flow, in_dialog=True).value
        if isinstance(rules, Refusal):
            return MediaReply(error="outside of its hours", status=403)
        side = MediaSide("recorder", flow.media_interface, "", rules.media.encryption)
        reply: MediaReply = yield Ask(Subscribe(self.media, side, Side.OUTSIDE.value))
        return reply

    def accept(self, sdp: bytes) -> Generator[Step, Any, str]:
        """Take the server's description: "" or why it cannot be."""
        reply: MediaReply = yield Ask(SubscribeAnswer(self.media, sdp))
        return reply.error or ""

    def release(self) -> Generator[Step, Any, None]:
        """The copies stop; with the call they stop by themselves."""
        if not self.moved and not self._session.ended:
            yield Ask(Subscribe(self.media, None))
