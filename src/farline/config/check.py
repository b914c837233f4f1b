"""Cross checks of a deployment: names that must exist, ports that clash, rules that never match.

`check` finds everything wrong at once; each problem names the place, the form and the remedy.
What needs files (certificates) is checked in `farline.runtime.preflight`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline.config.base import Problem
from farline.config.check_border import check_border
from farline.config.check_flows import check_flows
from farline.config.check_media import check_media_engine
from farline.config.check_order import check_order
from farline.config.check_ports import check_ports
from farline.config.check_relays import check_relays
from farline.config.check_routing import check_routing
from farline.config.check_servers import check_servers
from farline.config.check_services import check_office, check_portal, check_provider
from farline.config.check_shadows import check_shadows
from farline.config.check_tls import check_tls
from farline.config.policies import check_policies

if TYPE_CHECKING:
    from collections.abc import Iterator

    from farline.config.deployment import Deployment


PARTS = ("border", "office", "portal", "ems")
"""Sections that something is run from."""


def check(deployment: Deployment) -> list[Problem]:
    """Every problem of a deployment whose single values are valid, warnings too."""
    server_tls = {profile.name for profile in deployment.tls_server_profiles}
    client_tls = {profile.name for profile in deployment.tls_client_profiles}
    problems: list[Problem] = [*check_parts(deployment), *check_tls(deployment)]
    border = deployment.border
    if border is not None:
        problems += check_border(border, server_tls, client_tls)
        problems += check_flows(border, client_tls)
        problems += check_shadows(border)
        problems += check_routing(border)
        problems += check_servers(border)
        problems += check_order(border)
        if not any(check_policies(border)):
            problems += check_media_engine(border)
    if deployment.office is not None:
        problems += check_office(deployment.office, server_tls)
    if deployment.portal is not None:
        problems += check_portal(deployment.portal, server_tls, client_tls)
    problems += check_relays(deployment)
    problems += check_provider(deployment)
    problems += check_ports(deployment)
    return problems


def check_parts(deployment: Deployment) -> Iterator[Problem]:
    """A deployment of which nothing can be run."""
    if not any(getattr(deployment, part) is not None for part in PARTS):
        text = "there is nothing to run: it has none of the sections " + ", ".join(PARTS)
        remedy = "write at least one: examples/border.yaml is a border, examples/guide.yaml has all"
        yield Problem("file", text, remedy, deployment.form)
