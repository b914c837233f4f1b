"""Two calls of which one end each is left, joined by the border: what a transfer leaves behind.

Each end goes on in its own dialog. The border stands between them as a user agent: it answers for
the one who left, and what an end sends goes on in the other dialog, with its own numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from farline.border.calls import anchor, refreshing
from farline.border.calls.anchor import Anchored, describe
from farline.border.calls.legs import Leg
from farline.border.calls.session import Joint
from farline.border.calls.targets import target_of
from farline.border.calls.teardown import make_ack
from farline.border.exchange import Side
from farline.border.interworking import dtmf
from farline.border.interworking.stage import RELIABLE
from farline.border.recording import siprec
from farline.border.steps import NEXT, Cancelled
from farline.media.engine import MediaReply
from farline.sip import Message, WireError, responses
from farline.sip.transaction import RequestFailed, ResponseArrived, TransactionEnded

if TYPE_CHECKING:
    from collections.abc import Generator

    from farline.border.calls.session import Found, Session
    from farline.border.context import Context
    from farline.border.recording.recorder import Recorder
    from farline.border.steps import Ask, Operation, Steps
    from farline.sip.transaction import ClientTransaction, ServerTransaction

CARRIED = (
    "Content-Disposition", "Info-Package", "Recv-Info", "Reason", "User-to-User",
    "Session-Expires", "Min-SE", "P-Asserted-Identity", "Supported", "Require", "Accept",
)  # fmt: skip
"""Headers that go on into the other dialog."""

PASSED_ON = frozenset({"INVITE", "UPDATE", "INFO", "MESSAGE", "OPTIONS"})


# ---- media ----


def voice_of(leg: Leg) -> tuple[Anchored | None, Side]:
    """The media session that an end is in, and what it is called there."""
    joint = leg.session.joint
    if joint is None:
        return leg.session.anchored, leg.side
    return leg.session.media, joint.voice


def media_between(context: Context, stays: Leg, there: Leg) -> Anchored | None:
    """A media session for two ends: the one who stays is its outside, whichever side that is on."""
    old, mine = voice_of(stays)
    new, theirs = voice_of(there)
    if old is None or new is None:
        return None
    policies = {
        Side.OUTSIDE: old.policies.get(mine),
        Side.INSIDE: new.policies.get(theirs),
    }
    origins = {Side.OUTSIDE: old.origins.get(mine), Side.INSIDE: new.origins.get(theirs)}
    return Anchored(
        context.ids.token(),
        replace(old.sides_from(mine)[0], name="outside"),
        replace(new.sides_from(theirs)[0], name="inside"),
        {side: one for side, one in origins.items() if one is not None},
        policies={side: one for side, one in policies.items() if one is not None},
        hold=_hold(new, theirs),
        outer_hold=_hold(old, mine),
        fax=old.fax and new.fax,
    )


def _hold(anchored: Anchored, side: Side) -> str:
    return anchored.hold if side is Side.INSIDE else anchored.outer_hold


def answered(media: Anchored, response: Message) -> Generator[Ask, Any, MediaReply]:
    """The target's answer, as an offer to the one who stays."""
    sdp = anchor.description(response)
    if sdp is None:
        return MediaReply(error="the target answers without SDP", status=488)
    reply = yield from describe(media, Side.INSIDE, "target", sdp, answer=True)
    if reply.error is not None:
        return reply
    return (yield from describe(media, Side.INSIDE, "target", sdp, answer=False))


def settled(media: Anchored, response: Message) -> Generator[Ask, Any, None]:
    """The answer of the one who stays."""
    sdp = anchor.description(response)
    if sdp is not None:
        yield from describe(media, Side.OUTSIDE, "stays", sdp, answer=True)


