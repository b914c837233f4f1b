"""What a login asks of the outside (sockets in `runtime.phones.mobile`, replies in tests)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from farline.mobile.steps import Door

if TYPE_CHECKING:
    from farline.config import Secret
    from farline.sip.transport import Address, Transport


@dataclass(frozen=True, slots=True)
class Resolve:
    """The address of a name; reply: the address (str)."""

    host: str
    step: str = "dns"
    door: Door = Door.DNS


@dataclass(frozen=True, slots=True)
class Fetch:
    """GET with the user's credentials from that address; reply: `Fetched`."""

    step: str
    host: str
    address: str
    port: int
    path: str
    door: Door = Door.REST

    @property
    def url(self) -> str:
        """For people."""
        return f"https://{self.host}:{self.port}{self.path}"


@dataclass(frozen=True, slots=True)
class Fetched:
    """A reply of the portal."""

    status: int
    body: bytes
    scheme: str = ""
    """How it authenticated: "Digest", "Basic", "" for not at all."""


@dataclass(frozen=True, slots=True)
class ConnectIm:
    """Log in by XMPP at that address; reply: the bound JID (str)."""

    jid: str
    resource: str
    address: str
    port: int
    domain: str
    password: Secret
    step: str = "xmpp"
    door: Door = Door.XMPP


@dataclass(frozen=True, slots=True)
class AwaitBuddy:
    """Wait for available presence from that bare JID; reply: its status text (str)."""

    jid: str
    step: str = "mybuddy"
    door: Door = Door.XMPP


@dataclass(frozen=True, slots=True)
class RegisterSip:
    """Register; reply: the lease in seconds (int)."""

    domain: str
    extension: str
    realm: str
    server: Address
    transport: Transport
    password: Secret
    voice_qos: int
    """Whole DS byte for RTP."""
    signalling_qos: int
    """Whole DS byte for SIP."""
    step: str = "register"
    door: Door = Door.SIP


Ask = Resolve | Fetch | ConnectIm | AwaitBuddy | RegisterSip
