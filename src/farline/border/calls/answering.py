"""What the caller of an INVITE is told: the answers of the called side, or that there are none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline.border.calls import dialogs
from farline.border.calls.forwarding import Arrival, Forwarding
from farline.border.calls.media import CallMedia
from farline.border.calls.teardown import hang_up, refuse_answer
from farline.border.interworking.extensions import Extensions
from farline.border.policy.charging import never_began
from farline.border.survival.ringing import RingingKeeper
from farline.sip import WireError

if TYPE_CHECKING:
    from farline.border.calls.session import Session
    from farline.border.steps import Steps
    from farline.media.engine import MediaReply
    from farline.sip import Flow, Message
    from farline.sip.transaction import ClientTransaction


class Answering(Forwarding):
    """The side of an INVITE transaction that faces its caller."""

    def __init__(self, arrival: Arrival) -> None:
        super().__init__(arrival)
        self.initial = arrival.found is None
        self._media = CallMedia(self.context, self.passage)
        self._extensions = Extensions(self.context, self.passage)
        self.answered = False
        """The caller has a final answer."""

        self._kept = RingingKeeper(self.context, self.passage, self.tx)
        self._held: tuple[Message, Flow] | None = None
        """A 2xx that waits for the caller's PRACK, and where it came from."""

    def _pass_answer(self, client: ClientTransaction, response: Message) -> Steps:
        """Give the caller a 18x or 2xx, with its SDP anchored."""
        session, passage = self.session, self.passage
        if session is None or self._held is not None:
            return
        reliable = self._extensions.reliable(self.operation, self.tx, session)
        hidden = reliable is not None and reliable.hides(response)
        body: bytes | None = b""
        reply: MediaReply | None = None
        if not hidden:
            body, reply = yield from self._media.answer(session, response)
        if reply is not None and reply.error is not None:
            self._unusable(client, response, reply)
            return
        try:
            out = passage.to_near(response)
        except WireError as error:
            self.context.refused("malformed", f"{error.where}: {error.reason}", client.flow)
            return
        if body is not None:
            if body and out.get("Content-Type") is None:
                out.set("Content-Type", "application/sdp")
            out.body = body
        self._extensions.answered(session, response, out, client.flow)
        out = yield from passage.manipulated(out, passage.sender)
        if response.status >= 200:
            if reliable is None:
                self._succeed(session, response, out)
            else:
                self._held = response, client.flow
                reliable.succeed(lambda: self._succeed(session, response, out))
            return
        if reliable is None:
            self.context.respond(self.tx, out)
        else:
            reliable.send(out)
        if session.state == "started":
            self.context.call_changed(session, "ringing", f"{response.status}")

    def _succeed(self, session: Session, response: Message, out: Message) -> None:
        """Give the caller its 2xx."""
        self.context.respond(self.tx, out)
        self._held, self.answered = None, True
        self._kept.answered()
        dialogs.confirm(session, self.passage, response, out)
        session.pending = None
        self.context.keeper.session(session)
        self.context.call_changed(session, "answered", f"{response.status}")

    def _refused(self, response: Message) -> Steps:
        """A final answer other than 2xx."""
        try:
            out = self.passage.to_near(response)
        except WireError:
            self._fail(500, "an answer that cannot be read")
            return
        self.answered = True
        self._kept.answered()
        out = yield from self.passage.manipulated(out, self.passage.sender)
        self.context.respond(self.tx, out)
        if self.initial and self.session is not None:
            self.context.end_session(self.session, "failed", f"{response.status}")

    def _unusable(self, client: ClientTransaction, response: Message, reply: MediaReply) -> None:
        """An answer whose SDP the engine refuses: the caller is told, the other leg ended."""
        why = reply.error or ""
        session = self.session
        if response.status >= 200 and session is not None:
            refuse_answer(self.context, session, response, client.flow)
        else:
            self.context.layer.cancel(client, self.context.now)
        self._fail(reply.status or 488, why)
        if not self.initial and session is not None:
            hang_up(self.context, session, "no media", cause=47)

    def _never_began(self, why: str) -> None:
        """A call that found no way or no room is a call all the same, for those who count them."""
        context, passage = self.context, self.passage
        twice = context.sessions.holds(passage.binding, self.tx.request)
        if self.initial and self.session is None and not twice:
            never_began(context, passage.binding, passage.sender, self.tx.request, why)

    def _fail(self, status: int, why: str, told: tuple[tuple[str, str], ...] = ()) -> None:
        """Tell the caller that it came to nothing."""
        if not self.answered:
            self.answered = True
            self._kept.answered()
            self.context.decided("call", f"answered {status}", why)
            self.context.answer(self.tx, status, told)
            self._never_began(why)
        if self.initial and self.session is not None:
            self.context.end_session(self.session, "failed", why)
