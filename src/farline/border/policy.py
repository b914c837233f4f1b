"""Stage 3, the end point policy group: how many sessions a flow and an end point may have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline.border.exchange import Refusal, Verdict

if TYPE_CHECKING:
    from farline.config import EndPointPolicyGroup


def decide(
    group: EndPointPolicyGroup, *, sessions: int, of_endpoint: int
) -> Verdict[Refusal | None]:
    """Whether one more session may begin beside `sessions` of the group, `of_endpoint` of one."""
    place = f"{group.form}: {group.name}"
    if sessions >= group.max_concurrent_sessions:
        text = f"{sessions} sessions; Maximum Sessions is {group.max_concurrent_sessions}"
        return Verdict(Refusal(503, "sessions"), text, f"{place}: Maximum Sessions")
    if of_endpoint >= group.max_sessions_per_endpoint:
        text = f"{of_endpoint} sessions; Sessions Per Endpoint is {group.max_sessions_per_endpoint}"
        return Verdict(Refusal(486, "sessions"), text, f"{place}: Sessions Per Endpoint")
    return Verdict(None, f"session {of_endpoint + 1} of this end point", place)
