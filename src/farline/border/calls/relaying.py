"""Every request but REGISTER and INVITE through the border, in and out of dialogs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from farline.border.calls import anchor, dialogs, refreshing
from farline.border.calls.forwarding import Arrival, Forwarding
from farline.border.calls.targets import target_of
from farline.border.interworking import dtmf, reliable
from farline.border.routing import failover
from farline.border.transfers import transfer
from farline.media.engine import Media, Quiet
from farline.sip import WireError, headers

if TYPE_CHECKING:
    from collections.abc import Generator

    from farline.border.calls.session import Session
    from farline.border.steps import Steps
    from farline.sip import Message
    from farline.sip.transaction import ClientTransaction

SUBSCRIBING = frozenset({"SUBSCRIBE", "REFER"})
"""Methods that make a dialog of their own (RFC 6665, RFC 3515)."""

CHALLENGES = frozenset({401, 407})
"""Answers after which the same request comes again with credentials."""

WITHOUT_REFER = (
    "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, MESSAGE, NOTIFY, PRACK, PUBLISH, SUBSCRIBE, UPDATE"
)
"""Allow of a 405 to a REFER (RFC 3261 section 21.4.6)."""

REFRESHING = frozenset({"UPDATE", "SUBSCRIBE", "NOTIFY", "REFER"})
"""Methods that may move the remote target."""


def relay(arrival: Arrival) -> Steps:
    """Pass one request and its answer."""
    session = arrival.found.session if arrival.found is not None else None
    if reliable.taken(arrival.context, arrival.tx, session, arrival.sender):
        return
    relaying = Relaying(arrival)
    yield from relaying.run()
    relaying.finish()


class Relaying(Forwarding):
    """One non-INVITE transaction through the border."""

    def __init__(self, arrival: Arrival) -> None:
        super().__init__(arrival)
        self.opened = False
        """This request made the session."""

        self.status = 0
        """The final answer's status."""

        self._offered = False

    def run(self) -> Steps:
        """Next hop by next hop until there is a final answer."""
        if anchor.has_hidden_description(self.tx.request):
            self._answer(415, "a multipart body may hide SDP")
            return
        if not self._known_enough() or (yield from self._take_digit()):
            return
        while (flow := (yield from self.passage.reach())) is not None:
            try:
                if self._refused_refer():
                    return
                out = self.passage.to_far()
            except WireError as error:
                self._answer(error.status or 400, f"{error.where}: {error.reason}")
                return
            if not self._open(out) or not (yield from self._carry_offer(out)):
                return
            out = yield from self.passage.manipulated(out, self.passage.sender.other)
            if self.tx.method == "BYE":
                self._silence(quiet=True)
            yield from self._follow(self.send(out, flow))
            if self.status:
                return
        self._answer(self.passage.status, "no way to the other side", self.passage.told())

    def finish(self) -> None:
        """What the request means for its session, now that it is answered."""
        session, method = self.session, self.tx.method
        if session is None or session.ended:
            return
        if method == "BYE" and self.status in CHALLENGES:
            self._silence(quiet=False)
        elif method == "BYE":
            self.context.end_session(session, "ended", f"BYE from {self.passage.sender}")
        elif self.opened and self.status >= 300:
            self.context.end_session(session, "failed", str(self.status))
        elif method == "NOTIFY" and _terminated(self.tx.request):
            if not session.is_call:
                self.context.end_session(session, "ended", "the subscription is terminated")
        elif method in SUBSCRIBING | {"NOTIFY"} and self.status < 300:
            dialogs.lengthen(self.context, session, _asked_life(self.tx.request))

    def _silence(self, *, quiet: bool) -> None:
        """Who sends BYE hears nothing more, whenever its answer comes (RFC 3261 section 15.1.1).

        A BYE that is challenged has ended nothing yet: its sender may have no credentials.
        """
        session = self.session
        if session is None or not session.confirmed or session.anchored is None:
            return
        if session.anchored.open:
            self.context.out.append(Media(0, Quiet(session.anchored.media, quiet)))

    def _take_digit(self) -> Generator[Any, Any, bool]:
        """Put the digit of an INFO into the stream, where the server profile wants that."""
        digit = dtmf.digit_of(self.tx.request) if self.tx.method == "INFO" else None
        session, sender = self.session, self.passage.sender
        if digit is None or session is None or not dtmf.wants_events(self.context, session, sender):
            return False
        done = yield from dtmf.to_stream(self.context, session, sender, digit)
        if done:
            self._answer(200, f"{digit[0]} is put into the stream")
        return done

    def _refused_refer(self) -> bool:
        """Whether this is a REFER that does not pass: refused, or carried out by the border.

        Raises WireError(503) when there is no way yet.
        """
        if self.tx.method != "REFER":
            return False
        profile, how = self.passage.refer_handling(self.tx.request)
        if how == "pass":
            return False
        if how == "handle" and self.session is not None and self.session.is_call:
            form = f"{profile.form}: {profile.name}: Refer Handling"
            self.context.decided("REFER", "carried out", f"for {self.passage.sender}", form)
            status, why = transfer.refer(self.context, self.tx, self.session, self.passage.sender)
            self.status = status
            if why:
                self._answer(status, why)
            return True
        why = f"{profile.form}: {profile.name}: Refer Handling is {how}"
        self._answer(405, why, (("Allow", WITHOUT_REFER),))
        return True

    def _known_enough(self) -> bool:
        """Whether a request that needs a dialog has one, and one that makes one may."""
        request = self.tx.request
        if self.session is None and request.to_tag:
            self._answer(481, "no such dialog")
            return False
        if self.session is None and request.method in SUBSCRIBING:
            limit = self.context.limits.subscriptions_per_binding
            if self.context.sessions.full or self.passage.binding.sessions >= limit:
                self._answer(503, f"{limit} sessions of one phone")
                return False
        return True

    def _open(self, out: Message) -> bool:
        """Open the session of a request that makes a dialog."""
        if self.session is not None or out.method not in SUBSCRIBING:
            return True
        if self.context.sessions.holds(self.passage.binding, self.tx.request):
            self._answer(482, "the same request came twice")
            return False
        self.session = dialogs.open_session(self.context, self.passage, out, is_call=False)
        dialogs.lengthen(self.context, self.session, _asked_life(self.tx.request))
        self.opened = True
        return True

    def _carry_offer(self, out: Message) -> Generator[Any, Any, bool]:
        """Anchor the SDP of a PRACK or UPDATE."""
        request, session = self.tx.request, self.session
        sdp = anchor.description(request)
        if sdp is None:
            return True
        if session is None or session.anchored is None:
            self._answer(488, "SDP outside a call")
            return False
        answers = session.anchored.late_offer is self.passage.sender.other
        self._offered = not (answers and request.method == "PRACK")
        sender = self.passage.sender
        reply = yield from anchor.carry(session.anchored, sender, request, sdp, offered=False)
        if reply.error is not None:
            self._answer(reply.status or 488, reply.error)
            return False
        out.body = reply.sdp or b""
        return True

    def _follow(self, client: ClientTransaction) -> Steps:
        answer = yield from failover.final_answer(
            self.context, self.operation, self.passage, client, self._response
        )
        if answer is not None:
            yield from self._response(answer)

    def _response(self, response: Message) -> Steps:
        if response.status == 100 or self.passage.drops(response):
            return
        session, passage = self.session, self.passage
        disbelieved = passage.disbelieved(response)
        if disbelieved is not None:
            self.status = disbelieved.value.status
            self.context.reject(self.tx, "policy", disbelieved)
            return
        try:
            out = passage.to_near(response)
        except WireError:
            self._answer(500, "an answer that cannot be read")
            return
        sdp = anchor.description(response)
        if sdp is not None:
            if session is None or session.anchored is None:
                self._answer(500, "SDP outside a call in an answer")
                return
            reply = yield from anchor.carry(
                session.anchored, passage.sender.other, response, sdp, offered=self._offered
            )
            if reply.error is not None:
                self._answer(reply.status or 488, reply.error)
                return
            out.body = reply.sdp or b""
        if self.tx.method == "UPDATE" and session is not None and 200 <= response.status < 300:
            request = self.tx.request
            refreshing.agree(self.context, session, passage.sender, request, response, out)
        out = yield from passage.manipulated(out, passage.sender)
        if response.status < 200:
            self.context.respond(self.tx, out)
            return
        self.status = response.status
        if session is not None and response.status < 300:
            self._learn(session, response)
        self.context.respond(self.tx, out)

    def _learn(self, session: Session, response: Message) -> None:
        """Contacts of a request that was accepted, and of its answer."""
        request, passage = self.tx.request, self.passage
        if request.method not in REFRESHING:
            return
        self.context.keeper.session(session)
        if self.opened or (passage.near is not None and passage.far is not None):
            dialogs.learn_answer(session, passage, response)
        elif passage.near is None:
            session.learn_callee(request.from_tag, target_of(request), ())

    def _answer(self, status: int, why: str, told: tuple[tuple[str, str], ...] = ()) -> None:
        """Answer it ourselves."""
        self.status = status
        self.context.decided(self.tx.method, f"answered {status}", why)
        self.context.answer(self.tx, status, told)


def _terminated(request: Message) -> bool:
    state = request.get("Subscription-State") or ""
    return state.partition(";")[0].strip().lower() == "terminated"


def _asked_life(request: Message) -> float | None:
    """Seconds that a SUBSCRIBE or NOTIFY gives its subscription; None when it says nothing."""
    try:
        if request.method == "NOTIFY":
            state = request.get("Subscription-State") or ""
            given = headers.split_params(state, "Subscription-State")[1].get("expires", "")
            return float(given[:10]) if given.isascii() and given.isdigit() else None
        seconds = headers.expires(request)
    except WireError:
        return None
    return None if seconds is None else float(seconds)
