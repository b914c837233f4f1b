"""Global Policies: server profiles."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from farline.config.base import Form, Name, Port, Secret
from farline.config.server_types import NATURES, Nature, ServerType
from farline.sip import Address, Transport, Uri, WireError
from farline.sip.routing import is_numeric
from farline.sip.transport import canonical_host


def _we_connect(transport: Transport) -> Transport:
    if transport.is_websocket:
        raise ValueError("servers are reached over UDP, TCP or TLS; WebSockets are for phones")
    return transport


ServerTransport = Annotated[Transport, AfterValidator(_we_connect)]


def _sip_uri(text: str) -> str:
    if text:
        try:
            uri = Uri.parse(text)
        except WireError as error:
            raise ValueError(f"{text!r} is no SIP URI: {error.reason}") from None
        if uri.scheme not in ("sip", "sips"):
            raise ValueError(f"{text!r} is no SIP URI; write sip:user@example.com")
    return text


SipUriText = Annotated[str, AfterValidator(_sip_uri)]
"""A SIP URI as text, or nothing."""


_LABEL = r"[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9])?"
_NAME = re.compile(rf"({_LABEL}\.)*(?!\d+\Z){_LABEL}")


def is_name(text: str) -> bool:
    """Whether a text may be a host name or an IP address; no name ends in digits alone."""
    return is_numeric(text) or _NAME.fullmatch(text) is not None


def host_text(text: str) -> str:
    """A host in the spelling that the wire is compared with. Raises ValueError."""
    if not is_name(text):
        raise ValueError(f"{text!r} is neither an IP address nor a host name")
    return canonical_host(text.strip("[]"))


HostText = Annotated[str, Field(min_length=1, max_length=255), AfterValidator(host_text)]
"""An IP address or a host name, in the one spelling that the wire is compared with."""


class Destination(Form):
    """An address of which port and transport may be left to the DNS when it is a name."""

    form: ClassVar[str] = "Global Policies > Server Configuration > General"
    address: HostText = Field(title="IP Address / FQDN")
    port: Port | None = Field(None, title="Port")
    """Empty: by SRV records (RFC 3263), for a name only."""
    transport: ServerTransport | None = Field(None, title="Transport")
    """Empty: by NAPTR records or by preference, for a name only."""

    @model_validator(mode="after")
    def _numbers_are_whole(self) -> Self:
        if is_numeric(self.address) and self.fixed is None:
            raise ValueError(f"{self.address} is an IP address: give port and transport")
        return self

    @property
    def fixed(self) -> tuple[Transport, Address] | None:
        """Transport and address where they are written; None for a name."""
        if self.transport is None or self.port is None or not is_numeric(self.address):
            return None
        return self.transport, Address(self.address, self.port)


class ServerAddress(Destination):
    """One address of a server; a routing profile picks from these."""


class Heartbeat(Form):
    """The Heartbeat page: OPTIONS to every address of the server, so that a dead one is known."""

    form: ClassVar[str] = "Global Policies > Server Configuration > Heartbeat"
    enabled: bool = Field(False, title="Enable Heartbeat")
    frequency: int = Field(30, ge=2, le=3600, title="Frequency")
    """Seconds from one OPTIONS to the next."""
    from_uri: SipUriText = Field("", title="From URI")
    """Empty: our own address."""
    to_uri: SipUriText = Field("", title="To URI")
    """Empty: the server's address."""
    failures_before_down: int = Field(3, ge=1, le=20, title="Failures Before Down")
    """Beats in a row without an answer (or with 503) until the address is down."""
    successes_before_up: int = Field(2, ge=1, le=20, title="Successes Before Up")
    """Answers in a row until an address that was down is up again."""


class Authentication(Form):
    """The Authentication page: who the border is where this server asks (401, 407).

    Requests that the border passes on to the server are answered for; the registrations of phones
    and what phones themselves answer pass as they are.
    """

    form: ClassVar[str] = "Global Policies > Server Configuration > Authentication"
    enabled: bool = Field(False, title="Enable Authentication")
    user_name: str = Field("", max_length=128, pattern=r'^[^\x00-\x1f"]*$', title="User Name")
    realm: str = Field("", max_length=255, pattern=r'^[^\x00-\x1f"]*$', title="Realm")
    """Only challenges of this realm are answered; empty: of any."""
    password: Secret | None = Field(None, title="Password")

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.enabled and (not self.user_name or self.password is None):
            raise ValueError("Enable Authentication needs a User Name and a Password")
        return self


