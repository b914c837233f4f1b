"""Device Specific Settings: media interfaces and signaling interfaces."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field, model_validator

from farline.config.base import Form, IpText, Name, Port, PortRange
from farline.sip import Transport

Origin = Annotated[
    str,
    Field(
        pattern=r"^(\*|https?://[A-Za-z0-9.\-]+(:\d{1,5})?|https?://\[[0-9A-Fa-f:]+\](:\d{1,5})?)$"
    ),
]
"""A web origin as browsers send it (RFC 6454 section 6.2), or `*`."""


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
    ws_port: Port | None = Field(None, title="WS Port")
    wss_port: Port | None = Field(None, title="WSS Port")
    ws_origins: tuple[Origin, ...] = Field((), title="WebSocket Origins")
    """Web pages that may connect, as https://phone.example.com, or `*`. Programs that are no
    browsers name no origin and are always heard."""

    shared_control: bool = Field(False, title="Enable Shared Control")
    """A second port, for programs that share a phone's user: over TLS where there is a profile,
    else over TCP. They register and are served as phones are."""

    shared_control_port: Port | None = Field(None, title="Shared Control Port")

    @model_validator(mode="after")
    def _shared_port(self) -> SignalingInterface:
        if self.shared_control != (self.shared_control_port is not None):
            raise ValueError("Enable Shared Control and Shared Control Port go together")
        return self

    def port(self, transport: Transport) -> int | None:
        """The port for a transport; None when it is disabled."""
        return {
            Transport.TCP: self.tcp_port,
            Transport.UDP: self.udp_port,
            Transport.TLS: self.tls_port,
            Transport.WS: self.ws_port,
            Transport.WSS: self.wss_port,
        }[transport]

    @property
    def uses_tls(self) -> bool:
        """Whether a port of it needs the TLS profile."""
        shared = self.shared_control and self.tls_profile is not None
        return shared or self.tls_port is not None or self.wss_port is not None
