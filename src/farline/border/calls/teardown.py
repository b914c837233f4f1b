"""Endings that the border itself brings about: BYE to both ends, bindings that run out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline.border.calls.targets import request_to
from farline.border.exchange import Side
from farline.border.steps import Aborted, Operation, Reach
from farline.border.trunks.credentials import insist

if TYPE_CHECKING:
    from farline.border.calls.session import End, Session
    from farline.border.context import Context
    from farline.border.registrations.binding import Binding
    from farline.border.steps import Steps
    from farline.sip import Flow, Message


def hang_up(context: Context, session: Session, why: str, *, cause: int) -> None:
    """End a session from here. `cause`: Q.850 (RFC 3326), e.g. 102 for a timer that ran out.

    An answered call gets a BYE on both legs; one that still rings is cancelled, and its caller gets
    480; a subscription is only forgotten.
    """
    if session.ended:
        return
    pending = session.pending
    if pending is not None:
        context.deliver(pending, Aborted(480, why))
        return
    joint = session.joint
    ends = [(session, side) for side in Side]
    if joint is not None:
        ends = [(session, joint.side)]
    if joint is not None and not joint.over:
        ends.append((joint.other, joint.other_side))
    if session.is_call and session.confirmed:
        for one, side in ends:
            operation = Operation(one.call_id)
            context.start(operation, _bye(context, operation, one, side, why, cause))
    context.end_session(session, "ended", why)
    if joint is not None and not joint.over:
        context.end_session(joint.other, "ended", why)


def _bye(
    context: Context, operation: Operation, session: Session, side: Side, why: str, cause: int
) -> Steps:
    """BYE to an end: to a server over a new connection if need be, and again if it asks who we are.

    To a phone over the connection that it has, or none.
    """
    bye = make_bye(session, side, why, cause)
    binding = session.binding
    if side is Side.INSIDE:
        flow = yield Reach(binding)
    elif binding.is_way:
        flow = yield from context.ways.reach(binding)
    else:
        flow = flow_to(context, binding, side)
    if flow is not None:
        client = context.request(operation, bye, flow, side)
        yield from insist(context, operation, client, session, side)


def lose_phone(context: Context, binding: Binding) -> None:
    """The phone did not refresh its own lease; the office's binding stays."""
    if not context.bindings.other_flows(binding):
        for session in context.sessions.of_binding(binding) if binding.sessions else ():
            hang_up(context, session, "the phone is gone", cause=27)
    context.note("binding unreachable", f"{binding.aor}: the phone's lease is over")
    context.bindings.lose(binding)


def drop_binding(context: Context, binding: Binding, why: str) -> None:
    """A binding is over, and with it its sessions."""
    for session in context.sessions.of_binding(binding) if binding.sessions else ():
        hang_up(context, session, why, cause=27)
    context.forget_binding(binding, why)


def make_bye(session: Session, side: Side, why: str, cause: int) -> Message:
    """A BYE to the end on `side`, as if the other end had sent it."""
    bye = make_request(session, side, "BYE", session.end_on(side.other).next_cseq())
    bye.add("Reason", f'Q.850;cause={cause};text="{why}"')
    bye.body = b""
    return bye


def make_request(session: Session, side: Side, method: str, cseq: int) -> Message:
    """A request to the end on `side` of an answered call, as if the other end had sent it."""
    names = session.names[side]
    one, two = names.caller, names.callee
    if side is session.initiator:
        one, two = two, one
    return _in_dialog(method, session, session.end_on(side), one, two, cseq)


def make_ack(session: Session, response: Message, target: End) -> Message:
    """The ACK for a 2xx that cannot be given to the caller."""
    ack = _in_dialog(
        "ACK",
        session,
        target,
        response.get("From") or "",
        response.get("To") or "",
        response.cseq,
    )
    ack.body = b""
    return ack


def refuse_answer(
    context: Context,
    session: Session,
    response: Message,
    flow: Flow,
    why: tuple[int, str] = (47, "no media"),
) -> None:
    """A 2xx came that nobody can use: acknowledge it and hang up on that end at once.

    `why`: the cause by Q.850 and a text.
    """
    end = session.callees.get(response.to_tag)
    if end is None:
        return
    context.send_ack(make_ack(session, response, end), flow)
    side = session.initiator.other
    bye = _in_dialog(
        "BYE",
        session,
        end,
        response.get("From") or "",
        response.get("To") or "",
        max(session.caller.cseq, response.cseq) + 1,
    )
    bye.add("Reason", f'Q.850;cause={why[0]};text="{why[1]}"')
    bye.body = b""
    context.request(None, bye, flow, side)


def make_early(session: Session, response: Message, target: End, method: str, cseq: int) -> Message:
    """A request to the end that sent this answer, before its dialog is confirmed."""
    message = _in_dialog(
        method, session, target, response.get("From") or "", response.get("To") or "", cseq
    )
    message.body = b""
    return message


def _in_dialog(
    method: str, session: Session, to: End, from_: str, to_name: str, cseq: int
) -> Message:
    side = session.initiator if to is session.caller else session.initiator.other
    return request_to(
        to.target,
        method,
        routes=to.routes,
        from_=from_,
        to=to_name,
        call_id=session.names[side].call_id,
        cseq=cseq,
    )


def flow_to(context: Context, binding: Binding, side: Side) -> Flow | None:
    """The connection on which an end is reached; None: there is none now."""
    if side is Side.OUTSIDE:
        others = () if binding.phone else context.bindings.other_flows(binding)
        return next((other.phone for other in others), binding.phone)
    return binding.upstream.flow if binding.upstream else None
