"""The ACK for a 2xx through the border: no transaction, but it may bear the answer to an offer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline.border.calls import anchor
from farline.border.calls.teardown import hang_up, make_ack
from farline.border.passage import Passage
from farline.sip import WireError

if TYPE_CHECKING:
    from farline.border.calls.session import Found
    from farline.border.context import Context
    from farline.border.exchange import Side
    from farline.border.registrations.binding import Binding
    from farline.border.steps import Steps
    from farline.sip import Message


def ack(context: Context, message: Message, binding: Binding, sender: Side, found: Found) -> Steps:
    """Pass the ACK for a 2xx; it may bear the answer to a late offer."""
    session, passage = found.session, Passage(context, binding, sender, message, found)
    flow = yield from passage.reach()
    if flow is None or found.other is None:
        context.note("ack", "no way to the other side")
        return
    try:
        out = passage.to_far()
    except WireError as error:
        context.note("ack", f"{error.where}: {error.reason}")
        return
    cseq, proof = session.proof
    for name, value in proof if cseq == message.cseq else ():
        out.add(name, value)
    sdp = anchor.description(message)
    if sdp is not None and session.anchored is not None:
        reply = yield from anchor.carry(session.anchored, sender, message, sdp, offered=False)
        if reply.error is not None:
            end = found.other
            bare = make_ack(session, message, end)
            context.send_ack(bare, flow)
            hang_up(context, session, "no media", cause=47)
            return
        out.body = reply.sdp or b""
        if session.anchored.inserted:
            out.body = b""  # the server has had its answer: the offer was ours
            out.remove("Content-Type")
        context.keeper.session(session)  # the late offer has its answer
    out = yield from passage.manipulated(out, sender.other)
    context.send_ack(out, flow, passage.manner)
