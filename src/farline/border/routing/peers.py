"""A server flow in the place of a subscriber flow: the side that begins a call between servers."""

from __future__ import annotations

from typing import ClassVar

from farline.config import ServerFlow, SubscriberFlow


class PeerFlow(SubscriberFlow):
    """What stages ask of the flow by which a call comes, answered by a server flow."""

    form: ClassVar[str] = ServerFlow.form
    server: ServerFlow


def peer_flow(flow: ServerFlow, script: str | None) -> PeerFlow:
    """The server flow as the beginning of a call. `script`: that of its server profile."""
    return PeerFlow(
        name=flow.name,
        signaling_interface=flow.signaling_interface,
        media_interface=flow.media_interface,
        end_point_policy_group=flow.end_point_policy_group,
        routing_profile=flow.routing_profile,
        signaling_manipulation_script=flow.signaling_manipulation_script or script,
        server=flow,
    )
