"""System Management > Devices > DNS: which name servers the border asks."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from farline.config.base import Form, IpText, Port


class NameServer(Form):
    """One name server."""

    form: ClassVar[str] = "System Management > Devices > DNS Configuration"
    ip: IpText = Field(title="IP Address")
    port: Port = Field(53, title="Port")


class Dns(Form):
    """Name servers in the order in which they are asked; none: those of the system."""

    form: ClassVar[str] = "System Management > Devices > DNS Configuration"
    servers: tuple[NameServer, ...] = Field((), max_length=4, title="Primary, Secondary")
