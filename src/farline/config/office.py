"""The office call server's forms: LAN settings, users, service users."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from farline.config.base import Form, IpText, Name, Port, PortRange, Secret, only

MEDIA_INTERFACE = "office"
"""Name of the office's one media interface, between its switch and its media engine."""

Extension = Annotated[str, Field(pattern=r"^[0-9*#]{1,15}$")]


class SipRegistrar(Form):
    """System > LAN1 > VoIP: the SIP registrar."""

    form: ClassVar[str] = "System > LAN1 > VoIP"
    enabled: bool = Field(True, title="SIP Registrar Enable")
    domain: str = Field(title="Domain Name", min_length=1, max_length=255)
    realm: str = Field("ipoffice", title="Realm", pattern=r'^[^"\\\x00-\x1f]+$')
    udp_port: Port | None = Field(5060, title="UDP Port")
    tcp_port: Port | None = Field(5060, title="TCP Port")
    tls_port: Port | None = Field(5061, title="TLS Port")
    tls_profile: Name | None = Field(None, title="TLS Profile")
    challenge_expiration_seconds: int = Field(
        10, ge=1, le=3600, title="Challenge Expiration Time (sec)"
    )
    digest_algorithms: tuple[Literal["MD5", "SHA-256"], ...] = Field(
        ("MD5",), min_length=1, title="Digest Algorithms"
    )
    """In order of preference, a challenge each. The guide's phones know MD5 only."""
    lease_seconds: int = Field(180, ge=60, le=86_400, title="Registration Lease")
    rtp_port_range: PortRange = Field((40750, 50750), title="RTP Port Number Range")


class User(Form):
    """User: name, password, extension and what the user may use."""

    form: ClassVar[str] = "User"
    name: Name = Field(title="Name", max_length=32)
    password: Secret = Field(title="Password")
    enabled: bool = Field(True, title="Account Status")
    full_name: str = Field("", title="Full Name", max_length=64)
    extension: Extension = Field(title="Extension")
    profile: Literal["basic_user", "power_user"] = Field("power_user", title="Profile")
    """Mobile VoIP Client needs a power user, as in the guide."""
    one_x_portal: bool = Field(False, title="Enable one-X Portal Services")
    mobile_voip: bool = Field(False, title="Enable Mobile VoIP Client")

    @property
    def display_name(self) -> str:
        """What others see: the full name, else the name."""
        return self.full_name or self.name


class ServiceUser(Form):
    """Security settings > Service User: what the portal logs in with."""

    form: ClassVar[str] = "Security Settings > Service Users"
    name: Name = Field(title="Name")
    password: Secret = Field(title="Password")


class Directory(Form):
    """The user directory (DSMLv2 over HTTPS) that portals synchronise from."""

    form: ClassVar[str] = "Security Settings > Services"
    port: Port = Field(443, title="Port number")
    tls_profile: Name = Field(title="TLS Profile")


class Telephony(Form):
    """System > Telephony."""

    form: ClassVar[str] = "System > Telephony"
    no_answer_seconds: int = Field(15, ge=5, le=300, title="Default No Answer Time (secs)")
    max_calls_per_user: int = Field(2, ge=1, le=10, title="Call Appearances")
    """A user with this many calls is busy."""
    voicemail: Annotated[bool, only(False, "voicemail is not built yet")] = Field(
        False, title="Voicemail"
    )


class Office(Form):
    """The call server."""

    form: ClassVar[str] = "System > LAN1 > LAN Settings"
    name: Name = Field("Farline Office", title="System Name")
    ip: IpText = Field(title="IP Address")
    registrar: SipRegistrar
    telephony: Telephony = Telephony()
    users: tuple[User, ...] = Field((), title="Users")
    service_users: tuple[ServiceUser, ...] = Field((), title="Service Users")
    directory: Directory | None = None