def join(context: Context, stays: Leg, there: Leg, media: Anchored) -> None:
    """From now on each is the other's peer; what was between them and the one who left ends."""
    ended: list[Recorder] = []
    for leg in (stays, there):
        old = voice_of(leg)[0]
        if old is not None and old is not media:
            context.sessions.forget_media(old.media)
            context.release(old, leg.session, "transferred")
            recorder, leg.session.recorder = leg.session.recorder, None
            ended += [recorder] if recorder is not None else []
        before = leg.session.joint
        if before is not None and before.other.joint is not None:
            before.other.joint.over, before.other.anchored = True, None
            context.keeper.session(before.other)
    stays.session.anchored, there.session.anchored = None, media
    context.sessions.note_media(media.media, there.session)
    stays.session.joint = Joint(stays.side, there.session, there.side, Side.OUTSIDE)
    there.session.joint = Joint(there.side, stays.session, stays.side, Side.INSIDE)
    for leg in (stays, there):
        refreshing.take_over(context, leg)
        context.keeper.session(leg.session)
    for recorder in ended:
        recorder.over()
    there.session.conversation = stays.session.conversation or there.session.conversation
    siprec.begin(context, there.session)


# ---- what an end sends ----


def relay(
    context: Context, operation: Operation, tx: ServerTransaction, found: Found, sender: Side
) -> Steps:
    """A request in one of two joined calls."""
    session, joint = found.session, found.session.joint
    if joint is None or joint.over or sender is not joint.side:
        # The one who left: hanging up is all that is left to do.
        context.answer(tx, 200 if tx.method == "BYE" else 481)
        if joint is not None and joint.over and tx.method == "BYE":
            context.end_session(session, "ended", f"BYE from {sender}")
        return
    there = Leg(context, joint.other, joint.other_side)
    if tx.method == "BYE":
        context.answer(tx, 200)
        there.tell(there.request("BYE", headers=_carried(tx.request)))
        for one in (session, joint.other):
            context.end_session(one, "ended", f"BYE from {sender}")
        return
    if tx.method not in PASSED_ON:
        context.decided(tx.method, "answered 405", "the border joined this call (REFER)")
        context.answer(
            tx, 405, (("Allow", "INVITE, ACK, BYE, CANCEL, UPDATE, INFO, MESSAGE, OPTIONS"),)
        )
        return
    yield from _Joined(context, operation, tx, session, joint, there).run()


def ack(context: Context, message: Message, found: Found) -> Steps:
    """The ACK of an end for the 2xx that its re-INVITE got."""
    session, joint = found.session, found.session.joint
    if joint is None or joint.unacked is None:
        return
    client, response = joint.unacked
    there = Leg(context, joint.other, joint.other_side)
    out = make_ack(joint.other, response, there.end)
    sdp, media = anchor.description(message), session.media
    if sdp is not None and media is not None and media.late_offer is joint.voice.other:
        reply = yield from describe(media, joint.voice, message.from_tag, sdp, answer=True)
        if reply.sdp is not None:
            out.add("Content-Type", "application/sdp")
            out.body = reply.sdp
    context.send_ack(out, client.flow)


def _carried(message: Message) -> tuple[tuple[str, str], ...]:
    """Headers for the other dialog; reliable provisional answers stay in one (no PRACK crosses)."""
    found: list[tuple[str, str]] = []
    for name in CARRIED:
        for value in message.all(name):
            words = [word.strip() for word in value.split(",")]
            if name in ("Supported", "Require") and RELIABLE in words:
                value = ", ".join(word for word in words if word != RELIABLE)
            if value:
                found.append((name, value))
    return tuple(found)


