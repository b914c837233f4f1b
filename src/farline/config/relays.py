"""Device Specific Settings > DMZ Services > Relay Services: the application relays."""

from __future__ import annotations

import re
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, model_validator

from farline.config.base import Form, IpText, Name, Port

_FORM = "Device Specific Settings > DMZ Services > Relay Services"
_PATH = re.compile(r"(?:/[A-Za-z0-9._~!$&'()*+,=:@-]*)+")
_HOST = re.compile(r"[A-Za-z0-9._-]{1,253}|[0-9A-Fa-f:.]{2,45}")
ServiceType = Literal["HTTP", "XMPP", "RTCP", "LDAP", "SCEP", "CES", "other"]
RelayTransport = Literal["TCP", "TLS", "UDP"]


def _path(text: str) -> str:
    if not _PATH.fullmatch(text) or "//" in text or {".", ".."} & set(text.split("/")):
        raise ValueError(
            f"{text!r} is no plain path: begin with /, without //, . and .. segments, ?, % and ;"
        )
    return text


def _host(text: str) -> str:
    if not _HOST.fullmatch(text):
        raise ValueError(f"{text!r} is neither a host name nor an address; leave port and / away")
    return text.lower().rstrip(".")


def _network(text: str) -> str:
    try:
        return str(ip_network(text))
    except ValueError as error:
        raise ValueError(f"{text!r} is no network: {error}") from None


PathText = Annotated[str, Field(max_length=1024), AfterValidator(_path)]
HostText = Annotated[str, Field(max_length=253), AfterValidator(_host)]


