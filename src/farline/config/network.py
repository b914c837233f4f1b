"""Device Specific Settings > Network Management: interfaces and networks; TLS profiles."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import Field, model_validator

from farline.config.base import Form, IpText, Name, only


class Interface(Form):
    """A physical interface of the border: A1 inside, B1 outside."""

    form: ClassVar[str] = "Device Specific Settings > Network Management > Interfaces"
    name: Name = Field(title="Interface Name")
    vlan_tag: Annotated[int | None, only(None, "VLAN tags are not built yet")] = Field(
        None, title="VLAN Tag"
    )
    enabled: bool = Field(False, title="Status")


class NetworkAddress(Form):
    """One address of a network."""

    form: ClassVar[str] = "Device Specific Settings > Network Management > Networks"
    ip: IpText = Field(title="IP Address")
    public_ip: Annotated[IpText | None, only(None, "public addresses are not built yet")] = Field(
        None, title="Public IP"
    )
    gateway_override: Annotated[
        IpText | None, only(None, "gateway overrides are not built yet")
    ] = Field(None, title="Gateway Override")


class Network(Form):
    """A network that the border is in."""

    form: ClassVar[str] = "Device Specific Settings > Network Management > Networks"
    name: Name = Field(title="Name")
    default_gateway: IpText = Field(title="Default Gateway")
    prefix: str = Field(title="Network Prefix or Subnet Mask")
    interface: Name = Field(title="Interface")
    addresses: tuple[NetworkAddress, ...] = Field(min_length=1, title="IP Address")

    @model_validator(mode="after")
    def _one_subnet(self) -> Network:
        net = self.subnet
        for address in (self.default_gateway, *(entry.ip for entry in self.addresses)):
            if ip_address(address) not in net:
                raise ValueError(f"{address} is not in the network {net}")
        return self

    @property
    def subnet(self) -> IPv4Network | IPv6Network:
        """The network that the addresses are in."""
        return ip_network(f"{self.addresses[0].ip}/{self.prefix.lstrip('/')}", strict=False)


class TlsServerProfile(Form):
    """How we show ourselves to TLS clients. Paths are relative to the configuration file."""

    form: ClassVar[str] = "TLS Management > Server Profiles"
    name: Name = Field(title="Profile Name")
    certificate: Path = Field(title="Certificate")
    key: Path = Field(title="Private Key")


class TlsClientProfile(Form):
    """Whom we believe when we connect with TLS."""

    form: ClassVar[str] = "TLS Management > Client Profiles"
    name: Name = Field(title="Profile Name")
    peer_certificate_authorities: Path = Field(title="Peer Certificate Authorities")
    peer_verification: bool = Field(True, title="Peer Verification")