class _Joined:
    """One request from one dialog into the other, and its answer back."""

    def __init__(
        self, context: Context, operation: Operation, tx: ServerTransaction, session: Session,
        joint: Joint, there: Leg,
    ) -> None:  # fmt: skip
        self.context, self.operation, self.tx = context, operation, tx
        self.session, self.joint, self.there = session, joint, there
        self.media = session.media
        self.offered = False

    def run(self) -> Steps:
        """Pass it on and follow what comes back."""
        request = self.tx.request
        if request.method == "INVITE":
            self.context.answer(self.tx, 100)
        if request.method == "INFO" and (yield from self._take_digit()):
            return
        target = target_of(request)
        sdp, body, kind = anchor.description(request), request.body, request.get("Content-Type")
        if sdp is not None:
            reply = yield from self._describe(self.joint.voice, request.from_tag, sdp, answer=False)
            if reply.sdp is None:
                self.context.answer(self.tx, reply.status or 488)
                return
            body, self.offered = reply.sdp, True
        out = self.there.request(request.method, body, kind or "", _carried(request))
        flow = yield from self.there.reach()
        if flow is None:
            self.context.answer(self.tx, 480)
            return
        client = self.context.request(self.operation, out, flow, self.there.side)
        yield from self._follow(client, target)

    def _take_digit(self) -> Generator[Ask, Any, bool]:
        """Put the digit of an INFO into the stream, where the other server wants that."""
        digit, sender = dtmf.digit_of(self.tx.request), self.joint.side
        if digit is None or not dtmf.wants_events(self.context, self.session, sender):
            return False
        done = yield from dtmf.to_stream(self.context, self.session, sender, digit)
        if done:
            self.context.answer(self.tx, 200)
        return done

    def _follow(self, client: ClientTransaction, target: str) -> Steps:
        while True:
            event = yield NEXT
            if isinstance(event, Cancelled):
                self.context.layer.cancel(client, self.context.now, event.reasons)
            elif getattr(event, "tx", None) is not client:
                continue
            elif isinstance(event, ResponseArrived) and event.message.status > 100:
                told = self.there.answer_challenge(self.operation, client, event.message)
                if told is not None:
                    client = told
                    continue
                yield from self._back(client, event.message, target)
            elif isinstance(event, RequestFailed):
                self.context.answer(self.tx, 408)
                return
            elif isinstance(event, TransactionEnded):
                return

    def _back(self, client: ClientTransaction, response: Message, target: str) -> Steps:
        status, sdp = response.status, anchor.description(response)
        body, kind = response.body, response.get("Content-Type") or ""
        if sdp is not None:
            side, tag = self.joint.voice.other, response.to_tag
            reply = yield from self._describe(side, tag, sdp, answer=self.offered)
            if reply.sdp is None and status >= 200:
                self.there.ack(client, response)  # who has accepted what cannot be passed on
            body, status = reply.sdp or b"", status if reply.sdp is not None else 488
        out = responses.make(self.tx.request, status, body=body)
        if body:
            out.set("Content-Type", kind)
        for name, value in _carried(response):
            out.add(name, value)
        if 200 <= status < 300:
            if self.tx.method in ("INVITE", "UPDATE"):
                request, side = self.tx.request, self.joint.side
                refreshing.agree(self.context, self.session, side, request, response, out)
            self._accepted(client, response, out, target)
        self.context.respond(self.tx, out)

    def _accepted(
        self, client: ClientTransaction, response: Message, out: Message, target: str
    ) -> None:
        """Contacts may have moved; the ACK is to find its way."""
        mine = self.session.end_on(self.joint.side)
        mine.target = target or mine.target
        there = self.there.end
        there.target = target_of(response) or there.target
        line = self.session.binding.line
        if self.tx.method in ("INVITE", "UPDATE") and line is not None:
            crossing = line.inward if self.joint.side is Side.INSIDE else line.outward
            try:
                out.set("Contact", crossing.contact(f"<{there.target}>"))
            except WireError:
                self.context.note("contact", f"{there.target!r} cannot be read")
        if self.tx.method == "INVITE":
            self.joint.unacked = (client, response)
        self.context.keeper.session(self.session)
        self.context.keeper.session(self.joint.other)

    def _describe(
        self, side: Side, tag: str, sdp: bytes, *, answer: bool
    ) -> Generator[Ask, Any, MediaReply]:
        if self.media is None:
            return MediaReply(error="there is no media", status=488)
        late = not answer and side is not self.joint.voice
        return (yield from describe(self.media, side, tag, sdp, answer=answer, late=late))
