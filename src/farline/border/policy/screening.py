"""Stage 3 for a request that has just come: the rules of the flow that it came by."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline.border.exchange import Refusal, Side, Verdict
from farline.border.policy import signaling as signaling_policy

if TYPE_CHECKING:
    from farline.border.context import Context
    from farline.border.registrations.binding import Binding
    from farline.config import ServerFlow, SubscriberFlow
    from farline.sip import Message

BURST_SECONDS = 2.0
"""How long an end point may send faster than its rate."""


class Rates:
    """Requests by each flow of each binding, as tokens in a bucket."""

    def __init__(self) -> None:
        self._left: dict[str, dict[str, tuple[float, float]]] = {}

    def take(self, subid: str, flow: str, per_second: int, now: float) -> bool:
        """Whether one more request fits; an end point does not pay for its server's."""
        most = per_second * BURST_SECONDS
        buckets = self._left.setdefault(subid, {})
        left, at = buckets.get(flow, (most, now))
        left = min(most, left + (now - at) * per_second)
        buckets[flow] = (left - 1 if left >= 1 else left, now)
        return left >= 1

    def forget(self, subid: str) -> None:
        """The binding is over."""
        self._left.pop(subid, None)


def screen(
    context: Context, binding: Binding, sender: Side, request: Message
) -> Verdict[Refusal] | None:
    """Why a request of a side of a binding is refused; None when it may go on."""
    flow = binding.configured(sender)
    return None if flow is None else screen_flow(context, flow, request, binding.subid)


def screen_flow(
    context: Context, flow: SubscriberFlow | ServerFlow, request: Message, subid: str
) -> Verdict[Refusal] | None:
    """The same for a request of a flow. `subid`: of the end point, "" when it has none yet."""
    selected = context.rules_of(flow, in_dialog=bool(request.to_tag))
    if isinstance(selected.value, Refusal):
        return Verdict(selected.value, selected.because, selected.form)
    rules = selected.value
    refused = signaling_policy.screen(rules, request, "inbound")
    if refused is not None:
        return refused
    limit = rules.security.max_requests_per_second
    if not limit or not subid or request.method in ("BYE", "ACK"):
        return None
    if context.rates.take(subid, flow.name, limit, context.now):
        return None
    text = f"more than {limit} requests a second of one end point"
    place = rules.place("security", "DoS: Requests Per Second")
    return Verdict(Refusal(503, "rate", (("Retry-After", "2"),)), text, place)
