"""What a recording server asks for in our dialog with it (RFC 7866 sections 7 and 9).

It may pause the recording and go on (re-INVITE or UPDATE with inactive streams), refresh the
session, ask for the metadata once more, ask what we can (OPTIONS), and leave (BYE).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from farline.border.recording import bodies
from farline.border.steps import Operation
from farline.sdp import SdpError
from farline.sip import WireError, headers, responses
from farline.sip.transaction import Timers

if TYPE_CHECKING:
    from collections.abc import Generator

    from farline.border.context import Context
    from farline.border.recording.recorder import Recorder
    from farline.border.steps import Step, Steps
    from farline.sip import Message
    from farline.sip.schedule import Alarm
    from farline.sip.transaction import ServerTransaction

ALLOWED = (("Allow", "ACK, BYE, CANCEL, INVITE, OPTIONS, UPDATE"),)
ABILITIES = (*ALLOWED, ("Accept", bodies.ACCEPTED), ("Supported", "siprec, timer"))
KNOWN = frozenset({"siprec", "timer"})
"""Options that a request may require."""


class Requests:
    """The requests of one server; the last INVITE of its until the ACK."""

    def __init__(self, context: Context, recorder: Recorder) -> None:
        self._context = context
        self._recorder = recorder
        self._unacknowledged: int | None = None
        """CSeq of an INVITE that is being answered, or was and has no ACK yet."""

        self._offered = False
        """The 2xx had our offer: the ACK has the answer."""

        self._alarm: Alarm | None = None

    @property
    def busy(self) -> bool:
        """Whether an INVITE of the server's is under way: none of ours may begin (14.1)."""
        return self._unacknowledged is not None

    def take(self, tx: ServerTransaction) -> None:
        """Answer one request, or begin to."""
        context, request = self._context, tx.request
        state = self._recorder.dialog.state
        if request.to_tag != state.tag:
            context.answer(tx, 481)
        elif request.cseq < state.heard:
            context.answer(tx, 500)  # RFC 3261 section 12.2.2
        elif unknown := headers.tokens(request, "Require") - KNOWN:
            context.answer(tx, 420, (("Unsupported", ", ".join(sorted(unknown))),))
        else:
            state.heard = request.cseq
            self._dispatch(tx)

    def _dispatch(self, tx: ServerTransaction) -> None:
        context, recorder = self._context, self._recorder
        if tx.method == "BYE":
            context.answer(tx, 200)
            recorder.leave()
        elif tx.method == "OPTIONS":
            context.answer(tx, 200, ABILITIES)
        elif tx.method not in ("INVITE", "UPDATE"):
            context.answer(tx, 405, ALLOWED)
        elif self.busy or recorder.dialog.inviting or recorder.state != "records":
            context.answer(tx, 491)
        else:
            if tx.method == "INVITE":
                self._unacknowledged = tx.request.cseq
            context.start(Operation(context.call), self._change(tx))

    def ack(self, message: Message) -> None:
        """The ACK of our 2xx came; with an answer where the offer was ours."""
        if message.cseq != self._unacknowledged:
            return
        self.over()
        if self._offered and message.body:
            self._context.start(Operation(self._context.call), self._accept(message))
        self._recorder.changed()

    def over(self) -> None:
        """Nothing is sent again."""
        self._unacknowledged = None
        if self._alarm is not None:
            self._alarm.stop()

    def _change(self, tx: ServerTransaction) -> Steps:
        """Answer a re-INVITE or UPDATE."""
        context, recorder, request = self._context, self._recorder, tx.request
        try:
            asked = bodies.read(request)
            said = recorder.upkeep.asked(request)
            body = yield from self._body(request.method, asked)
        except WireError as error:
            self._refuse(tx, error.status or 400, error.reason)
            return
        except SdpError as error:
            self._refuse(tx, 488, str(error))
            return
        recorder.dialog.moved(request)
        response = responses.make(request, 200, body=body)
        response.add("Contact", f"<{recorder.dialog.contact()}>;+sip.src")
        for name, value in (*ABILITIES, *said):
            response.add(name, value)
        if body:
            response.add("Content-Type", bodies.SDP)
        if request.method == "INVITE":
            timers = Timers()
            self._send(tx, response, timers.t1, context.now + timers.transaction)
        else:
            context.respond(tx, response)
        recorder.asked(snapshot=asked.snapshot)

    def _body(self, method: str, asked: bodies.Asked) -> Generator[Step, Any, bytes]:
        """What the 2xx bears: our answer, or our offer where an INVITE has none.

        Raises SdpError for a description that cannot be.
        """
        recorder = self._recorder
        self._offered = asked.sdp is None and method == "INVITE"
        if asked.sdp is not None:
            answer = bodies.answer_to(asked.sdp, recorder.told.shown)
            yield from self._tell_engine(asked.sdp)
            return recorder.dialog.described(answer)
        if not self._offered:
            return b""
        offer, _ = yield from recorder.offer()
        if offer is None:
            raise SdpError(0, "there are no copies any more")
        return recorder.dialog.described(offer)

    def _tell_engine(self, sdp: bytes) -> Generator[Step, Any, None]:
        """Let the copies go, or rest, as the server's description says. Raises SdpError."""
        error = yield from self._recorder.copies.accept(sdp)
        if error:
            raise SdpError(0, error)

    def _accept(self, ack: Message) -> Steps:
        try:
            asked = bodies.read(ack)
            if asked.sdp is not None:
                yield from self._tell_engine(asked.sdp)
        except (WireError, SdpError) as error:
            self._context.note("recording server", f"the answer in its ACK: {error}")

    def _refuse(self, tx: ServerTransaction, status: int, why: str) -> None:
        self._unacknowledged = None
        told = {415: (("Accept", bodies.ACCEPTED),), 422: (("Min-SE", "90"),)}.get(status, ())
        self._context.decided("recording", f"answered {status}", f"{tx.method}: {why}")
        self._context.answer(tx, status, told)
        self._recorder.changed()

    def _send(
        self, tx: ServerTransaction, response: Message, interval: float, until: float
    ) -> None:
        """Send a 2xx, and again until the ACK comes (RFC 3261 section 13.3.1.4)."""
        context = self._context
        context.respond(tx, response)

        def again(now: float) -> None:
            if now + interval < until:
                self._send(tx, response, min(2 * interval, Timers().t2), until)
            else:
                self.over()
                self._recorder.lapse("no ACK came")

        self._alarm = context.schedule.start(context.now + interval, "recording server", again)
