"""Session timers (RFC 4028) where one end of a call wants them and the other does not know them.

The border stands in for the end that does not: it says so in the 2xx, refreshes in its name by
UPDATE, or by re-INVITE where the other end has no UPDATE, and ends the call when the end that asked
is gone. Where both know them nothing is changed; but after a transfer the border refreshes in the
place of the one who left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from farline.border.calls import anchor
from farline.border.calls.legs import Leg, ask, re_invite
from farline.border.calls.session import SessionTimer
from farline.border.calls.teardown import hang_up
from farline.border.exchange import Side
from farline.border.steps import Operation
from farline.border.survival.records import RecordError
from farline.sip import WireError, headers
from farline.sip.headers import Refresher

if TYPE_CHECKING:
    from collections.abc import Generator

    from farline.border.calls.session import Session
    from farline.border.context import Context
    from farline.border.steps import Step, Steps
    from farline.border.survival.records import TimerRecord
    from farline.sip import Message

OPTION = "timer"
"""The option tag."""
SECONDS = 1800
"""What the border asks for of a server that requires timers (RFC 4028 section 4)."""
LOST = frozenset({408, 481})
"""Answers to a refresh that say that the end is gone (RFC 4028 section 10)."""
RETRY_SECONDS = 30.0
"""Until a refresh is tried again that was refused for another reason."""
FORM = "RFC 4028"


def agree(
    context: Context, session: Session, sender: Side, request: Message, response: Message,
    out: Message,
) -> None:  # fmt: skip
    """Take what a 2xx to an INVITE or UPDATE of `sender` says; put into `out` what it lacks."""
    try:
        asked, given = headers.session_expires(request), headers.session_expires(response)
    except WireError:
        return
    knows = OPTION in headers.tokens(request, "Supported")
    updating = frozenset(
        side
        for side, message in ((sender, request), (sender.other, response))
        if "update" in headers.tokens(message, "Allow")
    )
    timer = None
    if given is None and asked is not None and knows:
        refresher = asked.refresher or Refresher.UAS
        out.set("Session-Expires", f"{asked.interval};refresher={refresher}")
        if refresher is Refresher.UAC:
            out.add("Require", OPTION)
        by_border = refresher is Refresher.UAS
        timer = SessionTimer(asked.interval, sender, None if by_border else sender, updating)
        context.decided("session-timer", str(out.get("Session-Expires")), "as asked", FORM)
    elif given is not None and given.refresher is Refresher.UAC and not knows:
        out.remove("Session-Expires")
        headers.drop_token(out, "Require", OPTION)
        timer = SessionTimer(given.interval, sender.other, None, updating)
        because = f"{sender} does not know timers, which {sender.other} requires"
        context.decided("session-timer", f"refreshed each {given.interval // 2} s", because, FORM)
    elif given is not None:
        refresher_side = sender if given.refresher is Refresher.UAC else sender.other
        timer = SessionTimer(
            given.interval, refresher_side.other, refresher_side, updating, end_to_end=True
        )
    session.timer = timer
    watch(context, session)


def take_over(context: Context, leg: Leg) -> None:
    """After a transfer: refresh in the place of the one who left, if that one was to."""
    timer = leg.session.timer
    if timer is None:
        return
    if timer.refresher is leg.side:
        timer.asks, timer.end_to_end = leg.side, True
    else:
        timer.asks, timer.refresher, timer.end_to_end = leg.side, None, False
    watch(context, leg.session)


def restore(context: Context, session: Session, record: TimerRecord) -> None:
    """Go on with a timer of the process before this one. Raises RecordError."""
    try:
        asks = Side(record.asks)
        refresher = None if record.refresher is None else Side(record.refresher)
        updating = frozenset(Side(one) for one in record.updating)
    except ValueError as error:
        raise RecordError(str(error)) from None
    session.timer = SessionTimer(
        record.interval, asks, refresher, updating, end_to_end=record.end_to_end
    )
    left = record.expires_at - context.wall(context.now)
    shown = record.shown

    def begin() -> None:
        media = session.media
        if shown is not None and media is not None:
            media.last[session.voice_of(asks).other] = (*shown, b"")
        watch(context, session, min(max(left, 0.0), float(record.interval)))

    context.upon_start.append(begin)


def watch(context: Context, session: Session, left: float | None = None) -> None:
    """Set the clock for the next refresh of ours, or for the end of a session without one.

    `left`: seconds of the interval that are still to go; None: all.
    """
    timer = session.timer
    if timer is None or timer.end_to_end:
        return
    left = timer.interval if left is None else left
    timer.expires_at = context.now + left

    def due(_now: float) -> None:
        if session.ended or session.timer is not timer or timer.due is not alarm:
            return
        if timer.refresher is not None or context.now >= timer.expires_at:
            hang_up(context, session, "the session was not refreshed", cause=102)
        else:
            operation = Operation(session.call_id)
            context.start(operation, _refresh(context, operation, session, timer))

    half = timer.refresher is None
    wait = max(left - timer.interval / 2, 0.0) if half else left
    alarm = timer.due = context.schedule.start(context.now + wait, "session timer", due)


def _refresh(
    context: Context, operation: Operation, session: Session, timer: SessionTimer
) -> Steps:
    """One refresh, and what comes of it."""
    leg = Leg(context, session, timer.asks)
    response = yield from _ask(leg, operation, session, timer)
    if session.ended or session.timer is not timer:
        return
    if response is None or response.status in LOST:
        hang_up(context, session, "the session could not be refreshed", cause=102)
        return
    try:
        given, least = headers.session_expires(response), headers.min_se(response)
    except WireError:
        given = least = None
    if 200 <= response.status < 300:
        timer.interval = given.interval if given is not None else timer.interval
        watch(context, session)
        context.keeper.session(session)
        return
    if response.status == 422 and least is not None:
        timer.interval = max(timer.interval, min(least, 86_400))
    _again_later(context, session, timer)


def _again_later(context: Context, session: Session, timer: SessionTimer) -> None:
    """A refresh was refused: try again, until the session is over (RFC 4028 section 10)."""
    at = min(context.now + RETRY_SECONDS, timer.expires_at)

    def due(_now: float) -> None:
        if session.ended or session.timer is not timer or timer.due is not alarm:
            return
        if context.now >= timer.expires_at:
            hang_up(context, session, "the session could not be refreshed", cause=102)
            return
        operation = Operation(session.call_id)
        context.start(operation, _refresh(context, operation, session, timer))

    alarm = timer.due = context.schedule.start(at, "session timer", due)


def _ask(
    leg: Leg, operation: Operation, session: Session, timer: SessionTimer
) -> Generator[Step, Any, Message | None]:
    """The final answer to a refresh of ours; None: there is none."""
    told = (("Supported", OPTION), ("Session-Expires", f"{timer.interval};refresher=uac"))
    media = session.media
    voice = session.voice_of(leg.side)
    known = media.last.get(voice.other) if media is not None else None
    if leg.side in timer.updating or media is None or known is None:
        found = yield from ask(leg, operation, leg.request("UPDATE", headers=told))
        return None if found is None else found[1]
    shown = yield from anchor.describe(media, voice.other, known[0], known[1], answer=False)
    if shown.sdp is None:
        return None
    found = yield from re_invite(leg, operation, shown.sdp, told)
    if found is None:
        return None
    response = found[1]
    sdp = anchor.description(response)
    if response.status < 300 and sdp is not None:
        yield from anchor.describe(media, voice, response.to_tag, sdp, answer=True)
    return response
