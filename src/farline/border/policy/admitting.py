"""Whether a call may begin, and what its descriptions may hold, by the rules of both its flows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline.border.calls import anchor
from farline.border.exchange import Refusal, Side, Verdict
from farline.border.policy import groups as policy
from farline.border.policy import media as media_policy
from farline.border.policy.groups import Held

if TYPE_CHECKING:
    from farline.border.calls.session import Session
    from farline.border.context import Context
    from farline.border.passage import Passage
    from farline.border.policy.media import MediaPolicy
    from farline.border.registrations.binding import Binding
    from farline.config import Rules
    from farline.sip import Message

WAYS = ("inbound", "outbound")


def admit_call(
    context: Context, request: Message, binding: Binding, sender: Side
) -> Verdict[Refusal] | None:
    """Why a call is refused; None when it may begin."""
    for side, way in zip((sender, sender.other), WAYS, strict=True):
        refused = admit_side(context, request, binding, side, way)
        if refused is not None:
            return refused
    if context.sessions.full:
        return Verdict(Refusal(503, "full"), "no further session fits")
    return None


def admit_side(
    context: Context, request: Message, binding: Binding, side: Side, way: str
) -> Verdict[Refusal] | None:
    """The same by the rules of one side; None also while nobody knows which flow that is."""
    flow = binding.configured(side)
    if flow is None:
        return None
    kinds = media_policy.media_kinds(anchor.description(request))
    selected = context.rules_of(flow, in_dialog=False)
    if isinstance(selected.value, Refusal):
        return Verdict(selected.value, selected.because, selected.form)
    rules = selected.value
    verdict = policy.admit(rules, way, kinds, _held(context, binding, side, rules))
    if verdict.value is not None:
        return Verdict(verdict.value, verdict.because, verdict.form)
    because = f"{way}, {verdict.because}; {selected.because}"
    context.decided("policy", rules.group, because, verdict.form)
    return None


def media_policies(context: Context, session: Session, passage: Passage) -> dict[Side, MediaPolicy]:
    """What may pass of the descriptions of each side of a call."""
    binding, initiator = session.binding, session.initiator
    refused: frozenset[str] = frozenset()
    for side, way in zip((initiator, initiator.other), WAYS, strict=True):
        rules = passage.rules(side)
        held = _held(context, binding, side, rules, without=session)
        refused |= policy.refused_kinds(rules, way, held)
    outer, inner = passage.rules(Side.OUTSIDE), passage.rules(Side.INSIDE)
    return {
        Side.OUTSIDE: media_policy.between(outer, inner, refused),
        Side.INSIDE: media_policy.between(inner, outer, refused),
    }


def _held(
    context: Context, binding: Binding, side: Side, rules: Rules, without: Session | None = None
) -> Held:
    """The sessions that count. A server is no end point: there only the group's number counts."""
    table = context.sessions
    calls, videos = table.calls_in(rules.group), table.videos_in(rules.group)
    mine = [one for one in table.of_binding(binding) if one.is_call] if binding.calls else []
    seen = sum(one.has_video for one in mine if one is not without)
    if without is not None and without.has_video:
        videos -= 1
    if side is Side.INSIDE or binding.is_way:
        return Held(calls, 0, videos, 0)
    return Held(calls, binding.calls, videos, seen)
