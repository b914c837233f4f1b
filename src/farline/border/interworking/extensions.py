"""Extensions that one end of a call requires and the other does not know: the border has them.

A server that answers an INVITE with 421 gets it again with the extension, which the border then
serves in the caller's place: session timers (`refreshing`, RFC 4028), and reliable provisional
answers (RFC 3262), which the border acknowledges by PRACK while the caller reads plain ones. A
server that answers 420 to either gets the INVITE without it; a caller who requires reliable answers
gets them from the border (`reliable`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline.border.calls import refreshing
from farline.border.calls.refreshing import OPTION as TIMER
from farline.border.calls.refreshing import SECONDS
from farline.border.calls.teardown import make_early
from farline.border.interworking.reliable import ReliableAnswers, wanted
from farline.border.interworking.stage import RELIABLE
from farline.border.trunks import credentials
from farline.border.trunks.credentials import MAX_ANSWERS, resent
from farline.sip import WireError, headers

if TYPE_CHECKING:
    from farline.border.calls.session import Session
    from farline.border.context import Context
    from farline.border.exchange import Side
    from farline.border.passage import Passage
    from farline.border.steps import Operation
    from farline.sip import Flow, Message
    from farline.sip.transaction import ServerTransaction

MAX_FORKS = 16
FORMS = {TIMER: "RFC 4028", RELIABLE: "RFC 3262"}


def _again(passage: Passage, sent: Message, response: Message) -> Message | None:
    """An INVITE once more, as the server's 421 or 420 wants it; None: the caller is told."""
    if response.status not in (420, 421) or passage.answered_challenges >= MAX_ANSWERS:
        return None
    told = sent.copy()
    wanted = _adapted(told, response)
    if not wanted:
        return None
    told.remove("Via")
    told.set("CSeq", f"{sent.cseq + 1} {sent.method}")
    for option in wanted:
        what = "put in" if response.status == 421 else "left out"
        because = f"{response.status} of the server"
        passage.context.decided("extension", f"{option} {what}", because, FORMS[option])
    return resent(passage, told)


def _adapted(told: Message, response: Message) -> list[str]:
    """Put the extensions in that a 421 wants, or take out what a 420 does not know; which."""
    if response.status == 420:
        unknown = headers.tokens(response, "Unsupported") & headers.tokens(told, "Require")
        if not unknown or not unknown <= {TIMER, RELIABLE}:
            return []
        for option in unknown:
            headers.drop_token(told, "Require", option)
        if RELIABLE in unknown:
            headers.drop_token(told, "Supported", RELIABLE)
        return sorted(unknown)
    wanted = headers.tokens(response, "Require")
    known = {TIMER, RELIABLE} if told.body else {TIMER}
    if not wanted or not wanted <= known or wanted & headers.tokens(told, "Supported"):
        return []
    told.add("Supported", ", ".join(sorted(wanted)))
    if TIMER in wanted and told.get("Session-Expires") is None:
        told.add("Session-Expires", f"{SECONDS};refresher=uac")
    return sorted(wanted)


class Extensions:
    """What the border serves of them for one INVITE, in the place of its caller."""

    def __init__(self, context: Context, passage: Passage) -> None:
        self._context = context
        self._passage = passage
        self._ours = False
        """The border has put 100rel in; else reliable answers pass as they come."""

        self._last: dict[str, int] = {}
        """RSeq of the last one, by To tag."""

        self._left_out = False
        """The server has refused the caller's 100rel."""

    def reliable(
        self, operation: Operation, tx: ServerTransaction, session: Session
    ) -> ReliableAnswers | None:
        """What makes the server's answers reliable for the caller; None: they pass as they come."""
        passage, known = self._passage, session.reliable
        if known is not None and known.serves(tx):
            return known
        if not self._left_out and not wanted(passage):
            return None
        session.reliable = ReliableAnswers(self._context, operation, tx, passage.sender)
        return session.reliable

    def again(self, sent: Message, response: Message) -> Message | None:
        """The INVITE once more, with credentials or as a 421 or 420 wants it; None: neither."""
        told = credentials.again(self._passage, sent, response)
        if told is None and (told := _again(self._passage, sent, response)) is not None:
            known = headers.tokens(self._passage.request, "Supported")
            self._ours = RELIABLE in headers.tokens(told, "Supported") - known
            required = headers.tokens(self._passage.request, "Require")
            self._left_out = RELIABLE in required - headers.tokens(told, "Require")
        return told

    def answered(self, session: Session, response: Message, out: Message, flow: Flow) -> None:
        """An 18x or 2xx goes on to the caller as `out`: put into it, and serve, what it lacks."""
        if response.status < 200:
            self._acknowledge(session, response, out, flow)
        else:
            passage = self._passage
            request = passage.request
            refreshing.agree(self._context, session, passage.sender, request, response, out)

    def repeated(self, response: Message) -> bool:
        """Whether it came before, or too early: the caller is not told (RFC 3262 section 4)."""
        number = self._number(response)
        last = self._last.get(response.to_tag)
        return number is not None and last is not None and number != last + 1

    def _acknowledge(self, session: Session, response: Message, out: Message, flow: Flow) -> None:
        """PRACK one, and make a plain answer of it in `out`."""
        number = self._number(response)
        if number is None or len(self._last) >= MAX_FORKS:
            return
        self._last[response.to_tag] = number
        out.remove("RSeq")
        headers.drop_token(out, "Require", RELIABLE)
        context, end = self._context, session.callees.get(response.to_tag)
        near = self._passage.counted
        if end is None or near is None:
            return
        prack = make_early(session, response, end, "PRACK", near.next_cseq())
        near.inserted.append(max(near.cseq, self._passage.request.cseq))
        prack.add("RAck", f"{number} {response.cseq} INVITE")
        because = f"{self._passage.sender} does not know reliable answers"
        context.decided("extension", "PRACK", because, FORMS[RELIABLE])
        towards: Side = self._passage.sender.other
        context.request(None, prack, flow, towards)

    def _number(self, response: Message) -> int | None:
        """The RSeq of a reliable answer that the caller would not understand."""
        if not self._ours or not 100 < response.status < 200:
            return None
        try:
            return headers.rseq(response)
        except WireError:
            return None