class RelayRemote(Form):
    """Remote Configuration: where the relay connects to."""

    form: ClassVar[str] = _FORM
    address: str = Field(title="Remote IP/FQDN", min_length=1, max_length=255)
    port: Port = Field(title="Remote Port")
    transport: RelayTransport = Field("TCP", title="Remote Transport")
    tls_client_profile: Name | None = Field(None, title="TLS Client Profile")
    networks: tuple[Annotated[str, AfterValidator(_network)], ...] = Field(
        (), title="Remote Networks"
    )
    """Where the addresses of a Remote FQDN must be; empty: in the network of Connect IP. Answers of
    the DNS outside are refused."""

    def allowed(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """`networks`, read."""
        return tuple(ip_network(one) for one in self.networks)


class RelayDevice(Form):
    """Device Configuration: where the relay listens and from where it connects."""

    form: ClassVar[str] = _FORM
    listen_network: Name = Field(title="Listen IP (network)")
    listen_ip: IpText = Field(title="Listen IP")
    listen_port: Port = Field(title="Listen Port")
    connect_network: Name = Field(title="Connect IP (network)")
    connect_ip: IpText = Field(title="Connect IP")
    listen_transport: RelayTransport = Field("TCP", title="Listen Transport")
    tls_profile: Name | None = Field(None, title="TLS Profile")


class HttpService(Form):
    """What a relay of service type HTTP lets through; all else is refused."""

    form: ClassVar[str] = _FORM
    methods: tuple[Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"], ...] = (
        Field(("GET", "HEAD"), min_length=1, title="HTTP Methods")
    )
    hosts: tuple[HostText, ...] = Field((), title="HTTP Hosts")
    """Names and addresses that clients may ask for (Host, SNI); empty: the portal's Server Name,
    Remote IP/FQDN and Listen IP. A client without SNI is let in when an address is among them."""
    paths: tuple[PathText, ...] = Field(("/sipxconfig/rest/my/",), min_length=1, title="HTTP Paths")
    """One that ends in / stands for all below it, another only for itself."""
    bootstrap_paths: tuple[PathText, ...] = Field(
        ("/sipxconfig/rest/my/im-info", "/sipxconfig/rest/my/sip-info"),
        title="Bootstrap Paths",
    )
    """With Whitelist Flows: what an address without a registered phone may ask for."""
    tls_passthrough: bool = Field(True, title="TLS Passthrough")
    """Listen Transport TCP: a client that begins with TLS goes through to the server unread. Only
    the name that it asks for (SNI) can then be checked, no method, path or Host."""
    websocket: bool = Field(False, title="WebSocket")
    """Let `Upgrade: websocket` through; what follows is not looked at."""
    forwarded_for: Literal["set", "append", "remove"] = Field("set", title="X-Forwarded-For")
    """set: the client's address alone; append: after what the client said; remove: none."""
    max_body_bytes: int = Field(1_048_576, ge=0, le=1 << 40, title="Maximum Body")


class XmppService(Form):
    """What a relay of service type XMPP lets through."""

    form: ClassVar[str] = _FORM
    domain: HostText | None = Field(None, title="XMPP Domain")
    """The only domain that streams may be opened to; None: the portal's XMPP Domain Name. Stanzas
    in the clear (or in TLS that ends at the border) may also go to its subdomains."""
    max_stanza_bytes: int = Field(65_536, ge=10_000, le=10_485_760, title="Maximum Stanza")


class ApplicationRelay(Form):
    """A relay from the outside to a service inside."""

    form: ClassVar[str] = _FORM
    name: Name = Field(title="Name")
    service_type: ServiceType = Field(title="Service Type")
    remote: RelayRemote
    device: RelayDevice
    http: HttpService = Field(default_factory=HttpService)
    xmpp: XmppService = Field(default_factory=XmppService)
    whitelist_flows: bool = Field(False, title="Whitelist Flows")
    """Serve only addresses from which a phone is registered; before that only what a first login
    needs: HTTP Bootstrap Paths and XMPP, for Login Time, few connections."""
    login_seconds: int = Field(120, ge=5, le=3600, title="Login Time")
    max_connections_per_stranger: int = Field(
        8, ge=1, le=1_000_000, title="Maximum Connections Per Stranger"
    )
    relay_actors: bool = Field(False, title="Use Relay Actors")
    """Let the options below change monitoring reports on their way to the server."""

    options: tuple[
        Literal["RTCP Monitoring", "End-to-End Rewrite", "Hop-by-Hop Traceroute", "Bridging"], ...
    ] = Field((), title="Options")
    """RTCP Monitoring counts and changes nothing; the others change reports of IPv4 media in the
    vendor's form (APP packets named -AV-)."""

    max_connections: int = Field(2000, ge=1, le=1_000_000, title="Maximum Connections")
    max_connections_per_source: int = Field(
        200, ge=1, le=1_000_000, title="Maximum Connections Per Source"
    )
    """A whole site may come from one address, so this is not small."""
    idle_seconds: int = Field(3600, ge=10, le=86_400, title="Idle Timeout")
    connect_seconds: int = Field(10, ge=1, le=60, title="Connect Timeout")
    request_seconds: int = Field(30, ge=1, le=600, title="Request Timeout")
    """For a whole HTTP request, a TLS greeting, an XMPP stream header or stanza, however slow it
    trickles."""

    @model_validator(mode="after")
    def _fits(self) -> ApplicationRelay:
        udp = {self.device.listen_transport, self.remote.transport} & {"UDP"}
        if udp and self.device.listen_transport != self.remote.transport:
            raise ValueError(
                "UDP on one side only: a stream has no datagrams; set both transports to UDP"
            )
        if udp and self.service_type in ("HTTP", "XMPP"):
            raise ValueError(f"{self.service_type} goes over TCP or TLS, not UDP")
        if "RTCP Monitoring" in self.options and (self.service_type != "RTCP" or not udp):
            raise ValueError("RTCP Monitoring is for service type RTCP with both transports UDP")
        acting = set(self.options) - {"RTCP Monitoring"}
        for option in sorted(acting):
            if self.service_type != "RTCP" or not udp:
                raise ValueError(f"{option} is for service type RTCP with both transports UDP")
            if not self.relay_actors:
                raise ValueError(f"{option} changes reports; that needs Use Relay Actors")
        if self.relay_actors and not acting:
            raise ValueError("Use Relay Actors without one of the options that change reports")
        return self
