"""Device Specific Settings > Network Management: interfaces and networks."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Annotated, ClassVar

from pydantic import BeforeValidator, Field, model_validator

from farline.config.base import Form, IpText, Name


class Interface(Form):
    """A physical interface of the border: A1 inside, B1 outside."""

    form: ClassVar[str] = "Device Specific Settings > Network Management > Interfaces"
    name: Name = Field(title="Interface Name")
    vlan_tag: Annotated[int | None, Field(ge=1, le=4094)] = Field(None, title="VLAN Tag")
    """A VLAN of the device: what is sent and heard goes by `link`, as eth1.100."""

    enabled: bool = Field(False, title="Status")
    device: str | None = Field(None, title="Device", pattern=r"^[A-Za-z0-9_.\-]{1,10}$")
    """The Linux network device. Signaling sockets are bound to it; `farline check` looks whether
    the host has addresses and routes on it. None: the host's addresses and routes decide."""

    @model_validator(mode="after")
    def _vlan_of_a_device(self) -> Interface:
        if self.vlan_tag is not None and self.device is None:
            raise ValueError("a VLAN tag needs the device that it is on")
        return self

    @property
    def link(self) -> str | None:
        """The device that packets go by: the VLAN's, where there is a tag."""
        if self.device is None or self.vlan_tag is None:
            return self.device
        return f"{self.device}.{self.vlan_tag}"


class NetworkAddress(Form):
    """One address of a network."""

    form: ClassVar[str] = "Device Specific Settings > Network Management > Networks"
    ip: IpText = Field(title="IP Address")
    public_ip: IpText | None = Field(None, title="Public IP")
    """What peers are told (Via, Contact, Record-Route, SDP) where a 1:1 NAT stands before us; None:
    the address itself."""

    gateway_override: IpText | None = Field(None, title="Gateway Override")
    """The way out for this address; None: the network's gateway. Routes are the host's: `farline
    check` looks at them and gives the commands."""

    @model_validator(mode="after")
    def _one_version(self) -> NetworkAddress:
        if self.public_ip is not None and (":" in self.ip) != (":" in self.public_ip):
            raise ValueError("IP Address and Public IP are of the same IP version")
        return self


def _prefix(given: object) -> object:
    return str(given) if isinstance(given, int) and not isinstance(given, bool) else given


class Network(Form):
    """A network that the border is in."""

    form: ClassVar[str] = "Device Specific Settings > Network Management > Networks"
    name: Name = Field(title="Name")
    default_gateway: IpText = Field(title="Default Gateway")
    prefix: Annotated[str, BeforeValidator(_prefix)] = Field(title="Network Prefix or Subnet Mask")
    interface: Name = Field(title="Interface")
    addresses: tuple[NetworkAddress, ...] = Field(min_length=1, title="IP Address")

    @model_validator(mode="after")
    def _one_subnet(self) -> Network:
        try:
            net = self.subnet
        except ValueError:
            first = self.addresses[0].ip
            raise ValueError(
                f"{self.prefix!r} is no prefix for {first}; write 24 or 255.255.255.0"
            ) from None
        overrides = [entry.gateway_override for entry in self.addresses if entry.gateway_override]
        own = [entry.ip for entry in self.addresses]
        for address in (self.default_gateway, *own, *overrides):
            if ip_address(address) not in net:
                raise ValueError(f"{address} is not in the network {net}")
        for address in own:
            if own.count(address) > 1:
                raise ValueError(f"{address} is listed twice")
            if address in (self.default_gateway, *overrides):
                raise ValueError(f"{address} is our own address: the gateway is another machine")
            ends = (net.network_address, net.broadcast_address) if net.version == 4 else ()
            if net.num_addresses > 2 and ip_address(address) in ends:
                raise ValueError(f"{address} is the network {net} itself: no machine has it")
        return self

    @property
    def subnet(self) -> IPv4Network | IPv6Network:
        """The network that the addresses are in."""
        return ip_network(f"{self.addresses[0].ip}/{self.prefix.lstrip('/')}", strict=False)
