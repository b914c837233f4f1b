"""REFER carried out by the border (Server Interworking > Refer Handling; RFC 3515, 3891, 5589).

The one who refers gets 202 and NOTIFYs (`referrer`); the border calls the target in the name of the
one who stays (`transfer_call`), and joins the two by a re-INVITE. A target that is in a call
through the border already (Replaces) is not called but joined too. When it comes to nothing, the
first call goes on. A process that dies meanwhile leaves a record; the next one ends what hangs in
the air (`transfer_restored`).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from farline.border.calls import anchor
from farline.border.calls.legs import Leg, re_invite
from farline.border.exchange import Side
from farline.border.steps import Aborted, Operation
from farline.border.transfers import joining
from farline.border.transfers.call import TargetCall
from farline.border.transfers.record import Stage, TransferKeeper
from farline.border.transfers.refer_to import Target, read_target
from farline.border.transfers.referrer import GOODBYE_SECONDS, Referrer
from farline.config.interworking import InterworkingProfile
from farline.sip import WireError, headers

if TYPE_CHECKING:
    from collections.abc import Generator

    from farline.border.calls.session import Session
    from farline.border.context import Context
    from farline.border.registrations.binding import Binding
    from farline.border.steps import Step, Steps
    from farline.media.engine import MediaReply
    from farline.sip import Message
    from farline.sip.transaction import ClientTransaction, ServerTransaction

FORM = f"{InterworkingProfile.form}: Refer Handling"
_HELD = re.compile(rb"(?m)^a=(sendonly|recvonly|inactive)(?=\r?$)")


def refer(
    context: Context, tx: ServerTransaction, session: Session, referrer: Side
) -> tuple[int, str]:
    """Begin a transfer: 202 and "" when it was begun, else the status to answer and why."""
    if session.transfer is not None:
        return 491, "a transfer of this call is under way"
    over = session.joint is not None and session.joint.over
    answered = session.state == "answered" and bool(session.confirmed)
    if not answered or over or session.media is None:
        return 403, "only answered calls are transferred"
    lines = tx.request.all("Refer-To")
    if len(lines) != 1:
        return 400, "one Refer-To is wanted"
    try:
        target = read_target(lines[0])
    except WireError as error:
        return error.status or 400, f"{error.where}: {error.reason}"
    transfer = Transfer(context, tx.request, session, referrer, target)
    session.transfer = transfer
    told = (("Refer-Sub", "false"),) if transfer.referrer.quiet else ()
    context.answer(tx, 202, told)
    context.start(transfer.operation, transfer.run())
    return 202, ""


class Transfer:
    """One transfer under way."""

    def __init__(
        self, context: Context, request: Message, session: Session, referrer: Side, target: Target
    ) -> None:
        self.context = context
        self.session = session
        self.target = target
        self.operation = Operation(session.call_id)
        self.referrer = Referrer.of(context, session, referrer, request)
        joint = session.joint
        self.stays = Leg(context, session, referrer.other)
        if joint is not None:
            self.stays = Leg(context, joint.other, joint.other_side)
        self._call = TargetCall(self, request)
        self._kept = TransferKeeper(context, session, self.referrer)
        self._ended = False

    def hung_up(self) -> None:
        """The one who referred sends BYE: that is no end for the other, who is being joined."""
        self.referrer.left = True
        self._kept.write()

    def abort(self, why: str) -> None:
        """The call is over: the target is not wanted any more."""
        if not self._ended:
            self.context.deliver(self.operation, Aborted(487, why))

    def calls(self, client: ClientTransaction, binding: Binding) -> None:
        """An INVITE was sent to the target."""
        self._kept.calls(client, binding)

    def run(self) -> Steps:
        """From the 202 to the end."""
        self._kept.write()
        self.referrer.tell(100, "Trying")
        known = self._replaced()
        if known is not None:
            status, text = yield from self._join_known(known)
        else:
            found = yield from self._call.run()
            if isinstance(found[0], Leg):
                status, text = yield from self._connect(*found)
            else:
                status, text = found
        self._ended = True
        if status < 300:
            self.referrer.tell(200, "OK", last=True)
            self._say_goodbye()
        else:
            self._came_to_nothing(status, text)

    # ---- the end of it ----

    def _came_to_nothing(self, status: int, text: str) -> None:
        context, session = self.context, self.session
        context.decided("transfer", f"failed {status}", text, FORM)
        self.referrer.tell(status, text, last=True)
        session.transfer = None
        self._kept.end()
        if self.referrer.left and not session.ended:
            bye = self.stays.request("BYE", headers=(("Reason", 'Q.850;cause=31;text="transfer"'),))
            self.stays.tell(bye)
            for one in (session, self.stays.session):
                context.end_session(one, "ended", "the transfer failed and its beginner is gone")

    def _say_goodbye(self) -> None:
        """Hang up on the one who referred, unless that one does it first."""
        context = self.context
        self._kept.stage(Stage.DONE)

        def late(_now: float) -> None:
            self.referrer.hang_up()
            self._kept.end()
            if self.session.joint is not None and self.session.joint.over:
                context.end_session(self.session, "ended", "transferred")

        context.schedule.start(context.now + GOODBYE_SECONDS, "transfer", late)

    # ---- the target ----

    def _replaced(self) -> Leg | None:
        """The end of a call of ours that Replaces names."""
        try:
            call, tags = headers.split_params(self.target.replaces, "Replaces")
        except WireError:
            return None
        named = {tags.get("to-tag", ""), tags.get("from-tag", "")}
        for session in self.context.sessions.of_call(call) if call else ():
            if session is self.session or not session.confirmed or session.joint is not None:
                continue
            if {session.key[2], session.confirmed} == named:
                theirs = tags.get("to-tag") == session.key[2]
                side = session.initiator if theirs else session.initiator.other
                return Leg(self.context, session, side)
        return None

    def _join_known(self, there: Leg) -> Generator[Step, Any, tuple[int, str]]:
        """The target is in a call through us: both get a re-INVITE."""
        if there.session.anchored is None or there.session.transfer is not None:
            return 481, "the call to be replaced cannot be joined"
        there.session.transfer = self
        media = joining.media_between(self.context, self.stays, there)
        if media is None:
            there.session.transfer = None
            return 480, "the call has no media"
        offered = yield from self.offer(media)
        found = None
        if offered.sdp is not None:
            self._kept.stage(Stage.JOINING, there, known=True)
            found = yield from re_invite(there, self.operation, offered.sdp)
        there.session.transfer = None
        if found is None or found[1].status >= 300:
            self._drop(media)
            status = found[1].status if found is not None else offered.status or 408
            return status, "the target does not take part"
        return (yield from self._connect(there, media, found[1], known=True))

    def _connect(
        self, there: Leg, media: anchor.Anchored, response: Message, *, known: bool = False
    ) -> Generator[Step, Any, tuple[int, str]]:
        """The target is there: offer it to the one who stays, and join the two."""
        self._kept.stage(Stage.JOINING, there, known=known)
        shown = yield from joining.answered(media, response)
        stays = self.stays
        found = None
        if shown.sdp is not None and not stays.session.ended:
            found = yield from re_invite(stays, self.operation, shown.sdp)
        if found is None or found[1].status >= 300:
            there.tell(
                there.request("BYE", headers=(("Reason", 'Q.850;cause=31;text="transfer"'),))
            )
            if there.session.anchored is not media:
                self._drop(media)
            self.context.end_session(there.session, "ended", "the two could not be joined")
            return 488, "the one who stays does not take the change"
        yield from joining.settled(media, found[1])
        joining.join(self.context, stays, there, media)
        self.session.transfer = None
        because = f"{stays.name} with {there.name}"
        self.context.decided("transfer", "joined", because, FORM)
        return 200, "OK"

    def offer(self, media: anchor.Anchored) -> Generator[Step, Any, MediaReply]:
        """What the one who stays said last, without hold, to the target's side of the media."""
        old, side = joining.voice_of(self.stays)
        known = old.last.get(side) if old is not None else None
        sdp = _HELD.sub(b"a=sendrecv", known[1]) if known is not None else b""
        return (yield from anchor.describe(media, Side.OUTSIDE, "stays", sdp, answer=False))

    def _drop(self, media: anchor.Anchored) -> None:
        self.context.release(media, self.session, "the transfer failed")
