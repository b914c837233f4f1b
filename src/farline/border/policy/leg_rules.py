"""What the configuration alone says of both legs of a binding's line, worked out once.

Most deployments neither screen nor change anything on most flows: a message of theirs need not ask
each stage anew. What is found is kept with the binding until its flow, its line or the whole
configuration is another; the stages themselves decide wherever something may apply.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline.border.exchange import Refusal

if TYPE_CHECKING:
    from farline.border.exchange import Verdict
    from farline.border.interworking.stage import Interworking
    from farline.border.plan import Plan
    from farline.border.registrations.binding import Binding
    from farline.border.topology.line import Line
    from farline.config import Rules


class Legs:
    """The legs of one line."""

    __slots__ = ("alike", "free", "line", "outer_works", "plan", "subscriber", "works")

    def __init__(self, plan: Plan, binding: Binding, line: Line) -> None:
        self.plan = plan
        self.subscriber = binding.subscriber
        self.line = line
        self.works: Interworking = plan.interworking[line.server.server_profile]
        """The interworking of the server."""

        peer = binding.peer
        self.outer_works = None if peer is None else plan.interworking[peer.server_profile]
        """That of the server that a way between servers begins at."""

        self.alike = self.works.plain and (self.outer_works is None or self.outer_works.plain)
        """No interworking profile changes anything."""

        groups = (
            binding.subscriber.end_point_policy_group,
            line.server.end_point_policy_group,
        )
        self.free = all(map(_is_free, map(plan.standing, groups)))
        """No policy set screens, changes or believes less than it is told, at any time."""


def legs_of(plan: Plan, binding: Binding, line: Line) -> Legs:
    """The legs of a binding as they are now."""
    legs = binding.legs
    if (
        legs is None
        or legs.plan is not plan
        or legs.line is not line
        or legs.subscriber is not binding.subscriber
    ):
        legs = binding.legs = Legs(plan, binding, line)
    return legs


def _is_free(standing: Verdict[Rules | Refusal] | None) -> bool:
    if standing is None or isinstance(standing.value, Refusal):
        return False
    rules = standing.value
    asks = rules.screens or rules.changes or rules.controls_responses
    return not (asks or rules.signaling.ucid or rules.security.authentication)
