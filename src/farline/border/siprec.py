"""The border as a session recording client (SIPREC, RFC 7866): copies of a call go to a server.

A recording rule names the server's profile. When the call is answered the border calls the server,
with a description of the two copies and metadata (RFC 7865) as a multipart body; each change of the
call is told by a re-INVITE, its end by BYE. Whatever goes wrong with the server is traced and
counted; the call goes on without it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from farline.border import recording_metadata
from farline.border.exchange import Refusal, Side
from farline.border.heartbeat import interface_to, places_of
from farline.border.recording_metadata import Participant
from farline.border.steps import NEXT, Ask, Connect, NoAnswer, Operation
from farline.config.recording import RecordingRule
from farline.media.engine import MediaReply, Subscribe, SubscribeAnswer
from farline.media.engine import Side as MediaSide
from farline.sip import Flow, Message, NameAddr, WireError
from farline.sip.transaction import RequestFailed, ResponseArrived

if TYPE_CHECKING:
    from collections.abc import Generator

    from farline.border.context import Context
    from farline.border.plan import Candidate
    from farline.border.session import Session
    from farline.border.steps import Step, Steps
    from farline.config import Rules, ServerFlow, SubscriberFlow
    from farline.sip.transaction import ServerTransaction

ANSWER_SECONDS = 8.0
"""How long a recording server may take to answer."""
MAX_PLACES = 2
"""Addresses that are tried: the first, and one more."""


@dataclass(frozen=True, slots=True)
class News:
    """Event: there is something to look at."""


def begin(context: Context, session: Session) -> None:
    """A call was answered: where a rule of one of its flows names a server, record it there."""
    if session.recorder is not None or session.anchored is None:
        return
    profile = next((one for one in _profiles(context, session) if one), None)
    if profile is None:
        return
    recorder = session.recorder = Recorder(context, session, profile)
    context.recorders[recorder.call_id] = recorder
    context.start(recorder.operation, recorder.run())


def _profiles(context: Context, session: Session) -> Generator[str | None]:
    binding = session.binding
    flows: list[SubscriberFlow | ServerFlow] = [binding.subscriber]
    if binding.line is not None:
        flows.append(binding.line.server)
    for flow in flows:
        rules: Rules | Refusal = context.rules_of(flow, in_dialog=True).value
        if not isinstance(rules, Refusal):
            yield rules.recording.recording_profile


def request(context: Context, tx: ServerTransaction) -> bool:
    """Take a request of a recording server's in a dialog of ours; False: it is none."""
    recorder = context.recorders.get(tx.request.call_id)
    if recorder is None:
        return False
    recorder.request(tx)
    return True


