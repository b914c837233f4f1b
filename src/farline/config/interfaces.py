"""Device Specific Settings: media interfaces and signaling interfaces."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from farline.config.base import Form, IpText, Name, Port, PortRange, only
from farline.sip import Transport


class MediaInterface(Form):
    """Where RTP of one side lives."""

    form: ClassVar[str] = "Device Specific Settings > Media Interface"
    name: Name = Field(title="Name")
    network: Name = Field(title="IP Address (network)")
    ip: IpText = Field(title="IP Address")
    port_range: PortRange = Field(title="Port Range")


class SignalingInterface(Form):
    """Where SIP of one side lives. A port left out is disabled."""

    form: ClassVar[str] = "Device Specific Settings > Signaling Interface"
    name: Name = Field(title="Name")
    network: Name = Field(title="IP Address (network)")
    ip: IpText = Field(title="IP Address")
    tcp_port: Port | None = Field(None, title="TCP Port")
    udp_port: Port | None = Field(None, title="UDP Port")
    tls_port: Port | None = Field(None, title="TLS Port")
    tls_profile: Name | None = Field(None, title="TLS Profile")
    shared_control: Annotated[bool, only(False, "shared control is not built yet")] = Field(
        False, title="Enable Shared Control"
    )
    shared_control_port: Annotated[Port | None, only(None, "shared control is not built yet")] = (
        Field(None, title="Shared Control Port")
    )

    def port(self, transport: Transport) -> int | None:
        """The port for a transport; None when it is disabled."""
        return {
            Transport.TCP: self.tcp_port,
            Transport.UDP: self.udp_port,
            Transport.TLS: self.tls_port,
        }[transport]
