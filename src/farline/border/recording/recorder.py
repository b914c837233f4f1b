"""The recording session of one call: when the server is called, told of changes, and left.

Whatever goes wrong with the server is traced and counted; the call goes on without it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from farline.border.recording.copies import Copies, Told
from farline.border.recording.dialog import RecordingDialog, ServerDialog, flow_named, flow_to
from farline.border.recording.metadata import Metadata
from farline.border.recording.record import RECORDING, RecordingRecord, say
from farline.border.recording.requests import Requests
from farline.border.recording.upkeep import Upkeep
from farline.border.routing.heartbeat import interface_to, places_of
from farline.border.steps import NEXT, Operation
from farline.border.survival import records

if TYPE_CHECKING:
    from collections.abc import Generator

    from farline.border.calls.session import Session
    from farline.border.context import Context
    from farline.border.plan import Candidate
    from farline.border.steps import Step, Steps

MAX_PLACES = 2
"""Addresses that are tried: the first, and one more."""


@dataclass(frozen=True, slots=True)
class News:
    """Event: there is something to look at."""


class Recorder:
    """The recording session of one call."""

    def __init__(self, context: Context, session: Session, profile: str) -> None:
        self._context = context
        self._session = session
        self._profile = profile
        self.operation = Operation(session.call_id)
        state = ServerDialog.begin(context.ids)
        started = context.wall(context.now)
        self.told = Told(Metadata.begin(context.ids, started, session.conversation))
        session.conversation = self.told.metadata.group
        self._changed = self._left = False
        self._owes = False
        """The server is to have an INVITE, whether there is something new or not."""

        self._lapsed = ""
        """Why we hang up on the server, whose recording goes on otherwise."""

        self.copies = Copies(context, session)
        self.state = "begins"
        """begins, records, over"""

        self._take_dialog(state)

    def _take_dialog(self, state: ServerDialog) -> None:
        """Go on in this dialog."""
        context = self._context
        self.dialog = RecordingDialog(context, self.operation, state)
        self.upkeep = Upkeep(context, state, self.owe, lambda: self.lapse("it did not refresh"))
        self.requests = Requests(context, self)
        context.recorders[state.call_id] = self

    @classmethod
    def again(cls, context: Context, session: Session, record: RecordingRecord) -> Recorder:
        """A recording of the process before this one."""
        self = cls(context, session, record.profile)
        context.recorders.pop(self.dialog.state.call_id, None)
        self._take_dialog(record.dialog)
        self.upkeep.watch()
        self.told = Told(record.metadata, record.shown)
        session.conversation = record.metadata.group
        self.state, self._changed = "records", True
        return self

    @property
    def _is_over(self) -> bool:
        """Whether the call has ended, or gone on in another media session (a transfer)."""
        return self._session.ended or self.copies.moved

    # ---- from without ----

    def changed(self) -> None:
        """The call's description may be another."""
        self._changed = True
        self._context.deliver(self.operation, News())

    def over(self) -> None:
        """The call has ended."""
        self._context.deliver(self.operation, News())

    def leave(self) -> None:
        """The server has hung up."""
        self._left = True
        self._context.deliver(self.operation, News())

    def lapse(self, why: str) -> None:
        """The dialog is of no use any more: hang up on the server."""
        self._lapsed = why
        self._context.deliver(self.operation, News())

    def owe(self) -> None:
        """Tell the server all of it once more."""
        self._owes = True
        self.changed()

    def asked(self, *, snapshot: bool) -> None:
        """The server's re-INVITE or UPDATE is answered."""
        self._keep()
        if snapshot:
            self._say("asked", "for the whole of the metadata")
            self.owe()

    def offer(self) -> Generator[Step, Any, tuple[bytes | None, bool]]:
        """What there is to offer just now, None: nothing; and whether the server knows another."""
        flow = flow_named(self._context, self.dialog.state.flow)
        sdp = None if flow is None else (yield from self.copies.offer(flow)).sdp
        if sdp is None or self._is_over:
            return None, False
        return sdp, self.told.learn(self._context, self._session, sdp)

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
        self._say("goes on", f"at {self.dialog.state.place}")
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
        reply = yield from self.copies.offer(flow_form)
        if reply.sdp is None:
            return f"media: {reply.error}"
        self._rename()
        self.dialog.state.lead_to(place, found, flow_form.name)
        reached = yield from self.dialog.reach()
        if isinstance(reached, str):
            return reached
        return (yield from self._invite(reply.sdp))

    def _rename(self) -> None:
        """A Call-ID for one more try: the server of the last may still have its own view."""
        self._forget(over=False)
        self.dialog.state.rename(self._context.ids)
        self._context.recorders[self.dialog.state.call_id] = self

    def _follow(self) -> Steps:
        """Tell the server of changes, until one of the two ends."""
        while True:
            if self._left:
                self._say("ended", "by the recording server")
                yield from self.copies.release()
                return
            if self._is_over:
                why = yield from self.dialog.bye()
                self._say("ended", "with the call" + (f": {why}" if why else ""))
                return
            if self._lapsed:
                yield from self._give_up(self._lapsed)
                return
            if not self._changed or self.requests.busy:
                yield NEXT
                continue
            self._changed = False
            why = yield from self._tell_change()
            if why and not self._tries_again():
                yield from self._give_up(f"re-INVITE: {why}")
                return

    def _give_up(self, why: str) -> Steps:
        """Hang up on a server whose call goes on."""
        self._context.counters["siprec.failed"] += 1
        self._say("failed", why)
        yield from self.dialog.bye()
        self._say("ended", "with the failure")
        yield from self.copies.release()

    def _tries_again(self) -> bool:
        """Whether the refusal of an INVITE passes, and the next is to come."""
        wait = self.upkeep.pause(self.dialog.refusal)
        if wait is None:
            return False
        context = self._context
        context.schedule.start(context.now + wait, "recording server", lambda _: self.owe())
        return True

    def _tell_change(self) -> Generator[Step, Any, str]:
        """A re-INVITE, where the offer or the people are others; "" or why it failed."""
        sdp, news = yield from self.offer()
        if self.requests.busy:
            self._owes = self._changed = True
            return ""
        if sdp is None or not (news or self._owes):
            return ""
        self._owes = False
        return (yield from self._invite(sdp))

    def _invite(self, sdp: bytes) -> Generator[Step, Any, str]:
        """An INVITE with an offer, and what came of it: "" or why it failed."""
        self.told.learn(self._context, self._session, sdp)
        state = self.dialog.state
        offer = self.dialog.described(sdp)
        self._keep()
        body = self.told.body(state.boundary, offer, self._session.call_id)
        answer = yield from self.dialog.invite(body, self.upkeep.told())
        if isinstance(answer, str):
            return answer
        self.upkeep.answered(answer)
        self._keep()
        why = "an answer without SDP"
        if self._is_over and self.state != "records":
            why = "the call is over"
        elif not self.copies.moved and answer.body:
            error = yield from self.copies.accept(answer.body)
            why = f"its SDP: {error}" if error else ""
        if why and self.state != "records":
            yield from self.dialog.bye()
        return why

    # ---- what is kept and said ----

    def _keep(self) -> None:
        """What the process after this one needs to go on with it, or to end it."""
        state = self.dialog.state
        record = RecordingRecord(
            version=records.VERSION,
            call=self._session.call_id,
            session=self._session.key,
            profile=self._profile,
            media=self.copies.media,
            began=self.state == "records",
            dialog=state,
            metadata=self.told.metadata,
            shown=self.told.shown,
        )
        self._context.keeper.keep(RECORDING, state.call_id, records.encode(record))

    def _forget(self, *, over: bool = True) -> None:
        call_id = self.dialog.state.call_id
        self._context.recorders.pop(call_id, None)
        self._context.keeper.keep(RECORDING, call_id, None)
        if over:
            self.state = "over"
            self.upkeep.stop()
            self.requests.over()

    def _say(self, what: str, detail: str) -> None:
        say(self._context, self._session.call_id, what, detail)
