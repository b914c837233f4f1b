"""The call to the target of a transfer, in the name of the one who stays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from farline.border.calls import dialogs
from farline.border.calls.legs import Leg
from farline.border.calls.targets import with_tag
from farline.border.calls.teardown import refuse_answer
from farline.border.exchange import Refusal, Side
from farline.border.passage import Passage
from farline.border.policy.admitting import admit_side
from farline.border.steps import NEXT, Aborted, TimerC
from farline.border.transfers import joining
from farline.border.trunks.credentials import again
from farline.sip import Message, WireError
from farline.sip.transaction import RequestFailed, ResponseArrived

if TYPE_CHECKING:
    from collections.abc import Generator

    from farline.border.calls.anchor import Anchored
    from farline.border.registrations.binding import Binding
    from farline.border.steps import Step
    from farline.border.transfers.transfer import Transfer
    from farline.sip import Flow
    from farline.sip.transaction import ClientTransaction

RING_SECONDS = 185.0
"""How long the target may ring."""

ALLOW = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, REFER, NOTIFY"

Outcome = tuple[Leg, "Anchored", Message] | tuple[int, str]
"""The target's end, the media session and its answer; else a status and why."""


class TargetCall:
    """An INVITE, next hop by next hop, by the way that requests of the one who stays take."""

    def __init__(self, transfer: Transfer, request: Message) -> None:
        """`request`: the REFER."""
        self._transfer = transfer
        self._context, self._stays = transfer.context, transfer.stays
        self._operation = transfer.operation
        self._refer = request
        self.call_id, self._tag = transfer.context.ids.uuid(), transfer.context.ids.token()

    def run(self) -> Generator[Step, Any, Outcome]:
        """Call until somebody answers, or nobody is left."""
        context, binding = self._context, self._way()
        if isinstance(binding, str):
            return 503, binding
        passage = Passage(context, binding, Side.OUTSIDE, self._invitation(binding), None)
        while (flow := (yield from passage.reach())) is not None:
            prepared = yield from self._prepare(passage, flow)
            if not isinstance(prepared, Message):
                return prepared
            out = yield from passage.manipulated(prepared, Side.INSIDE)
            client = context.request(self._operation, out, flow, Side.INSIDE)
            self._transfer.calls(client, binding)
            answer = yield from self._follow(client, passage)
            if answer is not None:
                return self._final(passage, *answer)
        if passage.session is not None:
            context.end_session(passage.session, "failed", "no way to the target")
        return passage.status, "no way to the target"

    def _prepare(
        self, passage: Passage, flow: Flow
    ) -> Generator[Step, Any, Message | tuple[int, str]]:
        """Admit the call and open its session: the INVITE, with media for the two that are left."""
        context, binding = self._context, passage.binding
        refused = admit_side(context, passage.request, binding, Side.INSIDE, "outbound")
        if refused is not None or context.sessions.full:
            return 403, refused.because if refused is not None else "no further session fits"
        try:
            out = passage.to_far()
        except WireError as error:
            return error.status or 500, f"{error.where}: {error.reason}"
        session = passage.session or dialogs.open_session(context, passage, out, is_call=True)
        dialogs.open_anchor(context, session, flow, passage)
        session.pending = self._operation
        session.conversation = self._stays.session.conversation
        media = joining.media_between(context, self._stays, Leg(context, session, Side.INSIDE))
        if media is None:
            context.end_session(session, "failed", "no media")
            return 480, "the call has no media"
        session.anchored = media
        context.sessions.note_media(media.media, session)
        offered = yield from self._transfer.offer(media)
        if offered.sdp is None:
            context.end_session(session, "failed", offered.error or "no media")
            return offered.status or 488, "no media"
        out.set("Content-Type", "application/sdp")
        out.body = offered.sdp
        return out

    def _final(self, passage: Passage, client: ClientTransaction, response: Message) -> Outcome:
        """What the target's final answer means."""
        context, session = self._context, passage.session
        if session is None:
            return 500, "no session"
        session.pending = None
        if response.status >= 300:
            context.end_session(session, "failed", f"{response.status}")
            return response.status, response.reason
        dialogs.learn_answer(session, passage, response)
        if response.to_tag not in session.callees:
            context.end_session(session, "failed", "an answer without To tag")
            return 502, "an answer without To tag"
        media = session.anchored
        if self._stays.session.ended or session.ended or media is None:
            refuse_answer(context, session, response, client.flow)
            context.end_session(session, "ended", "nobody is there to be joined")
            return 487, "the call is over"
        dialogs.confirm(session, passage, response, response)
        there = Leg(context, session, Side.INSIDE)
        there.ack(client, response)
        context.keeper.session(session)
        context.call_changed(session, "answered", f"{response.status}")
        return there, media, response

    def _follow(
        self, client: ClientTransaction, passage: Passage
    ) -> Generator[Step, Any, tuple[ClientTransaction, Message] | None]:
        """The final answer of the target on one next hop; None: try another."""
        context, operation = self._context, self._operation
        alarm = context.schedule.start(
            context.now + RING_SECONDS, "C", lambda _: context.deliver(operation, TimerC())
        )
        try:
            while True:
                event = yield NEXT
                if isinstance(event, Aborted | TimerC):
                    context.layer.cancel(client, context.now)
                elif getattr(event, "tx", None) is not client:
                    continue
                elif isinstance(event, RequestFailed):
                    passage.failed(event.cause)
                    return None
                elif isinstance(event, ResponseArrived):
                    passage.answered()
                    response = event.message
                    told = again(passage, client.request, response)
                    if told is not None:
                        client = context.request(operation, told, client.flow, Side.INSIDE)
                        self._transfer.calls(client, passage.binding)
                    elif 100 < response.status < 200:
                        self._transfer.referrer.tell(response.status, response.reason)
                    elif passage.refused_by_hop(response):
                        return None
                    elif response.status >= 200:
                        return client, response
        finally:
            alarm.stop()

    def _way(self) -> Binding | str:
        """Whose way the call takes: between servers that of the one who stays."""
        context, binding = self._context, self._stays.session.binding
        if binding.peer is None:
            return binding
        flow, peer = binding.phone, binding.peer
        if self._stays.side is Side.INSIDE and binding.line is not None:
            own = context.plan.peers.get(binding.line.server.name)
            if own is not None and binding.upstream is not None:
                flow, peer = binding.upstream.flow, own.server
        if flow is None or peer.name not in context.plan.peers:
            return "the way of the one who stays is lost"
        begun = context.ways.begin(self._invitation(None), flow, peer)
        return begun.because if isinstance(begun.value, Refusal) else begun.value

    def _invitation(self, binding: Binding | None) -> Message:
        """The INVITE as the one who stays would have sent it."""
        context, stays, target = self._context, self._stays, self._transfer.target
        uri = target.uri
        line = binding.line if binding is not None else None
        if line is not None and context.plan.own.has(uri.host, uri.port):
            uri = uri.with_host(line.outside.host, line.outside.port)
        message = Message.request("INVITE", str(uri))
        message.add("Max-Forwards", "70")
        message.add("From", with_tag(stays.name, self._tag))
        message.add("To", f"<{uri}>")
        message.add("Call-ID", self.call_id)
        message.add("CSeq", "1 INVITE")
        message.add("Contact", f"<{stays.end.target}>")
        message.add("Allow", ALLOW)
        for value in self._refer.all("Referred-By"):
            message.add("Referred-By", value)
        if target.replaces:
            message.add("Replaces", target.replaces)
        message.body = b""
        return message
