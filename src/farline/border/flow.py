"""Stage 2, flows: which subscriber flow or server flow a request belongs to.

The first flow that matches wins, as in the forms' order. The verdict's `because` says of every flow
before it, or of every flow when none matches, which field did not fit.
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_network
from typing import TYPE_CHECKING

from farline.border.exchange import Verdict
from farline.config.matching import agent_fits
from farline.config.subnets import in_subnet
from farline.sip import NameAddr, WireError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from farline.border.exchange import Exchange
    from farline.border.plan import Candidate, Plan
    from farline.config import ServerFlow, SubscriberFlow
    from farline.sip import Message


def decide(plan: Plan, exchange: Exchange) -> Verdict[SubscriberFlow | None]:
    """The subscriber flow of a request from outside; None: nobody that we serve."""
    failed: list[str] = []
    flows = plan.subscriber_flows.get(exchange.flow.interface, ())
    for flow in flows:
        field = subscriber_mismatch(plan, flow, exchange)
        if field is None:
            if not failed:
                return plan.first_flows[flow.name]
            return Verdict(flow, because(flow.name, failed), f"{flow.form}: {flow.name}")
        failed.append(f"{flow.name}: {field}")
    return Verdict(None, _none("subscriber flow", exchange.flow.interface, failed))


def decide_server(
    plan: Plan, subscriber: SubscriberFlow, candidate: Candidate, aor: str = ""
) -> Verdict[ServerFlow | None]:
    """The server flow over which the requests of a phone go to a next hop.

    `aor`: the phone's user@domain.
    """
    received_interface = subscriber.signaling_interface
    failed: list[str] = []
    for flow in plan.border.server_flows:
        field = server_mismatch(plan, flow, subscriber, candidate, aor)
        if field is None:
            return Verdict(flow, because(flow.name, failed), f"{flow.form}: {flow.name}")
        failed.append(f"{flow.name}: {field}")
    return Verdict(None, _none("server flow", received_interface, failed))


def decide_source(plan: Plan, exchange: Exchange) -> Verdict[ServerFlow | None]:
    """The server flow whose server a request comes from; None: it is not from a server."""
    interface = exchange.flow.interface
    served = plan.server_flows.get(interface)
    if not served:
        return _none_on(interface)
    failed: list[str] = []
    for flow in served:
        field = source_mismatch(plan, flow, exchange)
        if field is None:
            return Verdict(flow, because(flow.name, failed), f"{flow.form}: {flow.name}")
        failed.append(f"{flow.name}: {field}")
    return Verdict(None, _none("server flow", interface, failed))


@lru_cache(maxsize=256)
def _none_on(interface: str) -> Verdict[ServerFlow | None]:
    """The verdict on an interface that has no server flow, which every phone's request meets."""
    return Verdict(None, _none("server flow", interface, []))


def server_mismatch(
    plan: Plan, flow: ServerFlow, subscriber: SubscriberFlow, candidate: Candidate, aor: str
) -> str | None:
    """The first field of a server flow that a phone's next hop does not fit; None when all do."""
    if flow.server_profile != candidate.server:
        return f"Server Configuration is {flow.server_profile}"
    if flow.received_interface != subscriber.signaling_interface:
        return f"Received Interface is {flow.received_interface}"
    wanted = subscriber.received_interface
    if wanted not in (None, flow.signaling_interface):
        return (
            f"Signaling Interface is {flow.signaling_interface}; {subscriber.name} wants {wanted}"
        )
    if not plan.in_uri_group(flow.uri_group, f"<sip:{aor}>"):
        return f"URI Group is {flow.uri_group}"
    return hop_mismatch(flow, candidate)


def hop_mismatch(flow: ServerFlow, candidate: Candidate) -> str | None:
    """The first field of a server flow that an address of a server does not fit."""
    if flow.server_profile != candidate.server:
        return f"Server Configuration is {flow.server_profile}"
    if flow.transport not in ("*", candidate.transport):
        return f"Transport is {flow.transport}"
    if not in_subnet(flow.remote_subnet, candidate.remote.host):
        return f"Remote Subnet is {flow.remote_subnet}"
    return None


def source_mismatch(plan: Plan, flow: ServerFlow, exchange: Exchange) -> str | None:
    """The first field of a server flow that the sender of a request does not fit."""
    remote = exchange.flow.remote.host
    if flow.transport not in ("*", exchange.flow.transport):
        return f"Transport is {flow.transport}"
    if not in_subnet(flow.remote_subnet, remote):
        return f"Remote Subnet is {flow.remote_subnet}"
    if not _is_server(plan, flow, remote):
        return f"{remote} is no address of {flow.server_profile}"
    if not plan.in_uri_group(flow.uri_group, exchange.message.get("To")):
        return f"URI Group is {flow.uri_group}"
    branch = flow.remote_branch_office
    if branch != "any" and not _host_fits(branch, _contact_host(exchange.message)):
        return f"Remote Branch Office is {branch}"
    return None


def _is_server(plan: Plan, flow: ServerFlow, remote: str) -> bool:
    """A server known by name only is recognised by a Remote Subnet."""
    addresses = plan.hosts.of_profile[flow.server_profile]
    if remote in addresses:
        return True
    named = any(not _numeric(address) for address in addresses)
    return named and flow.remote_subnet != "*"


def subscriber_mismatch(plan: Plan, flow: SubscriberFlow, exchange: Exchange) -> str | None:
    """The first field of a subscriber flow that does not fit; None when all do."""
    message = exchange.message
    if not agent_fits(flow.user_agent, message.get("User-Agent") or ""):
        return f"User Agent has no {flow.user_agent!r}"
    if not plan.in_uri_group(flow.uri_group, message.get("From")):
        return f"URI Group is {flow.uri_group}"
    if not in_subnet(flow.source_subnet, exchange.flow.remote.host):
        return f"Source Subnet is {flow.source_subnet}"
    if flow.via_host != "*":
        via = message.top_via
        if via is None or not _host_fits(flow.via_host, via.host):
            return f"Via Host is {flow.via_host}"
    if flow.contact_host != "*" and not _host_fits(flow.contact_host, _contact_host(message)):
        return f"Contact Host is {flow.contact_host}"
    return None


def _contact_host(message: Message) -> str:
    contact = message.get("Contact")
    try:
        return NameAddr.parse(contact).uri.host if contact else ""
    except WireError:
        return ""


def _host_fits(wanted: str, host: str) -> bool:
    """A host name without case, an address, or a subnet."""
    if wanted.lower() == host.lower():
        return True
    return _numeric(wanted) and _numeric(host) and in_subnet(wanted, host)


def _numeric(text: str) -> bool:
    try:
        ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def because(name: str, failed: Sequence[str] = ()) -> str:
    """Why this flow: no other one before it."""
    before = f"; before it: {'; '.join(failed)}" if failed else ""
    return f"{name} is the first that matches{before}"


def _none(kind: str, interface: str, failed: list[str]) -> str:
    return f"no {kind} on {interface} matches: {'; '.join(failed) or 'there is none'}"