class Registration(Form):
    """The Registration page: the border registers with this server, so that calls reach it."""

    form: ClassVar[str] = "Global Policies > Server Configuration > Registration"
    enabled: bool = Field(False, title="Enable Registration")
    register_with: Literal["priority", "all"] = Field("priority", title="Register With")
    """Priority: the first address that answers, the next one when it does not. All: each."""
    frequency: int = Field(600, ge=30, le=86_400, title="Frequency")
    """Seconds from one REGISTER to the next; earlier where the server grants less."""
    from_uri: SipUriText = Field("", title="From URI")
    """Empty: the User Name of the Authentication page at the SIP Domain, else at the address."""
    to_uri: SipUriText = Field("", title="To URI")
    """Whom the server is to send calls for; empty: as From."""


class DosProtection(Form):
    """The DoS Protection page: how much the border lets through to one server."""

    form: ClassVar[str] = "Global Policies > Server Configuration > DoS Protection"
    requests_per_second: int = Field(500, ge=1, le=100_000, title="Requests Per Second")
    """Requests that begin something (REGISTER, INVITE, ...); more are answered with 503."""
    burst: int = Field(1000, ge=1, le=1_000_000, title="Burst")
    """Requests that may come at once after a quiet time."""


class ServerAdvanced(Form):
    """The Advanced page."""

    form: ClassVar[str] = "Global Policies > Server Configuration > Advanced"
    dos_protection: bool = Field(False, title="Enable DoS Protection")
    """On: the thresholds of the DoS Protection page hold."""
    grooming: bool = Field(False, title="Enable Grooming")
    """Off: every endpoint has a TCP or TLS connection of its own to the server, as the guide asks
    for remote workers. On: all share one."""
    interworking_profile: Name = Field("avaya-ru", title="Interworking Profile")
    signaling_manipulation_script: Name | None = Field(None, title="Signaling Manipulation Script")
    """For the server's messages, unless the server flow names another."""
    securable: bool = Field(False, title="Securable")
    """On: what phones send over TLS goes to this server over TLS only, nowhere else."""
    fgdn: bool = Field(False, title="Enable FGDN")
    """Fully qualified group domain name, on: the server's addresses are one group that shares its
    dialogs, so a request in a dialog that is not answered is tried on another of them. Off: a
    dialog is known to one address only."""
    tcp_failover_port: Port = Field(5060, title="TCP Failover Port")
    """Tried once when connecting to another TCP port of the server fails."""
    tls_failover_port: Port = Field(5061, title="TLS Failover Port")


class ServerProfile(Form):
    """A server that the border talks to: the office, or a provider's trunk."""

    form: ClassVar[str] = "Global Policies > Server Configuration"
    name: Name = Field(title="Profile Name")
    server_type: ServerType = Field("call_server", title="Server Type")
    """A call server reaches registered phones, and phones register with it. A trunk's requests go
    by its server flow's Routing Profile only, and it reads nothing of the inside. A recording
    server gets copies of calls (SIPREC), where a recording rule names it."""
    sip_domain: str = Field("", max_length=255, pattern=r"^[A-Za-z0-9.-]*$", title="SIP Domain")
    """Requests to the border itself (sip:user@our-address) go to the server with this domain;
    empty: with the next hop's address."""
    phone_registrations: bool | None = Field(None, title="Phone Registrations")
    """Whether phones may register with it; empty: with a call server they may, with a trunk not."""
    tls_client_profile: Name | None = Field(None, title="TLS Client Profile")
    addresses: tuple[ServerAddress, ...] = Field(min_length=1, title="IP Address / FQDN")
    authentication: Authentication = Authentication()
    heartbeat: Heartbeat = Heartbeat()
    registration: Registration = Registration()
    dos: DosProtection = DosProtection()
    advanced: ServerAdvanced = ServerAdvanced()

    @property
    def nature(self) -> Nature:
        """What the server's type means."""
        return NATURES[self.server_type]

    @property
    def registers_phones(self) -> bool:
        """Whether REGISTER requests of phones may go there."""
        if self.phone_registrations is not None:
            return self.phone_registrations
        return self.nature.registers_phones
