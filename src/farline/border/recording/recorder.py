"""The recording session of one call: when the server is called, told of changes, and left.

Whatever goes wrong with the server is traced and counted; the call goes on without it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from farline.border.exchange import Refusal, Side
from farline.border.recording.dialog import RecordingDialog, ServerDialog, flow_named, flow_to
from farline.border.recording.metadata import Metadata, Participant
from farline.border.recording.parties import multipart, parties_of
from farline.border.recording.record import RECORDING, RecordingRecord
from farline.border.routing.heartbeat import interface_to, places_of
from farline.border.steps import NEXT, Ask, Operation
from farline.border.survival import records
from farline.config.recording import RecordingRule
from farline.media.engine import MediaReply, Subscribe, SubscribeAnswer
from farline.media.engine import Side as MediaSide

if TYPE_CHECKING:
    from collections.abc import Generator

    from farline.border.calls.session import Session
    from farline.border.context import Context
    from farline.border.plan import Candidate
    from farline.border.steps import Step, Steps
    from farline.config import ServerFlow
    from farline.sip.transaction import ServerTransaction

MAX_PLACES = 2
"""Addresses that are tried: the first, and one more."""


@dataclass(frozen=True, slots=True)
class News:
    """Event: there is something to look at."""


@dataclass(slots=True)
class _Told:
    """What the server knows of the call."""

    metadata: Metadata
    shown: bytes = b""
    """The description that it was offered last."""
    parties: tuple[Participant, ...] = ()


class Recorder:
    """The recording session of one call."""

    def __init__(self, context: Context, session: Session, profile: str) -> None:
        self._context = context
        self._session = session
        self._profile = profile
        self.operation = Operation(session.call_id)
        state = ServerDialog(_call_id(context), context.ids.token(), context.ids.token())
        self._dialog = RecordingDialog(context, self.operation, state)
        started = context.wall(context.now)
        self._told = _Told(Metadata.begin(context.ids, started, session.conversation))
        session.conversation = self._told.metadata.group
        self._changed = self._left = False
        self._media = session.anchored.media if session.anchored is not None else ""
        self.state = "begins"
        """begins, records, over"""

        context.recorders[state.call_id] = self

    @classmethod
    def again(cls, context: Context, session: Session, record: RecordingRecord) -> Recorder:
        """A recording of the process before this one."""
        self = cls(context, session, record.profile)
        context.recorders.pop(self._dialog.state.call_id, None)
        self._dialog = RecordingDialog(context, self.operation, record.dialog)
        self._told = _Told(record.metadata, record.shown)
        session.conversation = record.metadata.group
        self.state, self._changed = "records", True
        context.recorders[record.dialog.call_id] = self
        return self

    @property
    def _is_over(self) -> bool:
        """Whether the call has ended, or gone on in another media session (a transfer)."""
        anchored = self._session.anchored
        moved = anchored is None or anchored.media != self._media
        return self._session.ended or moved

    # ---- from without ----

    def changed(self) -> None:
        """The call's description may be another."""
        self._changed = True
        self._context.deliver(self.operation, News())

    def over(self) -> None:
        """The call has ended."""
        self._context.deliver(self.operation, News())

    def request(self, tx: ServerTransaction) -> None:
        """The server's BYE ends the recording; it has nothing else to ask for."""
        context = self._context
        if tx.method == "BYE" and tx.request.to_tag == self._dialog.state.tag:
            context.answer(tx, 200)
            self._left = True
            context.deliver(self.operation, News())
        elif tx.method == "OPTIONS":
            context.answer(tx, 200)
        else:
            allow = (("Allow", "ACK, BYE, OPTIONS"),)
            context.answer(tx, 405, allow)

    # ---- the operation ----

    def run(self) -> Steps:
        """Record until the call, or the server, ends it."""
        try:
            anchored = self._session.anchored
            while anchored is not None and anchored.late_offer is not None:
                yield NEXT
                if self._is_over:
                    return
            if (yield from self._open()):
                yield from self._follow()
        finally:
            self._forget()

    def go_on(self) -> Steps:
        """As `run`, where the server records already."""
        self._say("goes on", f"at {self._dialog.state.place}")
        try:
            yield from self._follow()
        finally:
            self._forget()

    def _open(self) -> Generator[Step, Any, bool]:
        context, tried = self._context, 0
        server = context.plan.servers.get(self._profile)
        if server is None:
            return False
        for entry in server.addresses:
            for place in (yield from places_of(context, server, entry)):
                if tried >= MAX_PLACES or self._is_over:
                    break
                tried += 1
                why = yield from self._invite_first(place)
                if not why:
                    self.state = "records"
                    self._keep()
                    self._say("began", f"at {place}")
                    return True
                context.counters["siprec.failed"] += 1
                self._say("failed", f"{place}: {why}")
        if not self._is_over:
            self._say("failed", f"{self._profile} has taken none of {tried} tries")
        return False

    def _invite_first(self, place: Candidate) -> Generator[Step, Any, str]:
        """Call the server; "" or why it is not recording."""
        context = self._context
        found = interface_to(context, place)
        flow_form = flow_to(context, place)
        if found is None or flow_form is None:
            return "no server flow leads to it"
        reply = yield from self._subscribe(flow_form)
        if reply.sdp is None:
            return f"media: {reply.error}"
        self._rename()
        self._dialog.state.lead_to(place, found, flow_form.name)
        reached = yield from self._dialog.reach()
        if isinstance(reached, str):
            return reached
        return (yield from self._invite(reply.sdp))

    def _rename(self) -> None:
        """A Call-ID for one more try: the server of the last may still have its own view."""
        self._forget(over=False)
        self._dialog.state.call_id = _call_id(self._context)
        self._context.recorders[self._dialog.state.call_id] = self

    def _subscribe(self, flow: ServerFlow) -> Generator[Step, Any, MediaReply]:
        context, anchored = self._context, self._session.anchored
        if anchored is None:
            return MediaReply(error="the call has no media", status=500)
        rules = context.rules_of(flow, in_dialog=True).value
        if isinstance(rules, Refusal):
            return MediaReply(error="outside of its hours", status=403)
        side = MediaSide("recorder", flow.media_interface, "", rules.media.encryption)
        reply: MediaReply = yield Ask(Subscribe(anchored.media, side, Side.OUTSIDE.value))
        return reply

    def _follow(self) -> Steps:
        """Tell the server of changes, until one of the two ends."""
        while True:
            if self._left:
                self._say("ended", "by the recording server")
                yield from self._release()
                return
            if self._is_over:
                why = yield from self._dialog.bye()
                self._say("ended", "with the call" + (f": {why}" if why else ""))
                return
            if not self._changed:
                yield NEXT
                continue
            self._changed = False
            why = yield from self._tell_change()
            if why:
                self._context.counters["siprec.failed"] += 1
                self._say("failed", f"re-INVITE: {why}")
                yield from self._dialog.bye()
                self._say("ended", "with the re-INVITE")
                yield from self._release()
                return

    def _tell_change(self) -> Generator[Step, Any, str]:
        """A re-INVITE, where the offer or the people are others; "" or why it failed."""
        flow = flow_named(self._context, self._dialog.state.flow)
        if flow is None:
            return ""
        reply = yield from self._subscribe(flow)
        if self._is_over or reply.sdp is None:
            return ""
        if not self._learn(reply.sdp):
            return ""
        return (yield from self._invite(reply.sdp))

    def _learn(self, sdp: bytes) -> bool:
        """Take how the call stands; whether the server has been told another."""
        context, told = self._context, self._told
        told.parties = parties_of(self._session, sdp)
        others = told.metadata.note(context.ids, told.parties, context.wall(context.now))
        other = told.shown != sdp
        told.shown = sdp
        return others or other

    def _invite(self, sdp: bytes) -> Generator[Step, Any, str]:
        """An INVITE with an offer, and what came of it: "" or why it failed."""
        self._learn(sdp)
        self._keep()
        told = self._told
        metadata = told.metadata.document(self._session.call_id, told.parties)
        body = multipart(self._dialog.state.boundary, sdp, metadata)
        answer = yield from self._dialog.invite(body)
        if isinstance(answer, str):
            return answer
        self._keep()
        why = ""
        anchored = self._session.anchored
        if self._is_over and self.state != "records":
            why = "the call is over"
        elif anchored is None or not answer.body:
            why = "an answer without SDP"
        else:
            reply: MediaReply = yield Ask(SubscribeAnswer(anchored.media, answer.body))
            why = f"its SDP: {reply.error}" if reply.error is not None else ""
        if why and self.state != "records":
            yield from self._dialog.bye()
        return why

    def _release(self) -> Steps:
        """The copies stop; with the call they stop by themselves."""
        anchored = self._session.anchored
        if anchored is not None and not self._is_over:
            yield Ask(Subscribe(anchored.media, None))

    # ---- what is kept and said ----

    def _keep(self) -> None:
        """What the process after this one needs to go on with it, or to end it."""
        state = self._dialog.state
        record = RecordingRecord(
            version=records.VERSION,
            call=self._session.call_id,
            session=self._session.key,
            profile=self._profile,
            media=self._media,
            began=self.state == "records",
            dialog=state,
            metadata=self._told.metadata,
            shown=self._told.shown,
        )
        self._context.keeper.keep(RECORDING, state.call_id, records.encode(record))

    def _forget(self, *, over: bool = True) -> None:
        call_id = self._dialog.state.call_id
        self._context.recorders.pop(call_id, None)
        self._context.keeper.keep(RECORDING, call_id, None)
        if over:
            self.state = "over"

    def _say(self, what: str, detail: str) -> None:
        say(self._context, self._session.call_id, what, detail)


def say(context: Context, call: str, what: str, detail: str) -> None:
    """Trace what became of a recording."""
    context.call = call
    context.decided("recording", what, detail, f"{RecordingRule.form}: Recording Profile")


def _call_id(context: Context) -> str:
    return f"recording-{context.ids.token()}"
