"""REFER carried out by the border (Server Interworking > Refer Handling; RFC 3515, 3891, 5589).

The one who refers gets 202 and NOTIFYs; the border calls the target in the name of the one who
stays, and joins the two by a re-INVITE. A target that is in a call through the border already
(Replaces) is not called but joined too. When it comes to nothing, the first call goes on.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from farline.border import anchor, dialogs, joining
from farline.border.admitting import admit_side
from farline.border.credentials import again
from farline.border.exchange import Refusal, Side
from farline.border.legs import Leg, re_invite
from farline.border.passage import Passage, with_tag
from farline.border.steps import NEXT, Aborted, Operation, TimerC
from farline.border.teardown import refuse_answer
from farline.config.interworking import InterworkingProfile
from farline.sip import Message, NameAddr, Uri, WireError
from farline.sip.transaction import RequestFailed, ResponseArrived

if TYPE_CHECKING:
    from collections.abc import Generator

    from farline.border.binding import Binding
    from farline.border.context import Context
    from farline.border.session import Session
    from farline.border.steps import Step, Steps
    from farline.media.engine import MediaReply
    from farline.sip.transaction import ClientTransaction, ServerTransaction

FORM = f"{InterworkingProfile.form}: Refer Handling"
RING_SECONDS = 185.0
"""How long the target may ring."""

GOODBYE_SECONDS = 4.0
"""How long the one who referred may take to hang up before the border does it."""

ALLOW = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, REFER, NOTIFY"
_HELD = re.compile(rb"(?m)^a=(sendonly|recvonly|inactive)(?=\r?$)")


class Target:
    """What Refer-To says: a URI to call, and the call that is to be replaced there."""

    def __init__(self, uri: Uri, replaces: str = "") -> None:
        self.uri = uri
        self.replaces = replaces


def read_target(value: str) -> Target:
    """Refer-To as a target. Raises WireError for what cannot be called."""
    uri = NameAddr.parse(value).uri
    if uri.scheme not in ("sip", "sips") or not uri.host:
        raise WireError(416, "only SIP URIs are called", "Refer-To")
    text = str(uri)
    plain, _, asked = text.partition("?")
    method = uri.param("method")
    if method is not None and method.upper() != "INVITE":
        raise WireError(501, f"only INVITE is carried out, not {method}", "Refer-To")
    replaces = ""
    for part in asked.split("&"):
        name, _, given = part.partition("=")
        if name.lower() == "replaces":
            replaces = unquote(given)
    if any(ord(char) < 32 for char in replaces):
        raise WireError(400, "a control character in Replaces", "Refer-To")
    bare = Uri.parse(plain)
    params = [one for one in bare.params if one[0].lower() not in ("method", "subid_ipcs")]
    built = Uri.build(bare.host, user=bare.user, port=bare.port, params=params, scheme=bare.scheme)
    return Target(built, replaces)


def refer(
    context: Context, tx: ServerTransaction, session: Session, referrer: Side
) -> tuple[int, str]:
    """Begin a transfer: 202 and "" when it was begun, else the status to answer and why."""
    if session.transfer is not None:
        return 491, "a transfer of this call is under way"
    over = session.joint is not None and session.joint.over
    if (
        session.state != "answered"
        or not session.confirmed
        or over
        or joining.media_of(session) is None
    ):
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
    told = (("Refer-Sub", "false"),) if transfer.quiet else ()
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
        self.quiet = (request.get("Refer-Sub") or "").strip().lower() == "false"
        self.referrer = referrer
        self._request = request
        self._asks = Leg(context, session, referrer)
        joint = session.joint
        self._stays = Leg(context, session, referrer.other)
        if joint is not None:
            self._stays = Leg(context, joint.other, joint.other_side)
        self._event = f"refer;id={request.cseq}"
        self._call, self._tag = context.ids.uuid(), context.ids.token()
        """Of the dialog with the target."""

        self._ended = False
        self._left = False
        """The one who referred has hung up."""

    def hung_up(self) -> None:
        """The one who referred sends BYE: that is no end for the other, who is being joined."""
        self._left = True

    def abort(self, why: str) -> None:
        """The call is over: the target is not wanted any more."""
        if not self._ended:
            self.context.deliver(self.operation, Aborted(487, why))

    def run(self) -> Steps:
        """From the 202 to the end."""
        self._tell(100, "Trying")
        known = self._replaced()
        if known is not None:
            status, text = yield from self._join_known(known)
        else:
            status, text = yield from self._call_target()
        self._ended = True
        if status < 300:
            self._tell(200, "OK", last=True)
            self._say_goodbye()
        else:
            self._came_to_nothing(status, text)

    # ---- the one who referred ----

    def _tell(self, status: int, text: str, *, last: bool = False) -> None:
        """NOTIFY how it goes (RFC 3515 section 2.4.5)."""
        if self.quiet or self._left or (self.session.ended and not last):
            return
        state = "terminated;reason=noresource" if last else "active;expires=180"
        body = f"SIP/2.0 {status} {text}\r\n".encode("ascii", "replace")
        headers = (("Event", self._event), ("Subscription-State", state))
        self._asks.tell(self._asks.request("NOTIFY", body, "message/sipfrag;version=2.0", headers))

    def _came_to_nothing(self, status: int, text: str) -> None:
        context, session = self.context, self.session
        context.decided("transfer", f"failed {status}", text, FORM)
        self._tell(status, text, last=True)
        session.transfer = None
        if self._left and not session.ended:
            bye = self._stays.request(
                "BYE", headers=(("Reason", 'Q.850;cause=31;text="transfer"'),)
            )
            self._stays.tell(bye)
            for one in (session, self._stays.session):
                context.end_session(one, "ended", "the transfer failed and its beginner is gone")

    def _say_goodbye(self) -> None:
        """Hang up on the one who referred, unless that one does it first."""
        context, asks = self.context, self._asks

        def late(_now: float) -> None:
            if not self._left:
                self._left = True
                bye = asks.request("BYE", headers=(("Reason", 'SIP;cause=200;text="transferred"'),))
                asks.tell(bye)
            if self.session.joint is not None and self.session.joint.over:
                context.end_session(self.session, "ended", "transferred")

        context.schedule.start(context.now + GOODBYE_SECONDS, "transfer", late)

    # ---- the target ----

    def _replaced(self) -> Leg | None:
        """The end of a call of ours that Replaces names."""
        call, *params = [part.strip() for part in self.target.replaces.split(";")]
        tags = dict(part.split("=", 1) for part in params if "=" in part)
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
        media = joining.media_between(self.context, self._stays, there)
        if media is None:
            there.session.transfer = None
            return 480, "the call has no media"
        offered = yield from self._offer(media)
        found = None
        if offered.sdp is not None:
            found = yield from re_invite(there, self.operation, offered.sdp)
        there.session.transfer = None
        if found is None or found[1].status >= 300:
            self._drop(media)
            status = found[1].status if found is not None else offered.status or 408
            return status, "the target does not take part"
        return (yield from self._connect(there, media, found[1]))

    def _call_target(self) -> Generator[Step, Any, tuple[int, str]]:
        """INVITE to the target, by the way that requests of the one who stays take."""
        binding = self._way()
        if isinstance(binding, str):
            return 503, binding
        passage = Passage(self.context, binding, Side.OUTSIDE, self._invitation(binding), None)
        while (flow := (yield from passage.reach())) is not None:
            refused = admit_side(self.context, passage.request, binding, Side.INSIDE, "outbound")
            if refused is not None or self.context.sessions.full:
                return 403, refused.because if refused is not None else "no further session fits"
            try:
                out = passage.to_far()
            except WireError as error:
                return error.status or 500, f"{error.where}: {error.reason}"
            session = passage.session or dialogs.open_session(
                self.context, passage, out, is_call=True
            )
            dialogs.open_anchor(self.context, session, flow, passage)
            session.pending = self.operation
            session.conversation = self._stays.session.conversation
            there = Leg(self.context, session, Side.INSIDE)
            media = joining.media_between(self.context, self._stays, there)
            if media is None:
                self.context.end_session(session, "failed", "no media")
                return 480, "the call has no media"
            session.anchored = media
            self.context.sessions.note_media(media.media, session)
            offered = yield from self._offer(media)
            if offered.sdp is None:
                self.context.end_session(session, "failed", offered.error or "no media")
                return offered.status or 488, "no media"
            out.set("Content-Type", "application/sdp")
            out.body = offered.sdp
            out = yield from passage.manipulated(out, Side.INSIDE)
            client = self.context.request(self.operation, out, flow, Side.INSIDE)
            answer = yield from self._follow(client, passage)
            if answer is None:
                continue
            client, response = answer
            if response.status < 300:
                return (yield from self._answered(there, client, passage, response))
            session.pending = None
            self.context.end_session(session, "failed", f"{response.status}")
            return response.status, response.reason
        if passage.session is not None:
            self.context.end_session(passage.session, "failed", "no way to the target")
        return passage.status, "no way to the target"

    def _answered(
        self, there: Leg, client: ClientTransaction, passage: Passage, response: Message
    ) -> Generator[Step, Any, tuple[int, str]]:  # fmt: skip
        session, media = there.session, there.session.anchored
        session.pending = None
        dialogs.learn_answer(session, passage, response)
        if response.to_tag not in session.callees:
            self.context.end_session(session, "failed", "an answer without To tag")
            return 502, "an answer without To tag"
        if self._stays.session.ended or session.ended or media is None:
            refuse_answer(self.context, session, response, client.flow)
            self.context.end_session(session, "ended", "nobody is there to be joined")
            return 487, "the call is over"
        dialogs.confirm(session, passage, response, response)
        there.ack(client, response)
        self.context.call_changed(session, "answered", f"{response.status}")
        return (yield from self._connect(there, media, response))

    def _follow(
        self, client: ClientTransaction, passage: Passage
    ) -> Generator[Step, Any, tuple[ClientTransaction, Message] | None]:
        """The final answer of the target on one next hop; None: try another."""
        context, operation = self.context, self.operation
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
                    elif 100 < response.status < 200:
                        self._tell(response.status, response.reason)
                    elif passage.refused_by_hop(response):
                        return None
                    elif response.status >= 200:
                        return client, response
        finally:
            alarm.stop()

    def _connect(
        self, there: Leg, media: anchor.Anchored, response: Message
    ) -> Generator[Step, Any, tuple[int, str]]:
        """The target is there: offer it to the one who stays, and join the two."""
        shown = yield from joining.answered(media, response)
        stays = self._stays
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

    def _offer(self, media: anchor.Anchored) -> Generator[Step, Any, MediaReply]:
        """What the one who stays said last, without hold, to the target's side of the media."""
        old, side = joining.voice_of(self._stays)
        known = old.last.get(side) if old is not None else None
        sdp = _HELD.sub(b"a=sendrecv", known[1]) if known is not None else b""
        return (yield from anchor.describe(media, Side.OUTSIDE, "stays", sdp, answer=False))

    def _drop(self, media: anchor.Anchored) -> None:
        self.context.release(media, self.session, "the transfer failed")

    def _way(self) -> Binding | str:
        """Whose way the call to the target takes: between servers that of the one who stays."""
        context, binding = self.context, self._stays.session.binding
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
        context, stays, uri = self.context, self._stays, self.target.uri
        line = binding.line if binding is not None else None
        if line is not None and context.plan.own.has(uri.host, uri.port):
            uri = uri.with_host(line.outside.host, line.outside.port)
        message = Message.request("INVITE", str(uri))
        message.add("Max-Forwards", "70")
        message.add("From", with_tag(stays.name, self._tag))
        message.add("To", f"<{uri}>")
        message.add("Call-ID", self._call)
        message.add("CSeq", "1 INVITE")
        message.add("Contact", f"<{stays.end.target}>")
        message.add("Allow", ALLOW)
        for value in self._request.all("Referred-By"):
            message.add("Referred-By", value)
        if self.target.replaces:
            message.add("Replaces", self.target.replaces)
        message.body = b""
        return message
