"""Device Specific Settings > End Point Flows."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from farline.config.base import Form, Name
from farline.config.matching import ANY, check_user_agent
from farline.config.registrations import Registrations
from farline.config.server import ServerTransport, is_name
from farline.config.subnets import network

_HOST_PORT = re.compile(
    r"(?:\[([0-9A-Fa-f:.]{2,45})\]|([0-9A-Fa-f:]{2,45}(?=\Z))|([A-Za-z0-9.-]{1,253}))(?::(\d{1,5}))?"
)
PHONES_ONLY = "default"
"""The routing profile of a server flow whose requests only go to phones."""

Method = Literal["INFO", "MESSAGE", "NOTIFY", "OPTIONS", "SUBSCRIBE", "PUBLISH"]


def _host_port(text: str | None) -> str | None:
    if text is not None:
        split_host(text, 5060)
    return text


def split_host(text: str, default: int) -> tuple[str, int]:
    """Host and port of `host`, `host:port`, `::1` or `[::1]:port`. Raises ValueError."""
    found = _HOST_PORT.fullmatch(text)
    if found is None:
        raise ValueError(
            f"{text!r}: write presence.example.com, 192.168.0.101 or either with :5060"
        )
    port = int(found[4] or default)
    if not 1 <= port <= 65_535:
        raise ValueError(f"{port} is no port")
    return found[1] or found[2] or found[3], port


def _host_or_subnet(text: str) -> str:
    if text != ANY and not is_name(text) and network(text) is None:
        raise ValueError(f"{text!r}: write domain.com, 192.168.0.1/24 or *")
    return text


def _branch(text: str) -> str:
    if text.lower() == ANY_BRANCH:
        return ANY_BRANCH
    if not is_name(text) and network(text) is None:
        raise ValueError(f"{text!r}: write domain.com, 192.168.0.1/24 or {ANY_BRANCH}")
    return text


ANY_BRANCH = "any"
HostOrSubnet = Annotated[str, AfterValidator(_host_or_subnet)]
"""A host name, an address or a subnet; or *."""


class SubscriberFlow(Form):
    """Which requests from outside are remote workers, and what is done with them."""

    form: ClassVar[str] = "Device Specific Settings > End Point Flows > Subscriber Flows"
    name: Name = Field(title="Flow Name")
    uri_group: Name = Field(ANY, title="URI Group")
    """The address in From is one of the group's; or *."""
    user_agent: Annotated[str, AfterValidator(check_user_agent)] = Field(
        ANY, title="User Agent", min_length=1, max_length=256
    )
    """A part of the User-Agent header, in which * stands for anything; or /a pattern/ (RE2)."""
    source_subnet: str = Field(ANY, title="Source Subnet")
    via_host: HostOrSubnet = Field(ANY, title="Via Host")
    """A host name, an address or a subnet: the host of the phone's own Via; or *."""
    contact_host: HostOrSubnet = Field(ANY, title="Contact Host")
    signaling_interface: Name = Field(title="Signaling Interface")
    source: Literal["subscriber", "click_to_call"] = Field("subscriber", title="Source")
    """click_to_call: whoever calls, without REGISTER; calls only."""
    methods_before_register: tuple[Method, ...] = Field((), title="Methods Allowed Before REGISTER")
    media_interface: Name = Field(title="Media Interface")
    received_interface: Name | None = Field(None, title="Received Interface")
    """The signaling interface at which the server's requests for these phones arrive; others' are
    refused, and only server flows with that Signaling Interface are used."""
    end_point_policy_group: Name = Field(title="End Point Policy Group")
    routing_profile: Name = Field(title="Routing Profile")
    tls_client_profile: Name | None = Field(None, title="TLS Client Profile")
    """Judges the servers that these phones' requests go to over TLS, the presence server too;
    None: that of the server profile."""
    signaling_manipulation_script: Name | None = Field(None, title="Signaling Manipulation Script")
    presence_server_address: Annotated[str | None, AfterValidator(_host_port)] = Field(
        None, title="Presence Server Address"
    )
    """PUBLISH, and SUBSCRIBE to presence, go there instead of to the routing profile's next hop: a
    host name or an address, with `:port` where it is not the transport's own."""
    registrations: Registrations = Field(default_factory=Registrations, title="Registrations")


class ServerFlow(Form):
    """Which server side belongs to a routed request, and which requests from inside are its."""

    form: ClassVar[str] = "Device Specific Settings > End Point Flows > Server Flows"
    name: Name = Field(title="Flow Name")
    server_profile: Name = Field(title="Server Configuration")
    uri_group: Name = Field(ANY, title="URI Group")
    """The end point's address is one of the group's; or *."""
    transport: ServerTransport | Literal["*"] = Field("*", title="Transport")
    remote_subnet: str = Field(ANY, title="Remote Subnet")
    received_interface: Name = Field(title="Received Interface")
    signaling_interface: Name = Field(title="Signaling Interface")
    media_interface: Name = Field(title="Media Interface")
    secondary_media_interface: Name | None = Field(None, title="Secondary Media Interface")
    """Used when the first has no port left, or is of another IP family than the server."""
    end_point_policy_group: Name = Field(title="End Point Policy Group")
    routing_profile: Name = Field(PHONES_ONLY, title="Routing Profile")
    """Where requests of this server go that name no registered phone: to another server. "default":
    nowhere else (404)."""
    topology_hiding_profile: Name | None = Field(None, title="Topology Hiding Profile")
    signaling_manipulation_script: Name | None = Field(None, title="Signaling Manipulation Script")
    remote_branch_office: Annotated[str, AfterValidator(_branch)] = Field(
        ANY_BRANCH, title="Remote Branch Office", min_length=1
    )
    """A host name, an address or a subnet: requests of the server whose Contact names a host of
    that branch; or any."""

    @property
    def routes_on(self) -> bool:
        """Whether the server's requests may go to other servers."""
        return self.routing_profile != PHONES_ONLY
