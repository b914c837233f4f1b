"""Helpers for tests of SIP cores in virtual time; public, for users' tests too."""

from farline.testing.chance import SeededIds, SeededRandom
from farline.testing.clock import ManualClock
from farline.testing.link import Impairment, Link, Seen
from farline.testing.matchers import Containing, Instance, Matcher, Matching, Placeholder, Sip
from farline.testing.messages import flow, sip_request
from farline.testing.playbook import Playbook, Wait
from farline.testing.stack import LayerCore

__all__ = [
    "Containing",
    "Impairment",
    "Instance",
    "LayerCore",
    "Link",
    "ManualClock",
    "Matcher",
    "Matching",
    "Placeholder",
    "Playbook",
    "SeededIds",
    "SeededRandom",
    "Seen",
    "Sip",
    "Wait",
    "flow",
    "sip_request",
]
