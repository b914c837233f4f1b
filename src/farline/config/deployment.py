"""The whole deployment: one value that every process is given its part of."""

from __future__ import annotations

from ipaddress import ip_address
from typing import ClassVar, Literal

from pydantic import Field, field_validator

from farline.config.base import Form, IpText, Port, Secret
from farline.config.flows import ServerFlow, SubscriberFlow
from farline.config.interfaces import MediaInterface, SignalingInterface
from farline.config.interworking import DEFAULT_INTERWORKING, InterworkingProfile
from farline.config.lab import Lab
from farline.config.media_engine import MediaEngine
from farline.config.names import Dns
from farline.config.network import Interface, Network
from farline.config.office import Office
from farline.config.policies import Policies
from farline.config.portal import Portal
from farline.config.relays import ApplicationRelay
from farline.config.routing import RoutingProfile
from farline.config.scripts import SignalingScript
from farline.config.server import (
    ServerProfile,
)
from farline.config.shield import Shield
from farline.config.tls import TlsClientProfile, TlsServerProfile
from farline.config.topology_hiding import TopologyAudit, TopologyHidingProfile


class Border(Policies):
    """The session border controller: every form of the guide's chapter."""

    form: ClassVar[str] = "Session Border Controller"
    interfaces: tuple[Interface, ...] = ()
    networks: tuple[Network, ...] = ()
    media_interfaces: tuple[MediaInterface, ...] = ()
    signaling_interfaces: tuple[SignalingInterface, ...] = ()
    server_profiles: tuple[ServerProfile, ...] = ()
    signaling_scripts: tuple[SignalingScript, ...] = ()
    interworking_profiles: tuple[InterworkingProfile, ...] = ()
    routing_profiles: tuple[RoutingProfile, ...] = ()
    topology_hiding_profiles: tuple[TopologyHidingProfile, ...] = ()
    topology_hiding_key: Secret | None = None
    """Hidden Call-IDs are made with it: the same after a restart, and on every node."""
    topology_audit: TopologyAudit = TopologyAudit()
    subscriber_flows: tuple[SubscriberFlow, ...] = ()
    server_flows: tuple[ServerFlow, ...] = ()
    application_relays: tuple[ApplicationRelay, ...] = ()
    media_engine: MediaEngine = MediaEngine()
    shield: Shield = Shield()
    dns: Dns = Dns()

    @property
    def interworking(self) -> tuple[InterworkingProfile, ...]:
        """The configured interworking profiles and the shipped ones that none of them replaces."""
        names = {profile.name for profile in self.interworking_profiles}
        shipped = tuple(one for one in DEFAULT_INTERWORKING if one.name not in names)
        return self.interworking_profiles + shipped

    def shown(self, ip: str) -> str:
        """What peers are told instead of an address of ours: its Public IP, where it has one."""
        for network in self.networks:
            for address in network.addresses:
                if address.ip == ip:
                    return address.public_ip or ip
        return ip

    def media_addresses(self) -> dict[str, str]:
        """What SDP says of each media interface, by name."""
        return {one.name: self.shown(one.ip) for one in self.media_interfaces}

    def link(self, network: str) -> str | None:
        """The Linux device of a network; None: none is named."""
        interface = next((one.interface for one in self.networks if one.name == network), None)
        return next((one.link for one in self.interfaces if one.name == interface), None)


class Ems(Form):
    """The element manager's own address: on this machine only, for it speaks plain HTTP."""

    form: ClassVar[str] = "Element Manager"
    ip: IpText = Field("127.0.0.1", title="Management address")
    port: Port = Field(8090, title="Port")

    @field_validator("ip")
    @classmethod
    def _stays_here(cls, ip: str) -> str:
        if not ip_address(ip).is_loopback:
            raise ValueError("the element manager has no TLS yet; give a loopback address (127.x)")
        return ip


class Deployment(Form):
    """One deployment file. A role whose section is missing is not run."""

    form: ClassVar[str] = "Deployment"
    version: Literal[1] = 1
    tls_server_profiles: tuple[TlsServerProfile, ...] = ()
    tls_client_profiles: tuple[TlsClientProfile, ...] = ()
    border: Border | None = None
    office: Office | None = None
    portal: Portal | None = None
    ems: Ems | None = None
    lab: Lab | None = None
