"""The phone's requests inside a dialog, one function a method."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline.office.answering import Answering
from farline.office.body import description
from farline.office.causes import Cause
from farline.office.events import Ended, Informed, Offered, TransferAsked
from farline.office.session_timer import MIN_SE, IntervalTooSmall, wish
from farline.sip import WireError, headers

if TYPE_CHECKING:
    from collections.abc import Callable

    from farline.office.leg import Leg
    from farline.sip import Flow, Message
    from farline.sip.transaction import ServerTransaction

    Handler = Callable[[Leg, ServerTransaction, Message, float], None]


def handle(leg: Leg, tx: ServerTransaction, message: Message, flow: Flow, now: float) -> None:
    """Take one request in the leg's dialog. Raises WireError for the status to refuse it with."""
    dialog = leg.dialog
    if dialog is None:
        raise WireError(481, "no dialog", "To")
    handler = _HANDLERS.get(message.method)
    if handler is None:
        leg.stack.reply(tx, 405, now)
        return
    status = dialog.accept(message)
    if status is not None:
        leg.stack.reply(tx, status, now)
        return
    leg.flow = flow
    try:
        handler(leg, tx, message, now)
    except IntervalTooSmall:
        leg.stack.reply(tx, 422, now, headers=[("Min-SE", str(MIN_SE))])


def _bye(leg: Leg, tx: ServerTransaction, message: Message, now: float) -> None:
    """The phone hangs up; a pending INVITE of its own is answered 487 (RFC 3261 15.1.2)."""
    leg.stack.reply(tx, 200, now)
    if leg.answering is not None:
        leg.answering.refuse(487, now)
    leg.over(Ended(_cause(message)), now)


def _invite(leg: Leg, tx: ServerTransaction, message: Message, now: float) -> None:
    """The phone changes the session (hold, another address, other codecs), or refreshes it."""
    offer = description(message)
    wish(message)
    if leg.busy:
        status = 500 if leg.answering is not None and not leg.answering.answered else 491
        retry = [("Retry-After", "2")] if status == 500 else []
        leg.stack.reply(tx, status, now, headers=retry)
        return
    _offered(leg, tx, offer, now)


def _update(leg: Leg, tx: ServerTransaction, message: Message, now: float) -> None:
    """Like INVITE without ACK (RFC 3311); without SDP it only refreshes the session timer."""
    offer = description(message)
    wish(message)
    if offer is not None and leg.busy:
        leg.stack.reply(tx, 491, now)
    elif offer is None:
        fields = [*leg.identity(tx.flow), *leg.timer.agree(message, now)]
        leg.stack.reply(tx, 200, now, headers=fields)
    else:
        _offered(leg, tx, offer, now)


def _offered(leg: Leg, tx: ServerTransaction, offer: bytes | None, now: float) -> None:
    leg.answering = Answering(leg, tx, offer, first=False)
    tx.user = leg.answering
    if offer is not None and offer == leg.offered_description and leg.own.last:
        # Nothing changed (RFC 3264 section 8): a refresh, which is no business of the other leg.
        leg.answering.accept(leg.own.last, now)
        return
    if offer is not None:
        leg.offered_description = offer
    if tx.method == "INVITE":
        leg.stack.reply(tx, 100, now)
    leg.tell(Offered(offer), now)


def _info(leg: Leg, tx: ServerTransaction, message: Message, now: float) -> None:
    leg.tell(Informed(tx, message), now)


def _refer(leg: Leg, tx: ServerTransaction, message: Message, now: float) -> None:
    leg.tell(TransferAsked(tx, message), now)


def _options(leg: Leg, tx: ServerTransaction, message: Message, now: float) -> None:
    leg.stack.reply(tx, 200, now, headers=[*leg.identity(tx.flow), ("Accept", "application/sdp")])


def _notify(leg: Leg, tx: ServerTransaction, message: Message, now: float) -> None:
    """The office subscribes to nothing."""
    leg.stack.reply(tx, 481, now)


def _event(leg: Leg, tx: ServerTransaction, message: Message, now: float) -> None:
    leg.stack.reply(tx, 489, now)


def _cause(message: Message) -> Cause:
    """The Q.850 cause of a BYE; one that we do not know, or none, is normal clearing."""
    try:
        said = [one.cause for one in headers.reasons(message) if one.protocol.upper() == "Q.850"]
    except WireError:
        return Cause.NORMAL
    known = {cause.value: cause for cause in Cause}
    return known.get(said[0] or 0, Cause.NORMAL) if said else Cause.NORMAL


_HANDLERS: dict[str, Handler] = {
    "BYE": _bye,
    "INFO": _info,
    "INVITE": _invite,
    "NOTIFY": _notify,
    "OPTIONS": _options,
    "PUBLISH": _event,
    "REFER": _refer,
    "SUBSCRIBE": _event,
    "UPDATE": _update,
}
