"""The whole deployment as typed, validated values: a file a noun, named as the guide's forms.

`load_deployment(text, secrets)` gives a `Deployment` that can run, or a `ConfigError` with every
problem: place, line, form and remedy. Values are frozen; a change is a new deployment.
"""

from farline.config.base import Form, Problem, Secret
from farline.config.check import check
from farline.config.check_tls import acme_role
from farline.config.deployment import Border, Deployment, Ems
from farline.config.flows import ServerFlow, SubscriberFlow
from farline.config.interfaces import MediaInterface, SignalingInterface
from farline.config.lab import Lab
from farline.config.load import (
    ConfigError,
    load_deployment,
    load_secrets,
    load_with_warnings,
    with_lines,
)
from farline.config.media_engine import MediaEngine, MediaNode
from farline.config.network import Interface, Network
from farline.config.office import Office, User
from farline.config.policy_groups import EndPointPolicyGroup, Rules
from farline.config.portal import Portal
from farline.config.registrations import Registrations
from farline.config.relays import ApplicationRelay
from farline.config.routing import NextHop, RoutingProfile
from farline.config.server import (
    ServerProfile,
)
from farline.config.shield import Shield
from farline.config.tls import TlsClientProfile, TlsServerProfile
from farline.config.topology_hiding import HidingRule, TopologyAudit, TopologyHidingProfile
from farline.config.uri_groups import UriGroup

__all__ = [
    "ApplicationRelay",
    "Border",
    "ConfigError",
    "Deployment",
    "Ems",
    "EndPointPolicyGroup",
    "Form",
    "HidingRule",
    "Interface",
    "Lab",
    "MediaEngine",
    "MediaInterface",
    "MediaNode",
    "Network",
    "NextHop",
    "Office",
    "Portal",
    "Problem",
    "Registrations",
    "RoutingProfile",
    "Rules",
    "Secret",
    "ServerFlow",
    "ServerProfile",
    "Shield",
    "SignalingInterface",
    "SubscriberFlow",
    "TlsClientProfile",
    "TlsServerProfile",
    "TopologyAudit",
    "TopologyHidingProfile",
    "UriGroup",
    "User",
    "acme_role",
    "check",
    "load_deployment",
    "load_secrets",
    "load_with_warnings",
    "with_lines",
]
