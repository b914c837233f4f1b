"""A border whose flows have policy rules of the test, and what becomes of a request of a phone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from farline.config import EndPointPolicyGroup
from farline.config.policies import check_policies
from farline.testing.border import BorderWorld, changed
from farline.testing.border_phone import DOMAIN, Phone

if TYPE_CHECKING:
    from collections.abc import Callable

    from farline.config import Border
    from farline.sip import Message
    from farline.trace.events import Decision

    Rules = dict[str, Any] | list[dict[str, Any]]

MONDAY_NOON = 1_767_614_400.0
"""2026-01-05 12:00 UTC."""

VIDEO = (
    b"m=video 5002 RTP/AVP 96 34 97\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 profile-level-id=42\r\n"
    b"a=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n"
)


def policed_border(
    border: Border,
    subscriber: Rules | None = None,
    server: Rules | None = None,
    *,
    wall: Callable[[float], float] | None = None,
    registered: bool = True,
) -> tuple[BorderWorld, Phone]:
    """A border with rules: the subscriber flow's and, where given, the server flow's.

    A dict is the one set of the flow's policy group, a list its sets in their order.
    """
    groups = tuple(
        EndPointPolicyGroup.model_validate(
            {"name": name, "sets": sets if isinstance(sets, list) else [sets]}
        )
        for name, sets in (("mine", subscriber or {}), ("theirs", server or {}))
    )
    ruled = changed(
        border,
        end_point_policy_groups=groups,
        subscriber_flows={"end_point_policy_group": "mine"},
        server_flows={"end_point_policy_group": "theirs"},
    )
    problems = list(check_policies(ruled))
    if problems:
        raise AssertionError(problems)
    world = BorderWorld(ruled, wall=wall)
    phone = Phone(world)
    if registered:
        phone.register()
    return world, phone


def application(**rule: Any) -> dict[str, Any]:  # noqa: ANN401 - values of any field
    """A set with an application rule."""
    return {"application": {"name": "a", **rule}}


def passed(world: BorderWorld, phone: Phone, method: str = "MESSAGE", **headers: Any) -> Message:  # noqa: ANN401 - body beside headers
    """A request of the phone as the office reads it."""
    world.receive(phone.flow, phone.request(method, f"sip:3003@{DOMAIN}", **headers))
    return world.take(phone.upstream)


def refused(world: BorderWorld, phone: Phone, method: str = "MESSAGE", **headers: Any) -> int:  # noqa: ANN401 - body beside headers
    """The status of the final answer to a request of the phone that the office never sees."""
    world.receive(phone.flow, phone.request(method, f"sip:3003@{DOMAIN}", **headers))
    if world.unread(phone.upstream):
        raise AssertionError("the office has read it")
    answer = world.take(phone.flow)
    while answer.status == 100:
        answer = world.take(phone.flow)
    return answer.status


def decided(world: BorderWorld, stage: str = "policy") -> Decision:
    """The last decision of a stage."""
    return world.decisions(stage)[-1]
