"""The lab's networks: what stands around the deployment when everything is on one machine."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from farline.config.base import Form, IpText, Name


class LabMobile(Form):
    """The mobile client and its settings, as the guide's client shows them."""

    form: ClassVar[str] = "Lab > Mobile"
    ip: IpText = Field(title="Wireless address")
    server: str = Field(title="Server", min_length=1)
    port: int = Field(8444, title="Port")
    username: Name = Field(title="Username")
    sip_user: str = Field(title="Extension")


class LabRouter(Form):
    """The wireless router: masquerades the wireless network behind its WAN address."""

    form: ClassVar[str] = "Lab > Wireless Router"
    lan_ip: IpText = Field(title="Wireless network gateway")
    lan_prefix: int = Field(24, ge=8, le=30)
    wan_ip: IpText = Field(title="WAN port")


class LabDeskPhone(Form):
    """A desk phone in the office network."""

    form: ClassVar[str] = "Lab > Desk phone"
    ip: IpText = Field(title="IP Address")
    username: Name = Field(title="User")
    extension: str = Field(title="Extension")


class Lab(Form):
    """Everything that the guide's picture shows besides border, office and portal."""

    form: ClassVar[str] = "Lab"
    mobile: LabMobile
    router: LabRouter
    desk_phone: LabDeskPhone
    outside_dns: IpText = Field(title="External DNS server")
    inside_dns: IpText = Field(title="Internal DNS server")
