"""Global Policies: server profiles, routing profiles, policy groups."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from farline.config.base import Form, Name, Port, only
from farline.sip import Transport

TransportName = Annotated[Transport, Field(title="Transport")]


class ServerAddress(Form):
    """One address of a server; a routing profile picks from these."""

    form: ClassVar[str] = "Global Policies > Server Configuration > General"
    address: str = Field(title="IP Address / FQDN", min_length=1, max_length=255)
    port: Port = Field(title="Port")
    transport: TransportName


class ServerAdvanced(Form):
    """The Advanced page."""

    form: ClassVar[str] = "Global Policies > Server Configuration > Advanced"
    dos_protection: Annotated[bool, only(False, "DoS protection is not built yet")] = Field(
        False, title="Enable DoS Protection"
    )
    grooming: Annotated[
        bool,
        only(False, "remote workers need a TCP connection each, so grooming stays off"),
    ] = Field(False, title="Enable Grooming")
    interworking_profile: Annotated[
        Literal["avaya-ru"], only("avaya-ru", "only this profile is built")
    ] = Field("avaya-ru", title="Interworking Profile")
    signaling_manipulation_script: Annotated[
        str | None, only(None, "scripts are not built yet")
    ] = Field(None, title="Signaling Manipulation Script")
    securable: Annotated[bool, only(False, "securable is not built yet")] = Field(
        False, title="Securable"
    )
    fgdn: Annotated[bool, only(False, "FGDN is not built yet")] = Field(False, title="Enable FGDN")
    tcp_failover_port: Port = Field(5060, title="TCP Failover Port")
    """Tried once when connecting to another TCP port of the server fails."""
    tls_failover_port: Port = Field(5061, title="TLS Failover Port")


class ServerProfile(Form):
    """A server that the border talks to: here the office."""

    form: ClassVar[str] = "Global Policies > Server Configuration"
    name: Name = Field(title="Profile Name")
    server_type: Annotated[
        Literal["call_server"], only("call_server", "trunk and recording servers are not built yet")
    ] = Field("call_server", title="Server Type")
    sip_domain: Annotated[str, only("", "a SIP domain of the server is not built yet")] = Field(
        "", title="SIP Domain"
    )
    tls_client_profile: Name | None = Field(None, title="TLS Client Profile")
    addresses: tuple[ServerAddress, ...] = Field(min_length=1, title="IP Address / FQDN")
    advanced: ServerAdvanced = ServerAdvanced()


class NextHop(Form):
    """One line of a routing profile: a server and which of its addresses."""

    form: ClassVar[str] = "Global Policies > Routing Profile"
    priority: int = Field(1, ge=1, le=100, title="Priority / Weight")
    server: Name = Field(title="Server Configuration")
    address: str = Field(title="Next Hop Address")
    port: Port = Field(title="Next Hop Address (port)")
    transport: TransportName


class RoutingProfile(Form):
    """Where requests go next."""

    form: ClassVar[str] = "Global Policies > Routing Profile"
    name: Name = Field(title="Profile Name")
    uri_group: Annotated[str, only("*", "URI groups are not built yet")] = Field(
        "*", title="URI Group"
    )
    time_of_day: Annotated[str, only("default", "times of day are not built yet")] = Field(
        "default", title="Time of Day"
    )
    load_balancing: Annotated[
        Literal["priority"], only("priority", "other load balancing is not built yet")
    ] = Field("priority", title="Load Balancing")
    naptr: Annotated[bool, only(False, "NAPTR is not built yet")] = Field(False, title="NAPTR")
    transport: Annotated[str | None, only(None, "it follows the next hop")] = Field(
        None, title="Transport"
    )
    next_hop_priority: Annotated[bool, only(False, "not built yet")] = Field(
        False, title="Next Hop Priority"
    )
    next_hop_in_dialog: Annotated[bool, only(False, "not built yet")] = Field(
        False, title="Next Hop In-Dialog"
    )
    ignore_route_header: Annotated[bool, only(False, "not built yet")] = Field(
        False, title="Ignore Route Header"
    )
    enum: Annotated[bool, only(False, "ENUM is not built yet")] = Field(False, title="ENUM")
    enum_suffix: Annotated[str, only("", "ENUM is not built yet")] = Field("", title="ENUM Suffix")
    next_hops: tuple[NextHop, ...] = Field(min_length=1, title="Next Hop")

    @property
    def by_priority(self) -> tuple[NextHop, ...]:
        """The next hops in the order in which they are tried."""
        return tuple(sorted(self.next_hops, key=lambda hop: hop.priority))


class EndPointPolicyGroup(Form):
    """The rules that a flow's calls are held to."""

    form: ClassVar[str] = "Domain Policies > End Point Policy Groups"
    name: Name = Field(title="Group Name")
    max_concurrent_sessions: int = Field(10_000, ge=0, title="Application Rule: Maximum Sessions")
    max_sessions_per_endpoint: int = Field(
        10, ge=0, title="Application Rule: Sessions Per Endpoint"
    )
    voice_qos: int = Field(
        184, ge=0, le=255, multiple_of=4, title="Media Rule: Voice QoS (DS byte)"
    )
    media_timeout_seconds: int = Field(60, ge=5, le=3600, title="Media Rule: Media Timeout")
    media_encryption: Literal["required", "preferred", "off"] = Field(
        "off", title="Media Rule: Encryption"
    )
    """SRTP on the flow's leg, with keys in SDP: "preferred" takes it where the peer can, "required"
    refuses RTP in the clear (488). Off on both legs of a call: what the peers agree on passes."""


DEFAULT_POLICY_GROUPS = (EndPointPolicyGroup(name="avaya-def-low-enc"),)
"""Shipped groups, present in every deployment unless one of that name is configured."""
