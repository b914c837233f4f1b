"""Cross checks between servers: requests that come back, servers and flows that nothing uses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from farline.config.base import Problem
from farline.config.flows import PHONES_ONLY
from farline.config.policies import check_policies

if TYPE_CHECKING:
    from collections.abc import Iterator

    from farline.config.deployment import Border
    from farline.config.flows import ServerFlow
    from farline.config.routing import RoutingProfile


def check_servers(border: Border) -> Iterator[Problem]:
    """Every problem of calls between servers, warnings too."""
    yield from _kept_name(border)
    yield from _without_flow(border)
    profiles = {profile.name: profile for profile in border.routing_profiles}
    for index, flow in enumerate(border.server_flows):
        profile = profiles.get(flow.routing_profile)
        place = f"border.server_flows[{index}].routing_profile"
        if profile is not None and flow.routes_on:
            yield from _loops(place, flow, profile)
        elif not flow.routes_on:
            yield from _leads_nowhere(border, place, flow)
    yield from _phones_at_trunks(border)
    yield from _registrations(border)
    yield from _recording(border)


def _recording(border: Border) -> Iterator[Problem]:
    """Recording servers are called by the border, for recording rules, and by nobody else."""
    silent = {one.name for one in border.server_profiles if not one.nature.takes_calls}
    groups = {} if any(check_policies(border)) else border.resolved_groups()
    rules = {one.recording.name: one.recording for sets in groups.values() for one in sets}
    for rule in rules.values():
        if rule.recording_profile is not None and rule.recording_profile not in silent:
            text = f"{rule.recording_profile!r} is no server profile of the type recording"
            remedy = f"there is: {', '.join(sorted(silent)) or 'none'}"
            yield Problem(f"recording rule {rule.name}", text, remedy, rule.form)
    for index, profile in enumerate(border.routing_profiles):
        for _, _, hop in profile.all_hops:
            if hop.server in silent:
                yield Problem(
                    f"border.routing_profiles[{index}]",
                    f"{hop.server!r} is a recording server and takes no calls",
                    "name another server profile",
                    profile.form,
                )


def _kept_name(border: Border) -> Iterator[Problem]:
    for index, profile in enumerate(border.routing_profiles):
        if profile.name == PHONES_ONLY:
            yield Problem(
                f"border.routing_profiles[{index}].name",
                f"{PHONES_ONLY!r} means in a server flow that its requests only go to phones",
                "choose another name",
                profile.form,
            )


def _without_flow(border: Border) -> Iterator[Problem]:
    used = {flow.server_profile for flow in border.server_flows}
    for index, server in enumerate(border.server_profiles):
        if server.name not in used:
            yield Problem(
                f"border.server_profiles[{index}]",
                f"no server flow names {server.name!r}: nothing comes from it and nothing goes "
                "there",
                "add a server flow with this Server Configuration",
                server.form,
                severity="warning",
            )


def _loops(place: str, flow: ServerFlow, profile: RoutingProfile) -> Iterator[Problem]:
    """A server's requests that its flow's routing profile leads back to it."""
    for within, _, hop in profile.all_hops:
        if hop.server == flow.server_profile:
            yield Problem(
                place,
                f"a loop: requests of {hop.server!r} would go back to it "
                f"({profile.name!r}, {within})",
                "name a routing profile that leads to another server",
                flow.form,
            )


def _leads_nowhere(border: Border, place: str, flow: ServerFlow) -> Iterator[Problem]:
    """A flow of a server that reaches no phones and has no routing profile either."""
    server = next((one for one in border.server_profiles if one.name == flow.server_profile), None)
    if server is None or server.nature.reaches_phones or server.registers_phones:
        return
    if not server.nature.takes_calls:
        return
    yield Problem(
        place,
        f"requests of {server.name!r} lead nowhere: {server.nature.text}, and there is none",
        "name the routing profile that leads to the call server",
        flow.form,
        severity="warning",
    )


def _phones_at_trunks(border: Border) -> Iterator[Problem]:
    """Subscriber flows whose next hops take no REGISTER."""
    servers = {server.name: server for server in border.server_profiles}
    profiles = {profile.name: profile for profile in border.routing_profiles}
    for index, flow in enumerate(border.subscriber_flows):
        profile = profiles.get(flow.routing_profile)
        if profile is None or flow.source != "subscriber":
            continue
        named = {hop.server for _, _, hop in profile.all_hops if hop.server in servers}
        if named and not any(servers[name].registers_phones for name in named):
            yield Problem(
                f"border.subscriber_flows[{index}].routing_profile",
                f"phones cannot register: {', '.join(sorted(named))} takes no REGISTER of phones",
                "lead to a call server, or set phone_registrations in the server profile",
                flow.form,
                severity="warning",
            )


def _registrations(border: Border) -> Iterator[Problem]:
    """The border registers with a server that will not let it in, or as nobody."""
    for index, server in enumerate(border.server_profiles):
        form, place = server.registration, f"border.server_profiles[{index}]."
        if not form.enabled:
            continue
        if not server.authentication.enabled:
            yield Problem(
                f"{place}authentication.enabled",
                f"the border registers with {server.name!r} without a password",
                "enable the Authentication page, unless the server asks for none",
                server.authentication.form,
                severity="warning",
            )
        elif not (form.from_uri or server.authentication.user_name):
            yield Problem(
                f"{place}registration.from_uri",
                "nobody is named whom the border registers",
                "give the From URI, or the User Name of the Authentication page",
                form.form,
            )
        if not form.from_uri and not server.authentication.enabled:
            yield Problem(
                f"{place}registration.from_uri",
                "nobody is named whom the border registers",
                "give the From URI as sip:user@domain",
                form.form,
            )
