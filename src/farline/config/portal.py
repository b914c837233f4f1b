"""The portal's forms: bootstrap REST, IM/Presence server, providers, what sip-info tells."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from farline.config.base import Form, IpText, Name, Port, Secret, only


class DsmlProvider(Form):
    """Configuration > Providers > DSML-IPO: where the users come from."""

    form: ClassVar[str] = "Configuration > Providers > Default-DSML-IPO-Provider"
    address: str = Field(title="IP Address", min_length=1, max_length=255)
    system_name: Name = Field("Farline Office", title="IP Office System Name")
    """The office's System Name, below which its directory keeps the users."""
    port: Port = Field(443, title="Port number")
    user: Name = Field(title="User")
    password: Secret = Field(title="Password")
    timeout: int = Field(300, ge=30, le=600, title="Timeout")
    """Seconds between two synchronisations, as the guide bounds it."""
    secure: Annotated[bool, only(True, "users are synchronised over TLS only")] = Field(
        True, title="Secure Connection"
    )
    tls_client_profile: Name = Field(title="TLS Client Profile")


class ImPresence(Form):
    """Configuration > IM/Presence Server."""

    form: ClassVar[str] = "Configuration > IM/Presence Server"
    domain: str = Field(title="XMPP Domain Name", min_length=1, max_length=255)
    port: Port = Field(5222, title="Client port")
    mybuddy: Annotated[str, Field(pattern=r"^[a-z0-9._-]{1,64}$")] = Field(
        "mybuddy", title="MyBuddy username"
    )
    server_to_server: Annotated[bool, only(False, "federation is not built yet")] = Field(
        False, title="Server to Server Federation"
    )
    tls_profile: Name = Field(title="TLS Profile")


class SipInfo(Form):
    """What sip-info tells the client. QoS values are whole DS bytes, as the guide's log shows."""

    form: ClassVar[str] = "Configuration > SIP settings for mobile clients"
    domain: str = Field(title="SIP Domain", min_length=1, max_length=255)
    realm: str = Field("ipoffice", title="Realm")
    private_address: IpText = Field(title="Private Address")
    private_tcp_port: Port = Field(5060, title="Private TCP Port")
    private_udp_port: Port = Field(5060, title="Private UDP Port")
    private_tls_port: Port = Field(5061, title="Private TLS Port")
    public_address: IpText = Field("0.0.0.0", title="Public Address")  # noqa: S104 - the guide's "unset"
    public_tcp_port: Port = Field(5060, title="Public TCP Port")
    public_udp_port: Port = Field(5060, title="Public UDP Port")
    public_tls_port: Port = Field(5061, title="Public TLS Port")
    signalling_qos: int = Field(136, ge=0, le=255, title="Signalling Qos")
    voice_qos: int = Field(184, ge=0, le=255, title="Voice Qos")
    video_qos: int = Field(184, ge=0, le=255, title="Video Qos")
    voip_mode: Literal["always", "never"] = Field("always", title="VoIP Mode")


class Portal(Form):
    """The portal."""

    form: ClassVar[str] = "Configuration"
    ip: IpText = Field(title="IP Address")
    server_name: str = Field(title="Server Name", min_length=1, max_length=255)
    """The name that clients dial, inside and outside."""
    rest_port: Port = Field(8444, title="REST Port")
    communicator_port: Port | None = Field(None, title="Communicator Port")
    """The same REST resources for clients that dial 9443; None: off."""
    tls_profile: Name = Field(title="TLS Profile")
    im_presence: ImPresence
    dsml_provider: DsmlProvider
    sip_info: SipInfo
    max_failed_logins: int = Field(10, ge=1, le=1000, title="Failed Logins Before Throttling")
    """Per user and minute; the relay hides the clients' addresses, so it cannot be per address."""
