"""Digits between the two worlds: telephone-events in the stream (RFC 4733) and SIP INFO.

The interworking profile's field *DTMF Support* says what the server understands.
"sip_info": telephone-events of the phone become INFO requests to it, are not sent to it in RTP, and
its INFO digits are put into the stream towards the phone. "rfc_4733": INFO digits of the phone are
put into the stream towards it. "none": digits pass as they come.

A request of ours in a dialog that is otherwise the phone's takes a CSeq number of the phone's:
later ones are counted up (`farline.border.calls.session.End.inserted`).

All this holds for calls that a transfer has joined, too: what counts is what the two ends that
are left understand.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from farline.border.calls.legs import Leg
from farline.border.exchange import Side
from farline.border.steps import Ask
from farline.media.engine import Dial
from farline.sip import headers

if TYPE_CHECKING:
    from collections.abc import Generator

    from farline.border.calls.session import Session
    from farline.border.context import Context
    from farline.media.reports import DigitDialled
    from farline.sip import Message

FIELD = "Global Policies > Server Interworking: DTMF Support"
DEFAULT_MS = 160
"""The duration of an INFO that names none."""
LONGEST_MS = 5_000
"""A digit takes the place of speech: longer ones are cut."""
MAX_INSERTED = 1_000
"""Requests of ours in one dialog; more digits than anybody presses in a call."""

_SIGNAL = re.compile(rb"(?im)^\s*Signal\s*=\s*([0-9A-D*#])\s*$")
_DURATION = re.compile(rb"(?im)^\s*Duration\s*=\s*([0-9]{1,9})\s*$")
_DIGIT = re.compile(rb"\s*([0-9A-Da-d*#])\s*\Z")
_CODES = {10: "*", 11: "#", 12: "A", 13: "B", 14: "C", 15: "D"}
"""Some phones write the event's number instead of its sign."""
_CODE = re.compile(rb"(?im)^\s*Signal\s*=\s*(1[0-5])\s*$")


def support(context: Context, session: Session, side: Side = Side.INSIDE) -> str:
    """What the server on a side of the session understands; "phone": there is a phone."""
    line, peer = session.binding.line, session.binding.peer
    if side is Side.OUTSIDE and peer is None:
        return "phone"
    if line is None:
        return "none"
    server = line.server if side is Side.INSIDE or peer is None else peer
    return context.plan.interworking[server.server_profile].profile.dtmf_support


def digit_of(message: Message) -> tuple[str, int] | None:
    """The digit of an INFO and its duration in milliseconds; None: it is about something else."""
    kind = headers.media_type(message)
    body = message.body[:200]
    if kind == "application/dtmf":
        found = _DIGIT.match(body) or _SIGNAL.search(body)
        return (found[1].decode("ascii").upper(), DEFAULT_MS) if found else None
    if kind != "application/dtmf-relay":
        return None
    if (code := _CODE.search(body)) is not None:
        digit = _CODES[int(code[1])]
    elif (signal := _SIGNAL.search(body)) is not None:
        digit = signal[1].decode("ascii").upper()
    else:
        return None
    duration = _DURATION.search(body)
    return digit, min(int(duration[1]), LONGEST_MS) if duration is not None else DEFAULT_MS


def wants_events(context: Context, session: Session | None, sender: Side) -> bool:
    """Whether INFO digits of a side become events for the other."""
    if session is None or session.media is None or session.state != "answered":
        return False
    mine, theirs = session.ends(session.voice_of(sender))
    there = support(context, *theirs)
    if there == "rfc_4733":
        return True
    return there != "sip_info" and support(context, *mine) == "sip_info"


def to_stream(
    context: Context, session: Session, sender: Side, digit: tuple[str, int]
) -> Generator[Ask, Any, bool]:
    """Put the digit of an INFO into the stream of the other side; False: the engine refuses."""
    media = session.media
    if media is None:
        return False
    towards = media.sides_from(session.voice_of(sender))[1]
    reply = yield Ask(Dial(media.media, towards.name, *digit))
    if reply.error is not None:
        context.decided("dtmf", "INFO", f"the media engine plays no event: {reply.error}", FIELD)
        return False
    said = f"a digit from INFO becomes a telephone-event towards {towards.name}"
    context.decided("dtmf", "event", said, FIELD)
    return True


def to_info(context: Context, session: Session, report: DigitDialled) -> None:
    """Tell the server of a telephone-event of the other end, where it wants that."""
    voice = Side.OUTSIDE if report.side == "outside" else Side.INSIDE
    _, (there, side) = session.ends(voice)
    if report.digit == "!" or support(context, there, side) != "sip_info" or not there.confirmed:
        return
    leg = Leg(context, there, side)
    if len(there.end_on(side.other).inserted) >= MAX_INSERTED:
        return
    body = f"Signal={report.digit}\r\nDuration={report.duration_ms}\r\n".encode("ascii")
    because = "a digit of the stream becomes INFO to the server"
    context.decided("dtmf", "INFO", because, FIELD)
    leg.tell(leg.request("INFO", body, "application/dtmf-relay"))