class Recorder:
    """The recording session of one call."""

    def __init__(self, context: Context, session: Session, profile: str) -> None:
        self._context = context
        self._session = session
        self._profile = profile
        self.call_id = f"recording-{context.ids.token()}"
        self.operation = Operation(session.call_id)
        self._tag, self._boundary = context.ids.token(), context.ids.token()
        self._metadata = recording_metadata.Metadata(context.ids, context.wall(context.now))
        self._cseq = 0
        self._interface, self._flow_name = "", ""
        self._target, self._to = "", ""
        self._routes: tuple[str, ...] = ()
        self._flow: Flow | None = None
        self._shown = b""
        self._changed = self._left = False
        self._media = session.anchored.media if session.anchored is not None else ""
        self.state = "begins"
        """begins, records, over"""

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
        if tx.method == "BYE" and tx.request.to_tag == self._tag:
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
        context = self._context
        try:
            anchored = self._session.anchored
            while anchored is not None and anchored.late_offer is not None:
                yield NEXT
                if self._is_over:
                    return
            if (yield from self._open()):
                yield from self._follow()
        finally:
            self.state = "over"
            context.recorders.pop(self.call_id, None)

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
        flow_form = _flow_to(context, place)
        if found is None or flow_form is None:
            return "no server flow leads to it"
        self._interface, self._flow_name = found, flow_form.name
        reply = yield from self._subscribe(flow_form)
        if reply.sdp is None:
            return f"media: {reply.error}"
        flow = yield Connect(self._interface, place)
        if not isinstance(flow, Flow):
            return str(getattr(flow, "reason", "not reachable"))
        self._flow, self._shown = flow, reply.sdp
        transport = place.transport.uri_param
        self._target = self._to = ""
        self._target = f"sip:{place.remote};transport={transport}"
        self._to, self._routes = f"<{self._target}>", ()
        self.call_id = self._renamed()
        return (yield from self._invite(reply.sdp))

    def _renamed(self) -> str:
        """A Call-ID for one more try: the server of the last may still have its own view."""
        context = self._context
        context.recorders.pop(self.call_id, None)
        fresh = f"recording-{context.ids.token()}"
        context.recorders[fresh] = self
        return fresh

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
                yield from self._say_goodbye()
                return
            if not self._changed:
                yield NEXT
                continue
            self._changed = False
            why = yield from self._tell_change()
            if why:
                self._context.counters["siprec.failed"] += 1
                self._say("failed", f"re-INVITE: {why}")
                yield from self._say_goodbye()
                yield from self._release()
                return

    def _tell_change(self) -> Generator[Step, Any, str]:
        """A re-INVITE, where the offer is another than the last; "" or why it failed."""
        flow = _flow_named(self._context, self._flow_name)
        if flow is None:
            return ""
        reply = yield from self._subscribe(flow)
        if self._is_over or reply.sdp in (None, self._shown):
            return ""
        self._shown = reply.sdp or b""
        return (yield from self._invite(self._shown))

    def _invite(self, sdp: bytes) -> Generator[Step, Any, str]:
        """An INVITE with an offer, and what came of it: "" or why it failed."""
        context = self._context
        message = self._request("INVITE")
        message.add("Contact", f"<{self._contact()}>;+sip.src")
        message.add("Require", "siprec")
        message.add("Accept", "application/sdp, application/rs-metadata-request")
        message.add("Content-Type", f"multipart/mixed;boundary={self._boundary}")
        message.body = self._body(sdp)
        event = yield from self._final(message)
        if isinstance(event, str):
            return event
        response = event.message
        if response.status >= 300:
            return f"{response.status} {response.reason}"
        self._learn(response)
        ack = self._request("ACK", cseq=response.cseq)
        ack.body = b""
        context.send_ack(ack, event.tx.flow)
        anchored = self._session.anchored
        if anchored is None or not response.body:
            return "an answer without SDP"
        reply: MediaReply = yield Ask(SubscribeAnswer(anchored.media, response.body))
        if reply.error is not None:
            yield from self._say_goodbye()
            return f"its SDP: {reply.error}"
        return ""

    def _final(self, message: Message) -> Generator[Step, Any, ResponseArrived | str]:
        """Send a request and wait for its final answer, or for why there is none."""
        context, flow = self._context, self._flow
        if flow is None:
            return "no connection"
        client = context.request(self.operation, message, flow, Side.INSIDE)
        late = NoAnswer(client)
        alarm = context.schedule.start(
            context.now + ANSWER_SECONDS, "recording server",
            lambda _: context.deliver(self.operation, late),
        )  # fmt: skip
        try:
            while True:
                event = yield NEXT
                if isinstance(event, ResponseArrived) and event.tx is client:
                    if event.message.status >= 200:
                        return event
                elif isinstance(event, RequestFailed) and event.tx is client:
                    return str(event.cause)
                elif event is late:
                    if message.method == "INVITE":
                        context.layer.cancel(client, context.now)
                    return f"no answer in {ANSWER_SECONDS:.0f} s"
        finally:
            alarm.stop()

    def _say_goodbye(self) -> Steps:
        message = self._request("BYE")
        message.body = b""
        said = yield from self._final(message)
        if self.state == "records":
            why = f": {said}" if isinstance(said, str) else ""
            self._say("ended", f"with the call{why}")

    def _release(self) -> Steps:
        """The copies stop; with the call they stop by themselves."""
        anchored = self._session.anchored
        if anchored is not None and not self._is_over:
            yield Ask(Subscribe(anchored.media, None))

    # ---- messages ----

    def _contact(self) -> str:
        flow = self._flow
        if flow is None:
            return ""
        own = self._context.plan.own.shown(self._interface, flow.transport)
        return f"sip:{own};transport={flow.transport.uri_param}"

    def _request(self, method: str, cseq: int | None = None) -> Message:
        if cseq is None:
            self._cseq += 1
        message = Message.request(method, self._target)
        for route in self._routes:
            message.add("Route", route)
        own = self._contact().partition(";")[0]
        message.add("Max-Forwards", "70")
        message.add("From", f"<{own}>;tag={self._tag}")
        message.add("To", self._to)
        message.add("Call-ID", self.call_id)
        message.add("CSeq", f"{self._cseq if cseq is None else cseq} {method}")
        return message

    def _learn(self, response: Message) -> None:
        """The dialog as the server's 2xx makes it (RFC 3261 section 12.1.2)."""
        self._to = response.get("To") or self._to
        self._routes = tuple(reversed(response.all("Record-Route")))
        try:
            self._target = str(NameAddr.parse(response.get("Contact") or "").uri)
        except WireError:
            self._context.note("recording server", "its Contact cannot be read")

    def _body(self, sdp: bytes) -> bytes:
        """RFC 7866 section 9.1: the description, and the metadata beside it."""
        session, context = self._session, self._context
        names = session.names[session.initiator]
        people = [_participant(names.caller), _participant(names.callee)]
        if session.initiator is Side.INSIDE:
            people.reverse()
        now = context.wall(context.now)
        metadata = self._metadata.document(session.call_id, tuple(people), now)
        line = b"--" + self._boundary.encode()
        return b"\r\n".join(
            (
                line, b"Content-Type: application/sdp", b"", sdp.rstrip(b"\r\n"), b"",
                line, b"Content-Type: application/rs-metadata+xml",
                b"Content-Disposition: recording-session", b"", metadata, line + b"--", b"",
            )
        )  # fmt: skip

    def _say(self, what: str, detail: str) -> None:
        self._context.call = self._session.call_id
        self._context.decided("recording", what, detail, f"{RecordingRule.form}: Recording Profile")


def _participant(header: str) -> Participant:
    try:
        address = NameAddr.parse(header)
    except WireError:
        return Participant("sip:anonymous@anonymous.invalid", "")
    return Participant(str(address.uri), address.display or "")


def _flow_to(context: Context, place: Candidate) -> ServerFlow | None:
    for flow in context.plan.border.server_flows:
        if flow.server_profile == place.server:
            return flow
    return None


def _flow_named(context: Context, name: str) -> ServerFlow | None:
    return next((one for one in context.plan.border.server_flows if one.name == name), None)
